# What an engineer on call relies on: alarms and whom they reach, what may publish to them, what it costs. AWS takes
# wrong names and dimensions without a word, so tests/policy compares them with what is published.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "orders"
  environment    = "dev"
  lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }
}

run "nobody_to_tell" {
  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.catalogue) == 0 && length(aws_sns_topic.alarms) == 0
      && length(module.audit_trail) == 0 && length(module.cost_budget) == 0
      && output.alarm_topic_arn == null && output.trail_arn == null && output.budget_name == null
    )
    error_message = "Without a target there is no alarm, and what was not asked for is not made."
  }

  assert {
    condition = output.fixed_monthly_cost_usd == {
      as_of = "2025"
      items = { alarms = 0, custom_metrics = 2.4, dashboard = 3, keys = 1, log_storage = 0.03 }
      total = 6.43
    }
    error_message = "The key, the dashboard, two metrics for each of four operations, and a gigabyte of logs."
  }
}

run "on_call" {
  variables {
    alarms     = { emails = ["on-call@example.com"], topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"] }
    audit      = { mode = "create" }
    budget     = { monthly_usd = 40 }
    function   = { reserved_concurrency = 10 }
    operations = ["list", "get", "create", "update", "delete"]
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.catalogue : key => format(
        "%s %s of %s over %dx%d s", alarm.metric_name, coalesce(alarm.statistic, alarm.extended_statistic),
        alarm.threshold, alarm.evaluation_periods, alarm.period,
      )
      } == {
      api-5xx                    = "5xx Average of 0.05 over 2x300 s"
      api-latency                = "Latency p99 of 3000 over 3x300 s"
      configuration-errors       = "ConfigurationErrors Sum of 1 over 1x300 s"
      function-concurrency       = "ConcurrentExecutions Maximum of 8 over 2x300 s"
      function-duration          = "Duration p99 of 23200 over 1x300 s"
      function-errors            = "Errors Sum of 1 over 1x300 s"
      function-throttles         = "Throttles Sum of 1 over 1x300 s"
      table-errors-DeleteItem    = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-GetItem       = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-PutItem       = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-Query         = "SystemErrors Sum of 5 over 1x300 s"
      table-throttles-DeleteItem = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-GetItem    = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-PutItem    = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-Query      = "ThrottledRequests Sum of 10 over 1x300 s"
      unhandled-exceptions       = "UnhandledExceptions Sum of 1 over 1x300 s"
    }
    error_message = "The whole catalogue is there."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.catalogue :
      toset(alarm.alarm_actions) == toset([output.alarm_topic_arn, "arn:aws:sns:eu-west-1:123456789012:pager"])
      && alarm.ok_actions == alarm.alarm_actions && alarm.treat_missing_data == "notBreaching"
      && alarm.comparison_operator == "GreaterThanOrEqualToThreshold" && length(alarm.alarm_description) > 20
      && startswith(alarm.alarm_name, "orders-dev-")
    ])
    error_message = "Every alarm tells everybody when it begins and ends, is quiet without traffic and says what to do."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.catalogue["function-errors"].dimensions
      == tomap({ FunctionName = "orders-dev", Resource = "orders-dev:live" })
    )
    error_message = "A self-test that fails is no alarm: only what `live` serves counts."
  }

  assert {
    condition = (
      aws_sns_topic.alarms["own"].kms_master_key_id == aws_kms_key.service["own"].arn
      && { for email, subscription in aws_sns_topic_subscription.email : email => subscription.protocol }
      == { "on-call@example.com" = "email" }
    )
    error_message = "Addresses are subscribed to a topic under the service's key."
  }

  assert {
    condition = jsondecode(aws_sns_topic_policy.alarms["own"].policy).Statement == [{
      Sid       = "PublishersOfThisAccount"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms["own"].arn
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = "CloudWatch and AWS Budgets may publish, for this account only."
  }

  assert {
    condition = jsondecode(aws_kms_key.service["own"].policy).Statement[2] == {
      Sid       = "MessagesOfThisAccount"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
      Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }
    error_message = "Whoever publishes may use the topic's key, for this account only."
  }

  assert {
    condition = (
      output.trail_arn == "arn:aws:cloudtrail:eu-west-1:123456789012:trail/orders-dev-audit"
      && output.budget_name == "orders-dev-eu-west-1" && output.dashboard_name == "orders-dev"
    )
    error_message = "Trail, budget and dashboard exist, and are told."
  }

  assert {
    condition = (
      [for widget in jsondecode(aws_cloudwatch_dashboard.service["service"].dashboard_body).widgets :
        widget.properties.annotations.horizontal if can(widget.properties.annotations)
      ] == [[{ label = "budget", value = 40 }]]
    )
    error_message = "The dashboard shows the spend against the budget."
  }

  assert {
    condition = {
      for saved in aws_cloudwatch_query_definition.saved : saved.name => length(saved.log_group_names)
      } == {
      "orders-dev/cold-starts"         = 1
      "orders-dev/errors-by-operation" = 1
      "orders-dev/one-request"         = 2
      "orders-dev/slowest-requests"    = 1
      "orders-dev/who-read-what"       = 1
    }
    error_message = "The queries are saved, and one request's story is in both logs."
  }

  assert {
    condition = output.fixed_monthly_cost_usd == {
      as_of = "2025"
      items = { alarms = 1.6, custom_metrics = 3, dashboard = 3, keys = 2, log_storage = 0.03 }
      total = 9.63
    }
    error_message = "Sixteen alarms, two metrics for each of five operations, and the trail's key."
  }
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
        table_errors         = { enabled = false }
        table_throttles      = { enabled = false }
        unhandled_exceptions = { enabled = false }
      }
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.catalogue) == 0
    error_message = "The keys that alarms.tune knows are those of the catalogue."
  }

  assert {
    condition = (
      aws_sns_topic.alarms["own"].kms_master_key_id == var.kms_key_arn
      && jsondecode(output.kms_key_policy_statements)[*].Sid
      == ["AccountDecidesByIamPolicies", "LogGroupsOfThisService", "MessagesOfThisAccount"]
      && output.fixed_monthly_cost_usd.items.keys == 0
    )
    error_message = "The caller's key serves the topic too, and the caller is told what its policy needs for that."
  }

  assert {
    condition = (
      one(jsondecode(aws_sns_topic_policy.alarms["own"].policy).Statement).Principal.Service
      == ["cloudwatch.amazonaws.com"]
    )
    error_message = "Without a budget, AWS Budgets has nothing to say."
  }
}

run "tuned" {
  variables {
    insights   = { saved_queries = false }
    operations = ["get"]
    alarms = {
      topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"]
      tune = {
        api_latency     = { threshold = 1500 }
        function_errors = { enabled = false }
        table_throttles = { threshold = 100 }
      }
    }
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.catalogue : key => alarm.threshold
      if alarm.namespace != "RecordsApi"
      } == {
      api-5xx                 = 0.05
      api-latency             = 1500
      function-duration       = 23200
      function-throttles      = 1
      table-errors-GetItem    = 5
      table-throttles-GetItem = 100
    }
    error_message = "Thresholds are the caller's, and only what an enabled operation does is watched."
  }

  assert {
    condition = (
      length(aws_sns_topic.alarms) == 0 && output.alarm_topic_arn == null
      && length(jsondecode(aws_kms_key.service["own"].policy).Statement) == 2
      && alltrue([
        for alarm in aws_cloudwatch_metric_alarm.catalogue :
        toset(alarm.alarm_actions) == toset(["arn:aws:sns:eu-west-1:123456789012:pager"])
      ])
    )
    error_message = "A topic of the caller's is told, and no other is made or admitted to the key."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.saved) == 0
    error_message = "No query is kept where nobody wants one."
  }
}

run "prod" {
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 17.46 }
  }

  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.catalogue) == 13 && output.trail_arn != null && output.budget_name != null
    )
    error_message = "Prod with what it asks for is audited, watched and paid for."
  }

  assert {
    condition     = output.fixed_monthly_cost_usd.total == 8.73
    error_message = "Half of the budget exactly is no reason for a warning."
  }
}

run "on_an_emulator" {
  variables {
    environment = "local"
    insights    = { dashboard = false }
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

