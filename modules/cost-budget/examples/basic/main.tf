# $25 per month for the whole account, with notifications to two addresses and a topic.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

module "cost_budget" {
  source = "git::https://git.example.com/platform/records-api.git//modules/cost-budget?ref=<tag>"

  name              = "records"
  environment       = "dev"
  monthly_limit_usd = 25

  notify = {
    create_topic = true
    emails       = ["on-call@example.com", "finance@example.com"]
  }
}

output "topic_arn" {
  description = "Topic for subscriptions, such as a chat channel."
  value       = module.cost_budget.topic_arn
}
