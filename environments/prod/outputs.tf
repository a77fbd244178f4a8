output "alarm_topic_arn" {
  description = "ARN of the topic for alarms and budget notifications. Null without alarm_emails."
  value       = module.records_api.alarm_topic_arn
}

output "auditor_policy_arn" {
  description = "ARN of the IAM policy for principals of this account that audit."
  value       = module.records_api.auditor_policy_arn
}

output "auditor_role_arn" {
  description = "ARN of the role that trusted auditors assume. Null without trusted auditors."
  value       = module.records_api.auditor_role_arn
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = module.records_api.dashboard_name
}

output "fixed_monthly_cost_usd" {
  description = "Monthly cost before any requests, in US dollars."
  value       = module.records_api.fixed_monthly_cost_usd
}

output "function_version" {
  description = "Function version that the alias `live` serves."
  value       = module.records_api.function_version
}

output "history_table_name" {
  description = "Name of the DynamoDB table of the history."
  value       = module.records_api.history_table_name
}

output "log_group_names" {
  description = "Names of the log groups, by purpose: `access` and `function`."
  value       = module.records_api.log_group_names
}

output "reader_policy_arn" {
  description = "ARN of the IAM policy for readers in the same account."
  value       = module.records_api.reader_policy_arn
}

output "reader_role_arn" {
  description = "ARN of the role that trusted readers assume. Null without trusted readers."
  value       = module.records_api.reader_role_arn
}

output "records_url" {
  description = "URL of the API, ending in `/records`."
  value       = module.records_api.records_url
}

output "runbook" {
  description = "Commands for the engineer on call, by purpose."
  value       = module.records_api.runbook
}

output "settings" {
  description = "The module's settings in effect, after defaults."
  value       = module.records_api.settings
}

output "table_name" {
  description = "Name of the DynamoDB table of records."
  value       = module.records_api.table_name
}

output "trail_arn" {
  description = "ARN of the audit trail. Null if `audit.mode` is `off`."
  value       = module.records_api.trail_arn
}

output "writer_policy_arn" {
  description = "ARN of the IAM policy for writers in the same account. It also allows reading."
  value       = module.records_api.writer_policy_arn
}

output "writer_role_arn" {
  description = "ARN of the role that trusted writers assume. Null without trusted writers."
  value       = module.records_api.writer_role_arn
}
