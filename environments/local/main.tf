# The module on a local AWS emulator. Endpoint, credentials and region come from AWS_ENDPOINT_URL,
# AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.
terraform {
  required_version = ">= 1.11"

  backend "local" {
    path = "../../.local/terraform.tfstate"
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  # The emulator's account ID. If AWS_ENDPOINT_URL is not set, this keeps Terraform from creating
  # the users and access keys below in a real account.
  allowed_account_ids = ["000000000000"]
}

locals {
  stage_name = "local" # with `$default` in the path, requests that curl signs are rejected
}

data "aws_region" "current" {}

module "records_api" {
  source = "../../modules/records-api"

  name        = "records"
  environment = "local"
  operations  = ["list", "get", "create", "update", "delete", "history", "changes", "restore"]
  api         = { stage_name = local.stage_name }
  function    = var.function
  release     = var.release
  table       = { deletion_protection = false }
}

# The emulator checks signatures and policies only for IAM users, not for its root access key.
resource "aws_iam_user" "caller" {
  #checkov:skip=CKV_AWS_273:The emulator has no SSO; allowed_account_ids prevents creation on AWS
  for_each = toset(["auditor", "reader", "writer"])

  name = "records-local-${each.key}"
}

resource "aws_iam_user_policy_attachment" "caller" {
  #checkov:skip=CKV_AWS_40:One user per policy; the users exist only on the emulator
  for_each = {
    auditor = module.records_api.auditor_policy_arn
    reader  = module.records_api.reader_policy_arn
    writer  = module.records_api.writer_policy_arn
  }

  user       = aws_iam_user.caller[each.key].name
  policy_arn = each.value
}

resource "aws_iam_access_key" "caller" {
  for_each = aws_iam_user.caller

  user = each.value.name
}
