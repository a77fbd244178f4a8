# What an instance costs per month before any request, and the budget.
locals {
  # On-demand prices in US cents. scripts/bench models the cost of requests with the same file. An
  # account's first three dashboards are free; the first and the second rotation of a key add the
  # same amount each.
  price_table  = jsondecode(file("${path.module}/prices.json"))
  prices_as_of = local.price_table.as_of
  prices       = local.price_table.us_cents

  # Two custom metrics per operation and one for the heartbeat, as if each were sent in every hour:
  # AWS charges only for the hours in which they are sent. The heartbeat's invocations cost less
  # than a cent.
  fixed_monthly_cents = {
    alarms = local.prices.alarm_month * local.alarm_metrics
    custom_metrics = (
      local.prices.custom_metric_month * (2 * length(local.operations) + length(local.heartbeats))
    )
    dashboard = var.insights.dashboard ? local.prices.dashboard_month : 0
    keys = (
      local.prices.key_month * (length(aws_kms_key.service) + length(module.audit_trail))
    )
    log_storage = local.prices.log_gigabyte_month # for the first gigabyte
  }

  # A budget can notify only topics of its own account.
  budget_topics = concat(
    [for policy in aws_sns_topic_policy.alarms : policy.arn],
    [for arn in var.alarms.topic_arns : arn if split(":", arn)[4] == local.account_id],
  )

  # A budget that profile.tf rejects is not passed on, so that it is reported only once.
  creates_budget = (
    local.budget_requested && local.budget_available && local.budget_has_recipients
  )
  budget = local.creates_budget ? var.budget : null

  budget_usd = try(local.budget.monthly_usd, null)

  fixed_monthly_total_usd = sum(values(local.fixed_monthly_cents)) / 100
}

module "cost_budget" {
  source   = "../cost-budget"
  for_each = { for key in ["monthly"] : key => var.budget if local.creates_budget }

  name              = var.name
  environment       = var.environment
  monthly_limit_usd = each.value.monthly_usd
  scope             = each.value.scope
  tags              = local.tags
  thresholds        = each.value.thresholds

  notify = {
    emails = each.value.emails
    topic  = try({ arn = local.budget_topics[0] }, null)
  }
}

check "fixed_cost" {
  assert {
    condition = try(
      local.fixed_monthly_total_usd <= local.budget.monthly_usd / 2,
      local.budget == null,
    )
    error_message = format(
      join(" ", [
        "%s costs $%.2f per month before any request, more than half of budget.monthly_usd:",
        "raise the budget or disable features.",
      ]),
      local.service, local.fixed_monthly_total_usd,
    )
  }
}
