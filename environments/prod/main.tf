terraform {
  required_version = ">= 1.11"

  # Pass the bucket to init: `terraform init -backend-config="bucket=<state bucket>"`. The region
  # comes from AWS_REGION. `encrypt` is not set, so that the bucket's default encrypts with its key;
  # `encrypt = true` without kms_key_id requests AES256, which the bucket policy denies.
  backend "s3" {
    key          = "records-api/prod.tfstate"
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
  environment = "prod"
  access      = { trusted_principals = var.trusted_principals }
  alarms      = { emails = var.alarm_emails, topic_arns = var.alarm_topic_arns }
  audit       = var.audit
  operations  = ["list", "get", "create", "update", "history", "changes", "restore"]
  insights    = { saved_queries = var.saved_queries }
  release     = var.release
  table       = { name_suffix = var.table_name_suffix, protect_history = var.protect_history }

  budget = {
    mode        = var.no_budget_reason == null ? "create" : "off"
    monthly_usd = var.monthly_budget_usd
    reason      = var.no_budget_reason
  }
}
