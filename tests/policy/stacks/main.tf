# Every module once, with all options that add a policy, and an API for each operation by itself.
# ../test_requests.py evaluates sample requests against the policies that Terraform renders here,
# and scripts/permissions lists what they permit.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

module "state_backend" {
  source = "../../../modules/state-backend"

  name        = "records"
  environment = "prod"
}

module "audit_trail" {
  source = "../../../modules/audit-trail"

  name           = "records"
  environment    = "dev"
  delivery_topic = true
}

module "cost_budget" {
  source = "../../../modules/cost-budget"

  name              = "records"
  environment       = "dev"
  anomaly_monitor   = {}
  monthly_limit_usd = 25
  notify            = { create_topic = true }
}

module "records_api" {
  source = "../../../modules/records-api"

  name        = "records"
  environment = "dev"
  profile     = "prod"
  alarms      = { emails = ["on-call@example.com"] }
  audit       = { mode = "off" }
  budget      = { monthly_usd = 50 }
  function    = { heartbeat = "rate(1 day)" }
  operations  = ["list", "get", "create", "update", "delete", "history", "changes", "restore"]
  table       = { protect_history = true }

  access = {
    trusted_principals = {
      dashboard = { arn = "arn:aws:iam::444455556666:role/dashboard" }
      import    = { arn = "arn:aws:iam::444455556666:role/import", level = "writer" }
      revision  = { arn = "arn:aws:iam::444455556666:role/revision", level = "auditor" }
    }
  }
}

module "operation" {
  source   = "../../../modules/records-api"
  for_each = toset(["list", "get", "create", "update", "delete", "history", "changes", "restore"])

  name        = "records"
  environment = "dev"
  alarms      = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:on-call"] }
  audit       = { mode = "off" }
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/service"
  operations  = [each.key]
}
