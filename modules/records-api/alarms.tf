# What somebody is called for. One map holds every alarm there can be, with what to do about it; `alarms.tune` changes
# entries by their key. Names and dimensions are those that AWS and the handler publish: CloudWatch takes any others
# too, and such an alarm never fires.
locals {
  live_dimensions   = { FunctionName = local.service, Resource = "${local.service}:live" }
  action_dimensions = { for action in local.actions : action => { Operation = action, TableName = local.service } }

  # `dimensions`: one set, or one for each alarm of the entry by the end of its name.
  alarm_catalogue = {
    api_5xx = {
      namespace  = "AWS/ApiGateway"
      metric     = "5xx"
      statistic  = "Average" # of ones and zeros: the share of requests
      threshold  = 0.05
      periods    = 2
      dimensions = { "" = { ApiId = aws_apigatewayv2_api.records.id } }
      runbook    = "Callers get 5xx. Query errors-by-operation tells where; roll back if a release began it."
    }
    api_latency = {
      namespace  = "AWS/ApiGateway"
      metric     = "Latency"
      statistic  = "p99"
      threshold  = 3000
      periods    = 3
      dimensions = { "" = { ApiId = aws_apigatewayv2_api.records.id } }
      runbook    = "Requests are slow. Query slowest-requests: cold starts, retries or large pages?"
    }
    configuration_errors = {
      namespace  = "RecordsApi"
      metric     = "ConfigurationErrors"
      statistic  = "Sum"
      threshold  = 1
      periods    = 1
      dimensions = { "" = { Service = local.service } }
      runbook    = "All requests fail: the function's environment is wrong, its log says how. Apply again."
    }
    function_concurrency = {
      namespace  = "AWS/Lambda"
      metric     = "ConcurrentExecutions"
      statistic  = "Maximum"
      threshold  = try(ceil(0.8 * var.function.reserved_concurrency), 1)
      periods    = 2
      dimensions = var.function.reserved_concurrency == null ? {} : { "" = { FunctionName = local.service } }
      runbook    = "Most reserved executions are busy. Raise function.reserved_concurrency in time."
    }
    function_duration = {
      namespace  = "AWS/Lambda"
      metric     = "Duration"
      statistic  = "p99"
      threshold  = 0.8 * local.timeout_seconds * 1000
      periods    = 1
      dimensions = { "" = local.live_dimensions }
      runbook    = "Requests outlive their own deadline and near the timeout. Query slowest-requests."
    }
    function_errors = {
      namespace  = "AWS/Lambda"
      metric     = "Errors"
      statistic  = "Sum"
      threshold  = 1
      periods    = 1
      dimensions = { "" = local.live_dimensions }
      runbook    = "It did not start, timed out or ran out of memory. Tail its log; roll back if it is new."
    }
    function_throttles = {
      namespace  = "AWS/Lambda"
      metric     = "Throttles"
      statistic  = "Sum"
      threshold  = 1
      periods    = 1
      dimensions = { "" = local.live_dimensions }
      runbook    = "Lambda would not run it: the reservation, or the account's pool, is used up. By whom?"
    }
    table_errors = {
      namespace  = "AWS/DynamoDB"
      metric     = "SystemErrors"
      statistic  = "Sum"
      threshold  = 5
      periods    = 1
      dimensions = local.action_dimensions
      runbook    = "DynamoDB itself fails; callers get 503 when retries are used up. See AWS Health."
    }
    table_throttles = {
      namespace  = "AWS/DynamoDB"
      metric     = "ThrottledRequests"
      statistic  = "Sum"
      threshold  = 10
      periods    = 1
      dimensions = local.action_dimensions
      runbook    = "Traffic doubled at once, or an index takes 1000 writes/s. Slow the busiest caller."
    }
    unhandled_exceptions = {
      namespace  = "RecordsApi"
      metric     = "UnhandledExceptions"
      statistic  = "Sum"
      threshold  = 1
      periods    = 1
      dimensions = { "" = { Service = local.service } }
      runbook    = "A defect: callers get 500, the log has the traceback. Roll back if a release began it."
    }
  }

  alarms = merge([
    for key, entry in local.alarm_catalogue : {
      for suffix, dimensions in entry.dimensions :
      join("-", compact([replace(key, "_", "-"), suffix])) => merge(entry, {
        dimensions = dimensions
        threshold  = coalesce(try(var.alarms.tune[key].threshold, null), entry.threshold)
      })
    } if local.has_alarm_recipients && try(var.alarms.tune[key].enabled, true)
  ]...)

  # The topic's ARN as its policy knows it: nothing publishes, or tries to, before the policy is in place.
  alarm_targets = concat([for policy in aws_sns_topic_policy.alarms : policy.arn], var.alarms.topic_arns)

  publishers = concat(
    ["cloudwatch.amazonaws.com"],
    [for budget in local.budget[*] : "budgets.amazonaws.com"],
  )
}

resource "aws_cloudwatch_metric_alarm" "catalogue" {
  for_each = local.alarms

  alarm_name          = "${local.service}-${each.key}"
  alarm_description   = each.value.runbook
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  alarm_actions       = local.alarm_targets
  ok_actions          = local.alarm_targets
  tags                = local.tags

  # No data is no traffic, and a night without traffic is not a fault.
  treat_missing_data = "notBreaching"

  lifecycle {
    precondition {
      condition     = alltrue([for arn in var.alarms.topic_arns : split(":", arn)[3] == local.region])
      error_message = "alarms.topic_arns must be topics of this region: an alarm can't tell others."
    }
  }
}

resource "aws_sns_topic" "alarms" {
  for_each = length(var.alarms.emails) == 0 ? {} : { own = "${local.service}-alarms" }

  name              = each.value
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
