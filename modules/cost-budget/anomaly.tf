# Detects unusual spend, independently of the budget. AWS needs ten days of history for a service.

resource "aws_ce_anomaly_monitor" "spend" {
  for_each = {
    for key in ["anomaly_monitor"] : key => var.anomaly_monitor if var.anomaly_monitor != null
  }

  name              = local.name
  monitor_type      = var.scope == null ? "DIMENSIONAL" : "CUSTOM"
  monitor_dimension = var.scope == null ? "SERVICE" : null
  tags              = var.tags

  # AWS returns all keys of an expression; a key left out here would be a difference in every plan.
  monitor_specification = one([for scope in var.scope[*] : jsonencode({
    And            = null
    CostCategories = null
    Dimensions     = null
    Not            = null
    Or             = null
    Tags           = { Key = scope.tag_key, MatchOptions = null, Values = [scope.tag_value] }
  })])
}

# AWS sends individual alerts to topics only, and daily summaries to addresses only.
resource "aws_ce_anomaly_subscription" "spend" {
  for_each = var.anomaly_monitor == null ? {} : {
    for frequency, subscribers in {
      DAILY     = [for email in var.notify.emails : { type = "EMAIL", address = email }]
      IMMEDIATE = [for topic in local.notified_topics : { type = "SNS", address = topic }]
    } : frequency => subscribers if length(subscribers) > 0
  }

  name             = "${local.name}-${lower(each.key)}"
  frequency        = each.key
  monitor_arn_list = [for monitor in aws_ce_anomaly_monitor.spend : monitor.arn]
  tags             = var.tags

  dynamic "subscriber" {
    for_each = each.value

    content {
      type    = subscriber.value.type
      address = subscriber.value.address
    }
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.anomaly_monitor.impact_usd)]
    }
  }

  # AWS checks that it may publish to the topic when the subscription is created.
  depends_on = [aws_sns_topic_policy.budget]
}
