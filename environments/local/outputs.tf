output "api_id" {
  description = "ID of the HTTP API."
  value       = module.records_api.api_id
}

output "auditor" {
  description = "Access key of the user that has the auditor policy."
  sensitive   = true
  value = {
    access_key_id     = aws_iam_access_key.caller["auditor"].id
    secret_access_key = aws_iam_access_key.caller["auditor"].secret
  }
}

output "function_name" {
  description = "Name of the Lambda function."
  value       = module.records_api.function_name
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

output "reader" {
  description = "Access key of the user that has the reader policy."
  sensitive   = true
  value = {
    access_key_id     = aws_iam_access_key.caller["reader"].id
    secret_access_key = aws_iam_access_key.caller["reader"].secret
  }
}

output "records_path" {
  description = "Path of the API below the emulator's URL, ending in `/records`."
  value       = "/_aws/execute-api/${module.records_api.api_id}/${local.stage_name}/records"
}

output "region" {
  description = "AWS Region of the service, for which requests are signed."
  value       = data.aws_region.current.id
}

output "runbook" {
  description = "Commands for the engineer on call. First run `eval \"$(scripts/env)\"`."
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

output "writer" {
  description = "Access key of the user that has the writer policy."
  sensitive   = true
  value = {
    access_key_id     = aws_iam_access_key.caller["writer"].id
    secret_access_key = aws_iam_access_key.caller["writer"].secret
  }
}
