# The settings for operations and what they create. on_call.tftest.hcl enables all of them.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "orders"
  environment    = "dev"
  lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }
  alarms         = { topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"] }
}

run "all_alarms_disabled_and_own_key" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/mine"
    alarms = {
      emails = ["on-call@example.com"]
      tune = {
        api_5xx              = { enabled = false }
        api_latency          = { enabled = false }
        configuration_errors = { enabled = false }
        function_concurrency = { enabled = false }
        function_duration    = { enabled = false }
        function_errors      = { enabled = false }
        function_throttles   = { enabled = false }
        heartbeat            = { enabled = false }
        table_errors         = { enabled = false }
        table_throttles      = { enabled = false }
        unhandled_exceptions = { enabled = false }
      }
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.catalog) == 0
    error_message = "alarms.tune must accept the key of every alarm in the catalog."
  }

  assert {
    condition = (
      aws_sns_topic.alarms["own"].kms_master_key_id == var.kms_key_arn
      && jsondecode(output.kms_key_policy_statements)[*].Sid
      == ["AccountDecidesByIamPolicies", "LogGroupsOfThisService", "MessagesOfThisAccount"]
      && output.fixed_monthly_cost_usd.items.keys == 0
    )
    error_message = "The caller's key must encrypt the topic; the output must show what that needs."
  }

  assert {
    condition = (
      one(jsondecode(aws_sns_topic_policy.alarms["own"].policy).Statement).Principal.Service
      == ["cloudwatch.amazonaws.com"]
    )
    error_message = "Without a budget, AWS Budgets must not be allowed to publish."
  }
}

run "tuned" {
  variables {
    function   = { heartbeat = "rate(1 minute)" }
    insights   = { saved_queries = false }
    operations = ["get"]
    alarms = {
      topic_arns = [
        "arn:aws:sns:eu-west-1:210987654321:central",
        "arn:aws:sns:eu-west-1:123456789012:pager",
      ]
      tune = {
        api_latency     = { threshold = 1500 }
        function_errors = { enabled = false }
        table_throttles = { threshold = 100 }
      }
    }
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.catalog : key => alarm.threshold
      if alarm.namespace != "RecordsApi"
      } == {
      api-5xx                 = 0.05
      api-latency             = 1500
      function-duration       = 23200
      function-throttles      = 1
      table-errors-GetItem    = 5
      table-throttles-GetItem = 100
    }
    error_message = "The caller's thresholds must apply; alarms must cover enabled actions only."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.catalog["heartbeat"].period == 300
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].evaluation_periods == 2
    )
    error_message = "A period must be long enough for the metric of a log line to arrive."
  }

  assert {
    condition = (
      length(aws_sns_topic.alarms) == 0 && output.alarm_topic_arn == null
      && length(jsondecode(aws_kms_key.service["own"].policy).Statement) == 2
      && alltrue([
        for alarm in aws_cloudwatch_metric_alarm.catalog :
        toset(alarm.alarm_actions) == toset(var.alarms.topic_arns)
      ])
    )
    error_message = "Alarms must notify the caller's topics only; no other topic may exist."
  }

  assert {
    condition     = local.budget_topics == ["arn:aws:sns:eu-west-1:123456789012:pager"]
    error_message = "A budget must notify a topic of its own account only."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.saved) == 0
    error_message = "With saved_queries = false, no query must be saved."
  }
}

run "staging_has_the_profile_prod" {
  variables {
    environment = "staging"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 19.66 }
  }

  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.catalog) == 20 && output.trail_arn != null
      && output.budget_name == "orders-staging-eu-west-1" && output.settings.profile == "prod"
      && aws_kms_key.service["own"].deletion_window_in_days == 30
    )
    error_message = "In prod there must be alarms, a trail, a budget and a 30-day key window."
  }

  assert {
    condition     = output.fixed_monthly_cost_usd.total == 9.83
    error_message = "Fixed costs of exactly half the budget must not cause a warning."
  }

  assert {
    condition = (
      aws_scheduler_schedule.heartbeat["live"].schedule_expression == "rate(1 day)"
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].period == 86400
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].evaluation_periods == 2
    )
    error_message = "In prod, the heartbeat must be daily, and its alarm must wait two days."
  }
}

run "heartbeat_switched_off_in_prod" {
  command = plan

  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "off" }
    budget      = { monthly_usd = 50 }
    function    = { heartbeat = "off" }
  }

  assert {
    condition = (
      length(aws_scheduler_schedule.heartbeat) == 0
      && !contains(keys(aws_cloudwatch_metric_alarm.catalog), "heartbeat")
    )
    error_message = "Without a heartbeat, its alarm must not exist."
  }
}

run "on_an_emulator" {
  variables {
    environment = "local"
    budget      = { mode = "off", reason = "An emulator has no costs." }
    insights    = { dashboard = false }
  }

  assert {
    condition     = length(module.cost_budget) == 0 && output.settings.budget.mode == "off"
    error_message = "An opt-out must create no budget."
  }

  assert {
    condition = (
      length(aws_cloudwatch_query_definition.saved) == 0 && output.dashboard_name == null
      && output.fixed_monthly_cost_usd.items.dashboard == 0
    )
    error_message = "By default, no query must be saved; a disabled dashboard must cost nothing."
  }
}

run "fixed_cost_over_half_the_budget" {
  command = plan

  variables {
    alarms = { emails = ["on-call@example.com"] }
    budget = { monthly_usd = 15 }
  }

  expect_failures = [check.fixed_cost]
}
