# The longest names that the inputs allow, in the region with the longest name. The test
# tests/contract/test_names.py compares what this run creates with the limits of AWS.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_partition" {
    defaults = { partition = "aws-iso-f", dns_suffix = "csp.hci.ic.gov" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-isof-south-1" }
  }
}

run "longest_names" {
  variables {
    name           = "a23456789-123456789-1234"
    environment    = "dev" # 28 characters with the name and the hyphen
    lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }

    alarms     = { emails = ["on-call@example.com"] }
    audit      = { mode = "create" }
    auth       = { issuer = "https://login.example.com", audience = ["records"] }
    budget     = { monthly_usd = 40 }
    function   = { heartbeat = "rate(1 day)", reserved_concurrency = 10 }
    operations = ["list", "get", "create", "update", "delete", "history", "changes", "restore"]

    table = { name_suffix = "-restored-restored-restored-rest", protect_history = true }

    access = {
      trusted_principals = {
        auditor = { arn = "arn:aws-iso-f:iam::111122223333:role/auditor", level = "auditor" }
        reader  = { arn = "arn:aws-iso-f:iam::111122223333:role/reader" }
        writer  = { arn = "arn:aws-iso-f:iam::111122223333:role/writer", level = "writer" }
      }
    }
  }
}
