# What an engineer on call can choose, and what follows from it; on_call.tftest.hcl has everything switched on.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "orders"
  environment    = "dev"
  lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }
  alarms         = { topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"] }
}

run "every_entry_can_be_switched_off_and_a_key_brought" {
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
    error_message = "The caller's key must encrypt the topic too, and the output must list what its policy needs for that."
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
      topic_arns = ["arn:aws:sns:eu-west-1:210987654321:central", "arn:aws:sns:eu-west-1:123456789012:pager"]
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
    error_message = "The caller's thresholds must apply, and only actions of enabled operations must have alarms."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.catalog["heartbeat"].period == 300
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].evaluation_periods == 2
    )
    error_message = "Even for the fastest heartbeat, a period leaves the metric of a log line the time to arrive."
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
    error_message = "Alarms must notify the caller's topics only, and no other topic may exist or use the key."
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
    error_message = "The profile prod must have alarms, a trail, a budget and the long key deletion window."
  }

  assert {
    condition     = output.fixed_monthly_cost_usd.total == 9.83
    error_message = "Half of the budget exactly is no reason for a warning."
  }

  assert {
    condition = (
      aws_scheduler_schedule.heartbeat["live"].schedule_expression == "rate(1 day)"
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].period == 86400
      && aws_cloudwatch_metric_alarm.catalog["heartbeat"].evaluation_periods == 2
    )
    error_message = "Prod has a heartbeat every day, and an alarm after two days of silence."
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
    error_message = "Without a heartbeat there is no alarm that waits for one."
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
    error_message = "An emulator keeps no queries; a dashboard that is switched off is not made, nor paid for."
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
