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

output "writer_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read and write."
  value       = module.records_api.writer_policy_arn
}

output "writer_role_arn" {
  description = "ARN of the role that trusted writers assume, null while there are none."
  value       = module.records_api.writer_role_arn
}
