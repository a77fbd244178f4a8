output "budget_arn" {
  description = "ARN of the budget."
  value       = aws_budgets_budget.monthly.arn
}

output "budget_name" {
  description = "Name of the budget, unique in its account."
  value       = aws_budgets_budget.monthly.name
}

output "topic_arn" {
  description = "ARN of the created topic, for subscriptions; null without notify.create_topic."
  value       = one([for topic in aws_sns_topic.budget : topic.arn])
  depends_on  = [aws_sns_topic_policy.budget]
}
