terraform {
  required_version = ">= 1.11"

  # The bucket comes with `terraform init -backend-config="bucket=<state bucket>"`, the region from AWS_REGION.
  # No `encrypt`: with it Terraform asks for AES256, which goes round the bucket's own key and is refused there.
  backend "s3" {
    key          = "records-api/dev.tfstate"
    use_lockfile = true
  }

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

module "records_api" {
  source = "../../modules/records-api"

  name        = "records"
  environment = "dev"
  access      = { trusted_principals = var.trusted_principals }
  alarms      = { emails = var.alarm_emails, topic_arns = var.alarm_topic_arns }
  budget      = { monthly_usd = var.monthly_budget_usd }
  insights    = { saved_queries = var.saved_queries }
  release     = var.release

  # A dev stack may be destroyed, its evidence with it.
  audit = merge(var.audit, { force_destroy = true })
  table = { deletion_protection = false }
}
