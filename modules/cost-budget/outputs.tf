output "budget_arn" {
  description = "ARN of the budget."
  value       = aws_budgets_budget.this.arn
}

output "budget_name" {
  description = "Name of the budget, unique in its account."
  value       = aws_budgets_budget.this.name
}

output "topic_arn" {
  description = "ARN of the created topic, for subscriptions; null without notify.create_topic."
  value       = one(aws_sns_topic.this[*].arn)
  depends_on  = [aws_sns_topic_policy.this]
}
