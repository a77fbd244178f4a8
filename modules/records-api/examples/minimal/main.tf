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

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "orders"
  environment = "dev"
  alarms      = { emails = ["on-call@example.com"] }
}

output "records_url" {
  description = "URL of the records."
  value       = module.records.records_url
}
