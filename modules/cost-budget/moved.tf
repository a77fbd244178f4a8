# Addresses of earlier releases, so that an upgrade replaces nothing.

moved {
  from = aws_budgets_budget.this
  to   = aws_budgets_budget.monthly
}

moved {
  from = aws_ce_anomaly_monitor.this[0]
  to   = aws_ce_anomaly_monitor.spend["anomaly_monitor"]
}

moved {
  from = aws_ce_anomaly_subscription.this
  to   = aws_ce_anomaly_subscription.spend
}

moved {
  from = aws_kms_alias.this[0]
  to   = aws_kms_alias.budget["create_topic"]
}

moved {
  from = aws_kms_key.this[0]
  to   = aws_kms_key.budget["create_topic"]
}

moved {
  from = aws_sns_topic.this[0]
  to   = aws_sns_topic.budget["create_topic"]
}

moved {
  from = aws_sns_topic_policy.this[0]
  to   = aws_sns_topic_policy.budget["create_topic"]
}
