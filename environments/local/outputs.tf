output "api_id" {
  description = "ID of the HTTP API."
  value       = module.records_api.api_id
}

output "function_name" {
  description = "Name of the function."
  value       = module.records_api.function_name
}

output "function_version" {
  description = "The published version that the alias `live` serves."
  value       = module.records_api.function_version
}

output "log_group_names" {
  description = "Names of the log groups, `access` and `function`."
  value       = module.records_api.log_group_names
}

output "reader" {
  description = "Access key of the user that holds the reader policy."
  sensitive   = true
  value = {
    access_key_id     = aws_iam_access_key.caller["reader"].id
    secret_access_key = aws_iam_access_key.caller["reader"].secret
  }
}

output "records_path" {
  description = "Path of the records on the emulator, which serves every API below its own endpoint."
  value       = "/_aws/execute-api/${module.records_api.api_id}/${local.stage_name}/records"
}

output "region" {
  description = "Region the service runs in, and requests are signed for."
  value       = data.aws_region.current.id
}

output "runbook" {
  description = "Commands for an engineer on call, as in dev and prod. `scripts/env` sets what they need to reach the emulator."
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

output "writer" {
  description = "Access key of the user that holds the writer policy."
  sensitive   = true
  value = {
    access_key_id     = aws_iam_access_key.caller["writer"].id
    secret_access_key = aws_iam_access_key.caller["writer"].secret
  }
}
