# Each rule rejects an invalid value. The runs "valid_*" contain the nearest valid values.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "dev"
}

run "valid_with_profile_dev" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    access_logs   = { bucket = "account-access-logs" }
    environment   = "staging"
    force_destroy = true
    history_days  = 1
    profile       = "dev"
  }
}

# The longest region name that AWS has (tests/contract/test_names.py).
run "valid_with_name_of_24" {
  command = plan
  variables { name = "a23456789-123456789-1234" }

  override_data {
    target = data.aws_region.current
    values = { id = "us-isof-south-1" }
  }

  assert {
    condition     = length(local.bucket_name) <= 63
    error_message = "The longest name must fit in a bucket's name."
  }
}

run "name_with_two_hyphens_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "ops--records" }
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

run "environment_of_13_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-12" }
  expect_failures = [var.environment]
}

run "other_environments_have_the_profile_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment   = "staging"
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}

run "unknown_profile_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { profile = "staging" }
  expect_failures = [var.profile]
}

run "force_destroy_is_rejected_in_prod" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    environment   = "prod"
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}

run "history_of_no_days_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { history_days = 0 }
  expect_failures = [var.history_days]
}

run "history_of_half_a_day_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { history_days = 1.5 }
  expect_failures = [var.history_days]
}

run "access_log_bucket_by_arn_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { access_logs = { bucket = "arn:aws:s3:::account-access-logs" } }
  expect_failures = [var.access_logs]
}
