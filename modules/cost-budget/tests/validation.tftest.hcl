# Each rule rejects an invalid value; the run beside it accepts the nearest valid one.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "records"
  environment       = "dev"
  monthly_limit_usd = 25
  notify            = { emails = ["team@example.com"] }
}

run "a_budget_of_a_cent_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { monthly_limit_usd = 0.01 }
}

run "name_with_two_hyphens_in_a_row_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "ops--records" }
  expect_failures = [var.name]
}

run "a_budget_of_nothing_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { monthly_limit_usd = 0 }
  expect_failures = [var.monthly_limit_usd]
}

run "a_budget_of_half_cents_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { monthly_limit_usd = 10.005 }
  expect_failures = [var.monthly_limit_usd]
}

run "ten_addresses_are_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = [for n in range(10) : "team+${n}@mail.example.co.uk"] } }
}

run "eleven_addresses_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = [for n in range(11) : "team${n}@example.com"] } }
  expect_failures = [var.notify]
}

run "an_address_without_a_domain_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = ["team@example"] } }
  expect_failures = [var.notify]
}

run "an_address_with_a_name_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { emails = ["Team <team@example.com>"] } }
  expect_failures = [var.notify]
}

run "telling_nobody_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = {} }
  expect_failures = [var.notify]
}

run "two_topics_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { create_topic = true, topic = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms" } } }
  expect_failures = [var.notify]
}

run "a_fifo_topic_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { topic = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms.fifo" } } }
  expect_failures = [var.notify]
}

run "a_standard_topic_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { notify = { topic = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms" } } }
}

run "ten_thresholds_are_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { for n in range(1, 11) : "at_${n}0" => { percent = n * 10 } } }
}

run "eleven_thresholds_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { for n in range(1, 12) : "at_${n}0" => { percent = n * 10 } } }
  expect_failures = [var.thresholds]
}

run "no_threshold_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = {} }
  expect_failures = [var.thresholds]
}

run "a_threshold_of_nothing_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { always = { percent = 0 } } }
  expect_failures = [var.thresholds]
}

run "a_threshold_of_ten_times_the_limit_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { far = { percent = 1000 } } }
}

run "a_threshold_beyond_ten_times_the_limit_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { far = { percent = 1001 } } }
  expect_failures = [var.thresholds]
}

run "a_threshold_of_unknown_type_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { soon = { percent = 80, type = "EXPECTED" } } }
  expect_failures = [var.thresholds]
}

run "the_same_percent_of_both_types_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { spent = { percent = 80 }, ahead = { percent = 80, type = "FORECASTED" } } }
}

run "the_same_threshold_twice_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { thresholds = { one = { percent = 80 }, two = { percent = 80 } } }
  expect_failures = [var.thresholds]
}

run "a_tag_with_every_allowed_character_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "Cost Center/α_.:=+-@", tag_value = "42" } }
}

run "a_tag_key_with_a_dollar_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "Service$", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "a_tag_key_that_brings_its_prefix_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "user:Service", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "a_tag_key_of_aws_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "aws:createdBy", tag_value = "records" } }
  expect_failures = [var.scope]
}

run "an_empty_tag_value_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { scope = { tag_key = "Service", tag_value = "" } }
  expect_failures = [var.scope]
}

run "anomalies_of_a_cent_are_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { anomaly_monitor = { impact_usd = 0.01 } }
}

run "anomalies_of_a_tag_outside_the_management_account_are_refused" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    anomaly_monitor = {}
    scope           = { tag_key = "Service", tag_value = "records" }
  }

  expect_failures = [var.anomaly_monitor]
}

run "anomalies_of_a_tag_in_the_management_account_are_allowed" {
  command = plan
  module { source = "./tests/inputs" }

  variables {
    anomaly_monitor = { in_management_account = true }
    scope           = { tag_key = "Service", tag_value = "records" }
  }
}

run "anomalies_of_nothing_are_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { anomaly_monitor = { impact_usd = 0 } }
  expect_failures = [var.anomaly_monitor]
}

run "any_short_environment_is_allowed" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-1" }
}

run "environment_of_13_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "staging-eu-12" }
  expect_failures = [var.environment]
}

run "name_of_24_fits" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a23456789-123456789-1234" }
}

run "name_of_25_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a23456789-123456789-12345" }
  expect_failures = [var.name]
}

run "name_with_an_underscore_is_refused" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "records_api" }
  expect_failures = [var.name]
}
