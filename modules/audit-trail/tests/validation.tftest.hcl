# Each rule rejects an invalid value. The runs "valid_*" contain the nearest valid values.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "dev"
}

run "valid_in_dev" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    expected_regions   = ["eu-central-1", "us-east-1"]
    log_retention_days = 30
    management_events  = false

    bucket = {
      access_logs     = { bucket = "account-access-logs" }
      expire_days     = 91
      object_lock     = { days = 1 }
      transition_days = 90
    }

    tables = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a" } }
  }
}

run "valid_in_prod_with_a_year" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    bucket             = { expire_days = 365 }
    log_retention_days = 365
  }
}

run "valid_in_prod_forever" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    bucket             = { expire_days = 0 }
    log_retention_days = 0
  }
}

# All region names but one have at most 14 characters (tests/contract/test_names.py).
run "valid_with_name_of_24_in_prod" {
  command = plan

  variables {
    name        = "a23456789-123456789-1234"
    environment = "prod"
  }

  override_data {
    target = data.aws_region.current
    values = { id = "ap-southeast-1" }
  }

  assert {
    condition     = length(local.bucket_name) == 63
    error_message = "The longest name must fit in a bucket's name."
  }
}

run "bucket_name_of_64_is_rejected" {
  command = plan

  variables {
    name        = "a23456789-123456789-1234"
    environment = "prod"
  }

  override_data {
    target = data.aws_region.current
    values = { id = "us-isof-south-1" }
  }

  expect_failures = [aws_s3_bucket.trail]
}

run "name_with_two_hyphens_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "ops--records" }
  expect_failures = [var.name]
}

run "name_of_24_does_not_fit_in_local" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    name        = "a23456789-123456789-1234"
    environment = "local"
  }

  expect_failures = [var.name]
}

run "name_of_25_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a23456789-123456789-12345" }
  expect_failures = [var.name]
}

run "name_with_capitals_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "Records" }
  expect_failures = [var.name]
}

run "name_ending_in_a_hyphen_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "records-" }
  expect_failures = [var.name]
}

run "environment_of_13_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-12" }
  expect_failures = [var.environment]
}

run "unknown_profile_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { profile = "staging" }
  expect_failures = [var.profile]
}

run "valid_with_profile_dev" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "staging"
    profile            = "dev"
    bucket             = { expire_days = 100, force_destroy = true }
    log_retention_days = 30
  }
}

run "other_environments_have_the_profile_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "staging"
    bucket             = { expire_days = 100 }
    log_retention_days = 30
  }

  expect_failures = [var.bucket, var.log_retention_days]
}

run "force_destroy_is_accepted_in_dev" {
  command = plan
  variables { bucket = { force_destroy = true } }

  assert {
    condition     = aws_s3_bucket.trail.force_destroy
    error_message = "dev must accept force_destroy."
  }
}

run "force_destroy_is_rejected_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { force_destroy = true }
  }

  expect_failures = [var.bucket]
}

run "force_destroy_with_object_lock_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { force_destroy = true, object_lock = { days = 1 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_no_days_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 0 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_half_a_day_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 1.5 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_unknown_mode_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 1, mode = "LEGAL" } } }
  expect_failures = [var.bucket]
}

run "access_log_bucket_by_arn_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { access_logs = { bucket = "arn:aws:s3:::account-access-logs" } } }
  expect_failures = [var.bucket]
}

run "transition_on_the_day_of_expiry_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { expire_days = 90, transition_days = 90 } }
  expect_failures = [var.bucket]
}

run "negative_days_are_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { transition_days = -1 } }
  expect_failures = [var.bucket]
}

run "files_under_a_year_are_rejected_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { expire_days = 364 }
  }

  expect_failures = [var.bucket]
}

run "unknown_log_retention_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { log_retention_days = 31 }
  expect_failures = [var.log_retention_days]
}

run "log_retention_under_a_year_is_rejected_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    log_retention_days = 180
  }

  expect_failures = [var.log_retention_days]
}

run "trail_without_events_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    management_events = false

    tables = {
      records = {
        arn    = "arn:aws:dynamodb:eu-central-1:111122223333:table/a"
        events = "none"
      }
    }
  }

  expect_failures = [var.management_events]
}

run "unknown_events_are_rejected" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    tables = {
      records = {
        arn    = "arn:aws:dynamodb:eu-central-1:111122223333:table/a"
        events = "read"
      }
    }
  }

  expect_failures = [var.tables]
}

run "index_instead_of_a_table_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    tables = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a/index/b" } }
  }

  expect_failures = [var.tables]
}

run "disabled_region_is_rejected" {
  command = plan
  variables { expected_regions = ["eu-central-1", "ap-east-1"] }
  expect_failures = [aws_cloudtrail.audit]
}

run "invalid_region_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { expected_regions = ["europe"] }
  expect_failures = [var.expected_regions]
}

run "boundary_by_name_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { permissions_boundary_arn = "boundary" }
  expect_failures = [var.permissions_boundary_arn]
}
