# The alarm catalog: one entry per condition, with the text of its notification. alarms.tune changes
# an entry. CloudWatch also accepts metric names and dimensions that are never published, and such
# an alarm never fires: tests/contract/test_on_call.py compares them with the published ones.
locals {
  default_thresholds = {
    api_5xx              = 0.05
    api_latency          = 3000
    configuration_errors = 1
    function_concurrency = try(ceil(0.8 * var.function.reserved_concurrency), 1)
    function_duration    = 0.8 * local.timeout_seconds * 1000
    function_errors      = 1
    function_throttles   = 1
    heartbeat            = 1
    table_errors         = 5
    table_throttles      = 10
    unhandled_exceptions = 1
  }

  thresholds = {
    for key, threshold in local.default_thresholds :
    key => coalesce(try(var.alarms.tune[key].threshold, null), threshold)
  }

  # With fewer requests in a period, one failed request would look like an outage.
  minimum_requests = 10

  of_live_alias   = { FunctionName = local.service, Resource = "${local.service}:live" }
  of_service_name = { Service = local.service }

  # The names of the alarms of the second API end with its key.
  of_api_ids = { for key, id in local.api_ids : trimprefix(key, "main") => { ApiId = id } }

  # By the operation of DynamoDB's API that the function calls. A write is one TransactWriteItems of
  # both tables, and a query of an index counts for its table.
  calls_of_write = local.writes ? ["TransactWriteItems"] : []
  table_calls = {
    for name, actions in {
      (local.history_name) = concat(local.actions.feed, local.actions.history)
      (local.table_name)   = concat(local.actions.indexes, local.actions.records)
    } : name => setunion(setsubtract(actions, ["DeleteItem", "PutItem"]), local.calls_of_write)
  }
  of_table_calls = merge([
    for prefix, name in { "" = local.table_name, "history-" = local.history_name } : {
      for call in local.table_calls[name] :
      "${prefix}${call}" => { Operation = call, TableName = name }
    }
  ]...)

  # What an entry may leave out. An entry has `metric` with `statistic` or `percentile`, or else
  # `expression` over `sums` of metrics, by the names that the expression uses.
  alarm_defaults = {
    comparison = "GreaterThanOrEqualToThreshold"
    expression = null
    metric     = null
    missing    = "notBreaching" # no data means no traffic, which is not a fault
    percentile = null
    period     = 300
    periods    = 1
    statistic  = null
    sums       = {}
  }

  # `dimensions`: one alarm for each element; its key is appended to the name of the alarm.
  alarm_catalog = {
    # "Monitor CloudWatch metrics for HTTP APIs": `5xx` and `Count` are counts. A period without
    # errors may have no `5xx` data, so FILL supplies 0. A period without requests has no value.
    api_5xx = {
      namespace  = "AWS/ApiGateway"
      expression = "IF(requests >= ${local.minimum_requests}, FILL(errors, 0) / requests, 0)"
      sums       = { errors = "5xx", requests = "Count" }
      periods    = 2
      dimensions = local.of_api_ids
      summary = join(" ", [
        "At least ${format("%g", local.thresholds.api_5xx * 100)}% of requests failed with a 5xx",
        "status in two consecutive 5-minute periods with ${local.minimum_requests} or more",
        "requests.",
      ])
      action = "Run the saved query errors-by-operation. If a release caused the errors, roll back."
    }
    api_latency = {
      namespace  = "AWS/ApiGateway"
      metric     = "Latency"
      percentile = "p99"
      periods    = 3
      dimensions = local.of_api_ids
      summary = join(" ", [
        "p99 latency is at or above ${local.thresholds.api_latency} ms in three consecutive",
        "5-minute periods.",
      ])
      action = join(" ", [
        "Run the saved query slowest-requests. Look for cold starts, DynamoDB retries and large",
        "pages.",
      ])
    }
    configuration_errors = {
      namespace  = "RecordsApi"
      metric     = "ConfigurationErrors"
      statistic  = "Sum"
      dimensions = { "" = local.of_service_name }
      summary = join(" ", [
        "${local.thresholds.configuration_errors} or more requests failed because the",
        "configuration is invalid.",
      ])
      action = join(" ", [
        "The function's log names the invalid environment variables. Correct the configuration and",
        "apply.",
      ])
    }
    function_concurrency = {
      namespace = "AWS/Lambda"
      metric    = "ConcurrentExecutions"
      statistic = "Maximum"
      periods   = 2
      dimensions = {
        for limit in var.function.reserved_concurrency[*] : "" => { FunctionName = local.service }
      }
      summary = join(" ", [
        "${local.thresholds.function_concurrency} or more of the reserved executions were in use",
        "in two consecutive 5-minute periods.",
      ])
      action = "Raise function.reserved_concurrency before Lambda throttles requests."
    }
    function_duration = {
      namespace  = "AWS/Lambda"
      metric     = "Duration"
      percentile = "p99"
      dimensions = { "" = local.of_live_alias }
      summary = join(" ", [
        "p99 duration of the function is at or above ${local.thresholds.function_duration} ms;",
        "Lambda ends an invocation after ${local.timeout_seconds} s.",
      ])
      action = "Run the saved query slowest-requests."
    }
    function_errors = {
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      statistic  = "Sum"
      dimensions = { "" = local.of_live_alias }
      summary = join(" ", [
        "${local.thresholds.function_errors} or more invocations of the function failed: it did",
        "not start, timed out, ran out of memory, or the heartbeat's self-test failed.",
      ])
      action = "Check the function's log. If a release caused the errors, roll back."
    }
    function_throttles = {
      namespace  = "AWS/Lambda"
      metric     = "Throttles"
      statistic  = "Sum"
      dimensions = { "" = local.of_live_alias }
      summary = join(" ", [
        "Lambda throttled ${local.thresholds.function_throttles} or more invocations of the",
        "function.",
      ])
      action = join(" ", [
        "Check which function uses up the reserved concurrency or the account's concurrency limit.",
      ])
    }
    # Raised if no self-test passed: one that fails is a function error.
    heartbeat = {
      namespace  = "RecordsApi"
      metric     = "SelfTestsPassed"
      statistic  = "Sum"
      comparison = "LessThanThreshold"
      missing    = "breaching"
      period     = local.heartbeat_period
      periods    = local.heartbeat_periods
      dimensions = { for key in keys(local.heartbeats) : "" => local.of_service_name }
      summary = join(" ", [
        "No self-test has passed for two intervals of the heartbeat, ${local.heartbeat_rate}.",
      ])
      action = join(" ", [
        "Check the schedule ${local.service}/heartbeat, the state of the function, and whether its",
        "log receives events (the log group's key).",
      ])
    }
    table_errors = {
      namespace  = "AWS/DynamoDB"
      metric     = "SystemErrors"
      statistic  = "Sum"
      dimensions = local.of_table_calls
      summary = join(" ", [
        "${local.thresholds.table_errors} or more calls to DynamoDB failed with an internal error.",
      ])
      action = "Callers receive 503 after the last retry. Check the AWS Health Dashboard."
    }
    table_throttles = {
      namespace  = "AWS/DynamoDB"
      metric     = "ThrottledRequests"
      statistic  = "Sum"
      dimensions = local.of_table_calls
      summary    = "DynamoDB throttled ${local.thresholds.table_throttles} or more calls."
      action = join(" ", [
        "Find the busiest caller and slow it down: a partition of an index takes 1,000 write units",
        "per second.",
      ])
    }
    unhandled_exceptions = {
      namespace  = "RecordsApi"
      metric     = "UnhandledExceptions"
      statistic  = "Sum"
      dimensions = { "" = local.of_service_name }
      summary = join(" ", [
        "${local.thresholds.unhandled_exceptions} or more requests failed with an unexpected",
        "exception.",
      ])
      action = join(" ", [
        "The function's log has the traceback. If a release caused the exceptions, roll back.",
      ])
    }
  }

  catalog_alarms = flatten([
    for key, entry in local.alarm_catalog : [
      for suffix, dimensions in entry.dimensions : merge(local.alarm_defaults, entry, {
        dimensions = dimensions
        enabled    = local.has_alarm_recipients && try(var.alarms.tune[key].enabled, true)
        name       = join("-", compact([replace(key, "_", "-"), suffix]))
        threshold  = local.thresholds[key]
      })
    ]
  ])

  alarms = { for alarm in local.catalog_alarms : alarm.name => alarm if alarm.enabled }

  # "Amazon CloudWatch pricing": an alarm is charged for each metric that it evaluates.
  alarm_metrics = sum(concat([0], [for alarm in local.alarms : max(1, length(alarm.sums))]))

  # The topic's ARN comes from its policy, so that nothing publishes before the policy is in place.
  alarm_targets = concat(
    [for policy in aws_sns_topic_policy.alarms : policy.arn],
    var.alarms.topic_arns,
  )

  publishers = concat(
    ["cloudwatch.amazonaws.com"],
    [for budget in local.budget[*] : "budgets.amazonaws.com"],
  )
}

resource "aws_cloudwatch_metric_alarm" "catalog" {
  for_each = local.alarms

  alarm_name          = "${local.service}-${each.key}"
  alarm_description   = "${each.value.summary} ${each.value.action}"
  namespace           = each.value.metric == null ? null : each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.metric == null ? null : each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.percentile
  period              = each.value.metric == null ? null : each.value.period
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = local.alarm_targets
  ok_actions          = local.alarm_targets
  tags                = local.tags

  dynamic "metric_query" {
    for_each = each.value.sums
    content {
      id = metric_query.key

      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        dimensions  = each.value.dimensions
        stat        = "Sum"
        period      = 300
      }
    }
  }

  dynamic "metric_query" {
    for_each = {
      for key in ["watched"] : key => each.value.expression if each.value.expression != null
    }
    content {
      id          = metric_query.key
      expression  = metric_query.value
      label       = each.key
      return_data = true
    }
  }
}

resource "aws_sns_topic" "alarms" {
  for_each = { for key in ["own"] : key => local.service if length(var.alarms.emails) > 0 }

  name              = "${each.value}-alarms"
  kms_master_key_id = local.kms_key_arn
  tags              = local.tags
}

resource "aws_sns_topic_policy" "alarms" {
  for_each = aws_sns_topic.alarms

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PublishersOfThisAccount"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Resource  = each.value.arn
      Principal = { Service = local.publishers }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.alarms.emails

  topic_arn = aws_sns_topic_policy.alarms["own"].arn
  protocol  = "email"
  endpoint  = each.value
}
