# All optional resources for the engineer on call. AWS accepts wrong metric names and dimensions:
# tests/contract/test_on_call.py compares what this run applies with what is published and logged.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = aws_apigatewayv2_api.records["jwt"]
  values = { id = "jwt456", execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:jwt456" }
}

run "on_call" {
  variables {
    name           = "orders"
    environment    = "dev"
    lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }

    alarms = {
      emails     = ["on-call@example.com"]
      topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"]
    }
    auth = { issuer = "https://login.example.com", audience = ["records"] }
    audit = {
      mode        = "create"
      access_logs = { bucket = "account-access-logs", prefix = "audit/" }
    }
    budget     = { monthly_usd = 40 }
    function   = { heartbeat = "rate(25 hours)", reserved_concurrency = 10 }
    table      = { protect_history = true }
    operations = ["list", "get", "create", "update", "delete", "history", "changes", "restore"]
  }

  assert {
    condition = {
      for key, alarm in aws_cloudwatch_metric_alarm.catalog : key => format(
        "%s %s of %s over %dx%d s",
        alarm.metric_name,
        coalesce(alarm.statistic, alarm.extended_statistic),
        alarm.threshold,
        alarm.evaluation_periods,
        alarm.period,
      ) if length(alarm.metric_query) == 0
      } == {
      api-latency                                = "Latency p99 of 3000 over 3x300 s"
      api-latency-jwt                            = "Latency p99 of 3000 over 3x300 s"
      configuration-errors                       = "ConfigurationErrors Sum of 1 over 1x300 s"
      function-concurrency                       = "ConcurrentExecutions Maximum of 8 over 2x300 s"
      function-duration                          = "Duration p99 of 23200 over 1x300 s"
      function-errors                            = "Errors Sum of 1 over 1x300 s"
      function-throttles                         = "Throttles Sum of 1 over 1x300 s"
      heartbeat                                  = "SelfTestsPassed Sum of 1 over 3x86400 s"
      table-errors-GetItem                       = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-Query                         = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-TransactWriteItems            = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-history-GetItem               = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-history-Query                 = "SystemErrors Sum of 5 over 1x300 s"
      table-errors-history-TransactWriteItems    = "SystemErrors Sum of 5 over 1x300 s"
      table-throttles-GetItem                    = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-Query                      = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-TransactWriteItems         = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-history-GetItem            = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-history-Query              = "ThrottledRequests Sum of 10 over 1x300 s"
      table-throttles-history-TransactWriteItems = "ThrottledRequests Sum of 10 over 1x300 s"
      unhandled-exceptions                       = "UnhandledExceptions Sum of 1 over 1x300 s"
    }
    error_message = "Every alarm of the catalog must exist, with its metric, threshold and periods."
  }

  assert {
    condition = (
      {
        for query in aws_cloudwatch_metric_alarm.catalog["api-5xx"].metric_query :
        query.id => coalesce(query.expression, try(join(" ", [
          query.metric[0].stat, query.metric[0].metric_name, query.metric[0].period
        ]), ""))
        } == {
        errors   = "Sum 5xx 300"
        requests = "Sum Count 300"
        watched  = "IF(requests >= 10, FILL(errors, 0) / requests, 0)"
      }
      && [
        for query in aws_cloudwatch_metric_alarm.catalog["api-5xx"].metric_query : query.id
        if query.return_data == true
      ] == ["watched"]
      && aws_cloudwatch_metric_alarm.catalog["api-5xx"].threshold == 0.05
      && aws_cloudwatch_metric_alarm.catalog["api-5xx"].evaluation_periods == 2
      && startswith(
        aws_cloudwatch_metric_alarm.catalog["api-5xx"].alarm_description,
        join(" ", [
          "At least 5% of requests failed with a 5xx status",
          "in two consecutive 5-minute periods with 10 or more requests.",
        ])
      )
    )
    error_message = "api_5xx must compare the share of 5xx in all requests, from 10 requests on."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.catalog :
      toset(alarm.alarm_actions)
      == toset([output.alarm_topic_arn, "arn:aws:sns:eu-west-1:123456789012:pager"])
      && alarm.ok_actions == alarm.alarm_actions && length(alarm.alarm_description) > 20
      && startswith(alarm.alarm_name, "orders-dev-")
    ])
    error_message = "Every alarm must notify all recipients of alarm and recovery, and describe it."
  }

  assert {
    condition = alltrue([
      for key, alarm in aws_cloudwatch_metric_alarm.catalog :
      "${alarm.comparison_operator} ${alarm.treat_missing_data}" == (
        key == "heartbeat"
        ? "LessThanThreshold breaching"
        : "GreaterThanOrEqualToThreshold notBreaching"
      )
    ])
    error_message = "Without data, only the alarm of the heartbeat must fire."
  }

  assert {
    condition = (
      aws_scheduler_schedule.heartbeat["live"].schedule_expression == "rate(25 hours)"
      && aws_scheduler_schedule.heartbeat["live"].group_name == "orders-dev"
      && jsondecode(one(aws_scheduler_schedule.heartbeat["live"].target).input)
      == { selfTest = true }
      && one(aws_scheduler_schedule.heartbeat["live"].target).arn == output.live_alias_arn
      && (
        one(one(aws_scheduler_schedule.heartbeat["live"].target).retry_policy)
        .maximum_retry_attempts == 0
      )
      && aws_lambda_function_event_invoke_config.live["live"].maximum_retry_attempts == 0
      && aws_lambda_function_event_invoke_config.live["live"].qualifier == "live"
    )
    error_message = "The schedule must invoke `live` without retries and compare nothing."
  }

  assert {
    condition = jsondecode(aws_iam_role.heartbeat["live"].assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/orders-dev"
        }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }]
    error_message = "Only schedules in the service's group must be able to assume the role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.heartbeat["live"].policy).Statement == [{
      Sid      = "InvokeLive"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-dev:live"]
    }]
    error_message = "The role must be allowed to invoke the alias `live` and nothing else."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.catalog["function-errors"].dimensions
      == tomap({ FunctionName = "orders-dev", Resource = "orders-dev:live" })
    )
    error_message = "Failed self-tests of the release gate must not count: only `live` does."
  }

  assert {
    condition = (
      aws_sns_topic.alarms["own"].kms_master_key_id == aws_kms_key.service["own"].arn
      && {
        for email, subscription in aws_sns_topic_subscription.email :
        email => subscription.protocol
      } == { "on-call@example.com" = "email" }
    )
    error_message = "Email addresses must be subscribed to a topic that the service's key encrypts."
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
    error_message = "CloudWatch and AWS Budgets of this account only must be allowed to publish."
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
    error_message = "The publishers must be allowed to use the topic's key, for this account only."
  }

  assert {
    condition = (
      output.trail_arn == "arn:aws:cloudtrail:eu-west-1:123456789012:trail/orders-dev-audit"
      && output.budget_name == "orders-dev-eu-west-1" && output.dashboard_name == "orders-dev"
    )
    error_message = "Trail, budget and dashboard must exist, and the outputs must name them."
  }

  assert {
    condition = (
      [
        for widget in
        jsondecode(aws_cloudwatch_dashboard.service["service"].dashboard_body).widgets :
        widget.properties.annotations.horizontal if can(widget.properties.annotations)
      ] == [[{ label = "budget", value = 40 }]]
    )
    error_message = "The dashboard must show the account's charges beside the budget."
  }

  assert {
    condition = {
      for saved in aws_cloudwatch_query_definition.saved :
      saved.name => length(saved.log_group_names)
      } == {
      "orders-dev/cold-starts"         = 1
      "orders-dev/errors-by-operation" = 1
      "orders-dev/one-request"         = 2
      "orders-dev/slowest-requests"    = 1
      "orders-dev/who-read-what"       = 1
    }
    error_message = "All queries must be saved, and one-request must search both log groups."
  }

  assert {
    condition = output.fixed_monthly_cost_usd == {
      as_of = "2025"
      items = { alarms = 2.5, custom_metrics = 5.1, dashboard = 3, keys = 2, log_storage = 0.03 }
      total = 12.63
    }
    error_message = "The cost must include 25 alarm metrics, 17 custom metrics and two keys."
  }
}
