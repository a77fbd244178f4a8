# Each rule rejects an invalid value; the run beside it accepts the nearest valid one.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "dev"
}

# Region names have at most 14 characters, but for one of 15 (tests/contract/test_names.py).
run "name_of_24_fits_in_prod" {
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

run "bucket_name_of_64_is_refused" {
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

run "name_with_two_hyphens_in_a_row_is_refused" {
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

run "name_of_25_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a23456789-123456789-12345" }
  expect_failures = [var.name]
}

run "name_with_capitals_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "Records" }
  expect_failures = [var.name]
}

run "name_ending_in_a_hyphen_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "records-" }
  expect_failures = [var.name]
}

run "environment_of_13_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-12" }
  expect_failures = [var.environment]
}

run "unknown_profile_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { profile = "staging" }
  expect_failures = [var.profile]
}

run "any_environment_can_have_the_profile_dev" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "staging"
    profile            = "dev"
    bucket             = { expire_days = 100, force_destroy = true }
    log_retention_days = 30
  }
}

run "any_other_environment_has_the_profile_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "staging"
    bucket             = { expire_days = 100 }
    log_retention_days = 30
  }

  expect_failures = [var.bucket, var.log_retention_days]
}

run "force_destroy_is_allowed_in_dev" {
  command = plan
  variables { bucket = { force_destroy = true } }

  assert {
    condition     = aws_s3_bucket.trail.force_destroy
    error_message = "dev must accept force_destroy."
  }
}

run "force_destroy_is_refused_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { force_destroy = true }
  }

  expect_failures = [var.bucket]
}

run "force_destroy_with_object_lock_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { force_destroy = true, object_lock = { days = 1 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_a_day_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 1 } } }
}

run "object_lock_of_no_days_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 0 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_half_a_day_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 1.5 } } }
  expect_failures = [var.bucket]
}

run "object_lock_of_unknown_mode_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { object_lock = { days = 1, mode = "LEGAL" } } }
  expect_failures = [var.bucket]
}

run "access_log_bucket_by_arn_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { access_logs = { bucket = "arn:aws:s3:::account-access-logs" } } }
  expect_failures = [var.bucket]
}

run "access_log_bucket_by_name_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { access_logs = { bucket = "account-access-logs" } } }
}

run "transition_just_before_expiry_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { expire_days = 91, transition_days = 90 } }
}

run "transition_on_the_day_of_expiry_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { expire_days = 90, transition_days = 90 } }
  expect_failures = [var.bucket]
}

run "negative_days_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { bucket = { transition_days = -1 } }
  expect_failures = [var.bucket]
}

run "prod_keeps_files_a_year" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { expire_days = 365 }
  }
}

run "prod_keeps_files_for_ever" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { expire_days = 0 }
  }
}

run "prod_refuses_files_under_a_year" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment = "prod"
    bucket      = { expire_days = 364 }
  }

  expect_failures = [var.bucket]
}

run "log_retention_of_a_month_is_allowed_in_dev" {
  command = plan
  module { source = "./tests/inputs" }
  variables { log_retention_days = 30 }
}

run "log_retention_outside_the_set_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { log_retention_days = 31 }
  expect_failures = [var.log_retention_days]
}

run "log_retention_under_a_year_is_refused_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    log_retention_days = 180
  }

  expect_failures = [var.log_retention_days]
}

run "log_retention_of_a_year_is_allowed_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    log_retention_days = 365
  }
}

run "log_retention_for_ever_is_allowed_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment        = "prod"
    log_retention_days = 0
  }
}

run "a_trail_of_nothing_is_refused" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    management_events = false
    tables            = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a", events = "none" } }
  }

  expect_failures = [var.management_events]
}

run "a_trail_of_one_table_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    management_events = false
    tables            = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a" } }
  }
}

run "unknown_events_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { tables = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a", events = "read" } } }
  expect_failures = [var.tables]
}

run "an_index_is_refused_as_a_table" {
  command = plan
  module { source = "./tests/inputs" }
  variables { tables = { records = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/a/index/b" } } }
  expect_failures = [var.tables]
}

run "enabled_regions_are_expected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { expected_regions = ["eu-central-1", "us-east-1"] }
}

run "a_region_that_is_not_enabled_is_refused" {
  command = plan
  variables { expected_regions = ["eu-central-1", "ap-east-1"] }
  expect_failures = [aws_cloudtrail.audit]
}

run "a_region_that_is_none_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { expected_regions = ["europe"] }
  expect_failures = [var.expected_regions]
}

run "boundary_by_name_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { permissions_boundary_arn = "boundary" }
  expect_failures = [var.permissions_boundary_arn]
}
