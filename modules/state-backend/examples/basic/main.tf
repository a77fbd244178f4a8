# State bucket of an account that hosts production.

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

module "state_backend" {
  source = "git::https://git.example.com/platform/records-api.git//modules/state-backend?ref=<tag>"

  name        = "records"
  environment = "prod"
}

output "state_bucket" {
  description = "Bucket name for -backend-config."
  value       = module.state_backend.bucket_name
}
