# What it costs, and who is told when it costs more.
locals {
  # US cents a month in us-east-1, as published in 2025.
  prices_as_of = "2025"
  prices = {
    alarm         = 10
    custom_metric = 30
    dashboard     = 300 # an account's first three are free
    key           = 100 # its first and its second rotation add as much each
    log_gigabyte  = 3
  }

  # Before any request is paid for. Custom metrics are charged for the hours that send them, here for all of them: two
  # for each operation, one for the heartbeat. The heartbeat's invocations cost less than a cent.
  fixed_monthly_cents = {
    alarms = local.prices.alarm * local.alarm_metrics
    custom_metrics = (
      local.prices.custom_metric * (2 * length(local.operations) + length(local.heartbeats))
    )
    dashboard   = var.insights.dashboard ? local.prices.dashboard : 0
    keys        = local.prices.key * (length(aws_kms_key.service) + length(module.audit_trail))
    log_storage = local.prices.log_gigabyte # for the first gigabyte
  }

  # A budget tells topics of its own account only.
  budget_topics = concat(
    [for policy in aws_sns_topic_policy.alarms : policy.arn],
    [for arn in var.alarms.topic_arns : arn if split(":", arn)[4] == local.account_id],
  )

  # A budget that profile.tf refuses is not passed on, or cost-budget would refuse it again.
  budget = (
    local.budget_requested && local.budget_available && local.budget_has_recipients ? var.budget : null
  )

  budget_usd = try(local.budget.monthly_usd, null)

  fixed_monthly_total_usd = sum(values(local.fixed_monthly_cents)) / 100
}

module "cost_budget" {
  source   = "../cost-budget"
  for_each = { for budget in local.budget[*] : "monthly" => budget }

  name              = var.name
  environment       = var.environment
  monthly_limit_usd = each.value.monthly_usd
  scope             = each.value.scope
  tags              = local.tags
  thresholds        = each.value.thresholds

  notify = {
    emails = each.value.emails
    topic  = one([for arn in slice(local.budget_topics, 0, min(1, length(local.budget_topics))) : { arn = arn }])
  }
}

check "fixed_cost" {
  assert {
    condition = try(local.fixed_monthly_total_usd <= local.budget.monthly_usd / 2, local.budget == null)
    error_message = format(
      "%s costs $%.2f a month before any request, more than half of budget.monthly_usd: raise it, or disable features.",
      local.service, local.fixed_monthly_total_usd,
    )
  }
}
