# Every input but `access`, which is for callers that sign: these authenticate with tokens of the
# company's identity provider. This is a reference, to copy parts from.
#
# Before the apply:
# - an instance that has published version 7, because `release` pins it: a first deployment has no
#   version to pin, so remove `release` from it;
# - an identity provider, a certificate and a hosted zone, as in jwt-browser; a key, as in own-key;
# - the package in the versioned bucket of `lambda_package`, in this region, and its version ID.
#   Remove `lambda_package` to use the package of the module;
# - the SNS topic in `alarms.topic_arns`, whose policy and key allow cloudwatch.amazonaws.com;
# - the policy in `permissions_boundary_arn`, which allows what the README of the module lists;
# - the cost allocation tag Service, activated in the management account: until then, the budget
#   sees no costs.
provider "aws" {
  region = "us-east-1"
}

# An existing key, whose policy contains the statements in the output kms_key_policy_statements.
data "aws_kms_alias" "records" {
  name = "alias/records"
}

data "aws_acm_certificate" "records" {
  domain      = "records.example.com"
  most_recent = true
}

data "aws_route53_zone" "public" {
  name = "example.com"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "audit-notes"
  environment = "prod"
  profile     = "prod" # the default for every environment but local and dev
  operations  = ["list", "get", "create", "update", "delete", "history", "changes", "restore"]

  auth = {
    mode         = "JWT"
    issuer       = "https://login.example.com/"
    audience     = ["records"]
    read_scopes  = ["records/read"]
    write_scopes = ["records/write"]
  }

  api = {
    cors = {
      allow_origins   = ["https://app.example.com"]
      max_age_seconds = 3600
    }
    domain = {
      name            = "records.example.com"
      certificate_arn = data.aws_acm_certificate.records.arn
      hosted_zone_id  = data.aws_route53_zone.public.zone_id
    }
    stage_name     = "$default"
    throttle_burst = 200
    throttle_rate  = 100
  }

  function = {
    dynamodb_endpoint_url = "https://dynamodb-fips.us-east-1.amazonaws.com"
    log_level             = "WARNING"
    memory_mb             = 1024
    reserved_concurrency  = 50
  }

  table = {
    deletion_protection    = true
    filter_indexes         = ["status"]
    point_in_time_recovery = true
    record_retention_days  = 730
  }

  # Alarms go to an address and to the pager's topic. The budget covers resources with the tag.
  alarms = {
    emails     = ["on-call@example.com"]
    topic_arns = ["arn:aws:sns:us-east-1:111122223333:pager"]
    tune = {
      api_latency     = { threshold = 1500 }
      table_throttles = { enabled = false }
    }
  }

  audit = {
    mode              = "create"
    data_events       = "all"
    expected_regions  = ["us-east-1", "us-west-2"]
    management_events = false # the organization has a trail for them
  }

  budget = {
    emails      = ["finance@example.com"]
    monthly_usd = 50
    scope       = { tag_key = "Service", tag_value = "audit-notes-prod" }
    thresholds = {
      half     = { percent = 50 }
      forecast = { percent = 100, type = "FORECASTED" }
    }
  }

  insights = {
    dashboard     = true
    saved_queries = true
  }

  # A package from a versioned bucket. By default, the module uses the package in package/.
  lambda_package = {
    s3 = {
      bucket  = "example-packages"
      key     = "records-api.zip"
      version = "3HL4kqtJlcpXroDTDmJrmSpXd3dIbrHY"
    }
  }

  # Version 7 serves; 5% of the requests go to the version that this apply publishes.
  release = {
    pinned_version = "7"
    canary         = { weight = 0.05 }
  }

  kms_key_arn              = data.aws_kms_alias.records.target_key_arn
  log_retention_days       = 731
  permissions_boundary_arn = "arn:aws:iam::111122223333:policy/service-boundary"
  tags                     = { CostCenter = "4711" }
}

output "records_url" {
  description = "URL of the records."
  value       = module.records.records_url
}
