# Trail for one table in an account without another trail.

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

module "audit_trail" {
  source = "git::https://git.example.com/platform/records-api.git//modules/audit-trail?ref=<tag>"

  name        = "records"
  environment = "dev"

  tables = {
    records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/records-dev" }
  }
}

output "log_group_name" {
  description = "Log group with all recorded events."
  value       = module.audit_trail.log_group_name
}
