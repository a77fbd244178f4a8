# $25 per month for everything with one tag, with cost anomaly detection for the same tag. AWS
# allows monitors of tags in the organization's management account only, so apply this there, after
# activating the cost allocation tag.

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
  region = "us-east-1"
}

module "cost_budget" {
  source = "git::https://git.example.com/platform/records-api.git//modules/cost-budget?ref=<tag>"

  name              = "records"
  environment       = "prod"
  anomaly_monitor   = { impact_usd = 10, in_management_account = true }
  monthly_limit_usd = 25
  notify            = { emails = ["finance@example.com"] }
  scope             = { tag_key = "Service", tag_value = "records-prod" }
}
