# The heartbeat: EventBridge Scheduler runs the self-test of the version that serves, so that an
# inactive function, a revoked key grant or a broken log group is detected before callers are
# affected. A self-test that fails is an error of `live` (alarm function_errors). If the self-test
# does not run or its log line is lost, its metric is missing (alarm heartbeat).
locals {
  heartbeat_rate = coalesce(var.function.heartbeat, local.is_prod ? "rate(1 day)" : "off")
  heartbeats = {
    for key in ["live"] : key => local.heartbeat_rate if local.heartbeat_rate != "off"
  }

  heartbeat_seconds = one([
    for rate in local.heartbeats : tonumber(regex("[0-9]+", rate)) * {
      minute = 60, hour = 3600, day = 86400
    }[regex("minute|hour|day", rate)]
  ])

  # The alarm evaluates two intervals, in periods of five minutes (a metric in a log line can be
  # delayed) to one day. CloudWatch evaluates at most seven days, or one day if the period is under
  # an hour (CloudWatch API Reference, "PutMetricAlarm", Period).
  heartbeat_period  = try(max(300, min(local.heartbeat_seconds, 86400)), 300)
  heartbeat_periods = try(max(2, ceil(2 * local.heartbeat_seconds / local.heartbeat_period)), 2)

  schedule_group_arn = join(":", [
    "arn:${local.partition}:scheduler:${local.region}:${local.account_id}",
    "schedule-group/${local.service}",
  ])
}

# A separate group, because a trust policy can name a schedule group, but not a schedule
# (EventBridge Scheduler User Guide, "Confused deputy prevention").
resource "aws_scheduler_schedule_group" "heartbeat" {
  for_each = local.heartbeats

  name = local.service
  tags = local.tags
}

resource "aws_iam_role" "heartbeat" {
  for_each = local.heartbeats

  name                 = "${local.iam_prefix}-heartbeat"
  description          = "Lets EventBridge Scheduler invoke ${local.service}:live"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        ArnEquals    = { "aws:SourceArn" = local.schedule_group_arn }
        StringEquals = { "aws:SourceAccount" = local.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "heartbeat" {
  for_each = aws_iam_role.heartbeat

  name = "invoke-live"
  role = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "InvokeLive"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = ["${local.function_arn}:${aws_lambda_alias.live.name}"]
    }]
  })
}

# EventBridge Scheduler invokes asynchronously (AWS Lambda Developer Guide, "Invoke a Lambda
# function on a schedule"): by default, Lambda would retry a failed self-test twice. There is no
# dead-letter queue: the event is always the same, and the log and the alarm show what failed.
resource "aws_lambda_function_event_invoke_config" "live" {
  for_each = local.heartbeats

  function_name                = aws_lambda_function.records.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

resource "aws_scheduler_schedule" "heartbeat" {
  #checkov:skip=CKV_AWS_297:Its input is constant; the service's key would protect nothing
  for_each = local.heartbeats

  name                = "heartbeat"
  description         = "Self-test of ${local.service}:live"
  group_name          = aws_scheduler_schedule_group.heartbeat[each.key].name
  schedule_expression = each.value
  state               = "ENABLED"

  flexible_time_window {
    mode = "OFF"
  }

  # Without digests: the heartbeat tests any version that serves.
  target {
    arn      = aws_lambda_alias.live.arn
    input    = jsonencode({ selfTest = true })
    role_arn = aws_iam_role.heartbeat[each.key].arn

    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }

  depends_on = [aws_iam_role_policy.heartbeat, aws_lambda_function_event_invoke_config.live]
}
