# Every resource type of the modules, for scripts/deployer: it applies this to the emulator, changes
# it with `changed`, destroys it, and lists the calls of the AWS provider.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

variable "certificate_arn" {
  description = "ARN of a certificate for records.example.com."
  type        = string
}

variable "changed" {
  description = "Whether to change what can be changed in place."
  type        = bool
  default     = false
}

variable "hosted_zone_id" {
  description = "ID of the hosted zone example.com."
  type        = string
}

variable "package" {
  description = "Path of another package."
  type        = string
}

provider "aws" {
  allowed_account_ids = ["000000000000"] # the emulator
}

locals {
  days = var.changed ? 400 : 365
  tags = var.changed ? { Second = "true" } : { First = "true" }
}

module "state_backend" {
  source = "../../../modules/state-backend"

  name          = "records"
  environment   = "dev"
  access_logs   = { bucket = "access-logs", prefix = var.changed ? "changed/" : "state/" }
  force_destroy = true
  history_days  = var.changed ? 100 : 90
  tags          = local.tags
}

module "audit_trail" {
  source = "../../../modules/audit-trail"

  name               = "records"
  environment        = "dev"
  delivery_topic     = true
  expected_regions   = ["us-east-1"]
  log_retention_days = local.days
  management_events  = var.changed
  tags               = local.tags

  bucket = {
    access_logs = { bucket = module.state_backend.bucket_name }
    expire_days = local.days
    object_lock = var.changed ? { days = 1, mode = "GOVERNANCE" } : null
  }

  tables = { records = { arn = module.records_api.table_arn } }
}

module "cost_budget" {
  source = "../../../modules/cost-budget"

  name              = "standalone"
  environment       = "dev"
  monthly_limit_usd = var.changed ? 30 : 25
  notify            = { create_topic = true, emails = ["finance@example.com"] }
  tags              = local.tags

  thresholds = {
    half = { percent = var.changed ? 60 : 50 }
    full = { percent = 100 }
  }
}

module "records_api" {
  source = "../../../modules/records-api"

  name               = "records"
  environment        = "dev"
  audit              = { mode = "off" }
  budget             = var.changed ? { monthly_usd = 50 } : null # also in the policy of the key
  log_retention_days = local.days
  tags               = local.tags

  operations = concat(
    ["list", "get", "create", "update", "history", "changes", "restore"],
    var.changed ? ["delete"] : [],
  )

  access = {
    trusted_principals = {
      reports = { arn = "arn:aws:iam::444455556666:role/${var.changed ? "billing" : "reports"}" }
    }
  }

  alarms = {
    emails = ["on-call@example.com"]
    tune   = { api_latency = { threshold = var.changed ? 2000 : 1500 } }
  }

  api = {
    cors          = { allow_origins = ["https://${var.changed ? "new" : "app"}.example.com"] }
    throttle_rate = var.changed ? 60 : 50

    domain = {
      certificate_arn = var.certificate_arn
      hosted_zone_id  = var.hosted_zone_id
      name            = "records.example.com"
    }
  }

  auth = {
    mode     = "IAM"
    issuer   = "https://login.example.com/"
    audience = var.changed ? ["records", "reports"] : ["records"]

    read_scopes = [var.changed ? "records/get" : "records/read"]
  }

  function = {
    heartbeat            = var.changed ? "rate(2 days)" : "rate(1 day)"
    memory_mb            = var.changed ? 512 : 256
    reserved_concurrency = var.changed ? null : 4
  }

  lambda_package           = { path = var.changed ? var.package : null }
  permissions_boundary_arn = var.changed ? "arn:aws:iam::aws:policy/PowerUserAccess" : null

  # The change is a canary: version 1 serves, and a part of the requests goes to the new version.
  release = {
    pinned_version = var.changed ? "1" : null
    canary         = var.changed ? {} : null
  }

  table = {
    deletion_protection   = false
    filter_indexes        = var.changed ? ["status", "type"] : ["status"]
    protect_history       = true
    record_retention_days = 30
  }
}
