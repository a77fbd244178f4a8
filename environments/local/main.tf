# The module against an AWS emulator on loopback. Endpoint, keys and region come from the usual environment variables
# (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION), so nothing here knows a port.
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
  # The emulator's account. Without AWS_ENDPOINT_URL the keys in the shell would be those of a real account, which
  # must not get users with access keys.
  allowed_account_ids = ["000000000000"]
}

locals {
  stage_name = "local" # `$default` in a signed path trips curl
}

data "aws_region" "current" {}

module "records_api" {
  source = "../../modules/records-api"

  name        = "records"
  environment = "local"
  operations  = ["list", "get", "create", "update", "delete"]
  api         = { stage_name = local.stage_name }
  function    = var.function
  release     = var.release
  table       = { deletion_protection = false }
}

# Real keys: the emulator checks signatures and policies of users, and neither of the root keys it starts with.
resource "aws_iam_user" "caller" {
  #checkov:skip=CKV_AWS_273:The emulator has no SSO; allowed_account_ids keeps these users off AWS
  for_each = toset(["reader", "writer"])

  name = "records-local-${each.key}"
}

resource "aws_iam_user_policy_attachment" "caller" {
  #checkov:skip=CKV_AWS_40:Each user stands for one policy, and exists on the emulator only
  for_each = {
    reader = module.records_api.reader_policy_arn
    writer = module.records_api.writer_policy_arn
  }

  user       = aws_iam_user.caller[each.key].name
  policy_arn = each.value
}

resource "aws_iam_access_key" "caller" {
  for_each = aws_iam_user.caller

  user = each.value.name
}
