# The state bucket for all environments of an account; apply once per account. Its own state is
# local until you migrate it into the bucket, see README.md.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.region
}

module "state_backend" {
  source = "../../modules/state-backend"

  name          = "records"
  access_logs   = var.access_logs
  environment   = var.environment
  profile       = var.profile
  force_destroy = var.force_destroy
}
