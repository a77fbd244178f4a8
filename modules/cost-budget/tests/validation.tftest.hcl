# Each rule rejects an invalid value. The runs "valid_*" contain the nearest valid values.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "records"
  environment       = "dev"
  monthly_limit_usd = 25
  notify            = { emails = ["team@example.com"] }
}

run "valid_minimums" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    anomaly_monitor   = { impact_usd = 0.01 }
    monthly_limit_usd = 0.01
    notify            = { topic = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms" } }

    thresholds = {
      actual   = { percent = 80 }
      forecast = { percent = 80, type = "FORECASTED" }
    }
  }
}

run "valid_maximums" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    anomaly_monitor = { in_management_account = true }
    environment     = "staging-eu-1"
    name            = "a23456789-123456789-1234"
    notify          = { emails = [for n in range(10) : "team+${n}@mail.example.co.uk"] }
    scope           = { tag_key = "Cost Center/α_.:=+-@", tag_value = "42" }
    thresholds      = { for n in range(1, 11) : "at_${n}00" => { percent = n * 100 } }
  }
}

run "name_with_two_hyphens_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "ops--records" }
  expect_failures = [var.name]
}

run "limit_of_zero_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { monthly_limit_usd = 0 }
  expect_failures = [var.monthly_limit_usd]
}

run "limit_with_half_cents_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { monthly_limit_usd = 10.005 }
  expect_failures = [var.monthly_limit_usd]
}

run "eleven_addresses_are_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = [for n in range(11) : "team${n}@example.com"] } }
  expect_failures = [var.notify]
}

run "address_without_a_domain_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = ["team@example"] } }
  expect_failures = [var.notify]
}

run "address_with_a_name_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = ["Team <team@example.com>"] } }
  expect_failures = [var.notify]
}

run "no_recipient_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = {} }
  expect_failures = [var.notify]
}

run "two_topics_are_rejected" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    notify = {
      create_topic = true
      topic        = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms" }
    }
  }

  expect_failures = [var.notify]
}

run "fifo_topic_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { topic = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms.fifo" } } }
  expect_failures = [var.notify]
}

run "eleven_thresholds_are_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { for n in range(1, 12) : "at_${n}0" => { percent = n * 10 } } }
  expect_failures = [var.thresholds]
}

run "no_threshold_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = {} }
  expect_failures = [var.thresholds]
}

run "threshold_of_zero_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { always = { percent = 0 } } }
  expect_failures = [var.thresholds]
}

run "threshold_above_1000_percent_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { far = { percent = 1001 } } }
  expect_failures = [var.thresholds]
}

run "threshold_of_unknown_type_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { soon = { percent = 80, type = "EXPECTED" } } }
  expect_failures = [var.thresholds]
}

run "repeated_threshold_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { one = { percent = 80 }, two = { percent = 80 } } }
  expect_failures = [var.thresholds]
}

run "tag_key_with_a_dollar_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "Service$", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "tag_key_with_a_prefix_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "user:Service", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "tag_key_of_aws_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "aws:createdBy", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "empty_tag_value_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "Service", tag_value = "" } }
  expect_failures = [var.scope]
}

run "tag_monitor_outside_management_account_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    anomaly_monitor = {}
    scope           = { tag_key = "Service", tag_value = "records" }
  }

  expect_failures = [var.anomaly_monitor]
}

run "anomaly_impact_of_zero_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { anomaly_monitor = { impact_usd = 0 } }
  expect_failures = [var.anomaly_monitor]
}

run "environment_of_13_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-12" }
  expect_failures = [var.environment]
}

run "name_of_25_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a23456789-123456789-12345" }
  expect_failures = [var.name]
}

run "name_with_an_underscore_is_rejected" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "records_api" }
  expect_failures = [var.name]
}
