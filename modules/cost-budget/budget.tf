data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  # Budget names are unique in the account across regions.
  name = "${var.name}-${var.environment}-${local.region}"
}

resource "aws_budgets_budget" "monthly" {
  name         = local.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.monthly_limit_usd)
  limit_unit   = "USD"
  tags         = var.tags

  # Usage before credits and refunds: a credit would hide rising usage until it runs out.
  cost_types {
    include_credit = false
    include_refund = false
  }

  dynamic "cost_filter" {
    for_each = var.scope[*]

    content {
      name   = "TagKeyValue"
      values = [format("user:%s$%s", cost_filter.value.tag_key, cost_filter.value.tag_value)]
    }
  }

  dynamic "notification" {
    for_each = var.thresholds

    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.value.type
      subscriber_email_addresses = var.notify.emails
      subscriber_sns_topic_arns  = local.notified_topics
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
    }
  }

  # AWS checks that it may publish to the topic when the budget is created.
  depends_on = [aws_sns_topic_policy.budget]
}
