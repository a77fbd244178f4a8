# A trail for one table in an account that has no other trail yet.

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
  source = "../.."

  name        = "records"
  environment = "dev"

  tables = {
    records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/records-dev" }
  }
}

output "log_group_name" {
  description = "Where to look for who did what."
  value       = module.audit_trail.log_group_name
}
