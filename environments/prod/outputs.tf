output "alarm_topic_arn" {
  description = "ARN of the topic that tells of alarms and of the budget, null while there are no addresses."
  value       = module.records_api.alarm_topic_arn
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = module.records_api.dashboard_name
}

output "fixed_monthly_cost_usd" {
  description = "What a month without requests costs, in US dollars."
  value       = module.records_api.fixed_monthly_cost_usd
}

output "function_version" {
  description = "The published version that the alias `live` serves."
  value       = module.records_api.function_version
}

output "log_group_names" {
  description = "Names of the log groups, `access` and `function`."
  value       = module.records_api.log_group_names
}

output "reader_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read."
  value       = module.records_api.reader_policy_arn
}

output "reader_role_arn" {
  description = "ARN of the role that trusted readers assume, null while there are none."
  value       = module.records_api.reader_role_arn
}

output "records_url" {
  description = "URL of the records."
  value       = module.records_api.records_url
}

output "runbook" {
  description = "Commands to paste when something is wrong, by what they are for."
  value       = module.records_api.runbook
}

output "settings" {
  description = "The module's settings in effect, after defaults."
  value       = module.records_api.settings
}

output "table_name" {
  description = "Name of the table."
  value       = module.records_api.table_name
}

output "trail_arn" {
  description = "ARN of the audit trail."
  value       = module.records_api.trail_arn
}

output "writer_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read and write."
  value       = module.records_api.writer_policy_arn
}

output "writer_role_arn" {
  description = "ARN of the role that trusted writers assume, null while there are none."
  value       = module.records_api.writer_role_arn
}
