output "api_id" {
  description = "ID of the HTTP API, the `ApiId` dimension of its metrics."
  value       = aws_apigatewayv2_api.records.id
}

output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.records.function_name
}

output "function_version" {
  description = "The published version that the alias `live` serves."
  value       = aws_lambda_alias.live.function_version
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts table, logs and function environment."
  value       = local.kms_key_arn
}

output "kms_key_policy_statements" {
  description = "JSON list of the statements that the policy of a key of your own needs."
  value       = jsonencode(local.key_statements)
}

output "live_alias_arn" {
  description = "ARN of the alias `live`, the only one the API invokes."
  value       = aws_lambda_alias.live.arn
}

output "log_group_names" {
  description = "Names of the log groups: `access` for the API's access log, `function` for the function's lines."
  value       = { for purpose, group in aws_cloudwatch_log_group.service : purpose => group.name }
}

output "reader_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read. Null unless IAM decides."
  value       = try(aws_iam_policy.caller["reader"].arn, null)
}

output "reader_role_arn" {
  description = "ARN of the role that trusted readers assume. Null where `access` names none."
  value       = try(aws_iam_role.caller["reader"].arn, null)
}

output "records_url" {
  description = "URL of the records, known once everything that serves it is in place."
  value       = "${trimsuffix(aws_apigatewayv2_stage.serving.invoke_url, "/")}/records"

  depends_on = [aws_apigatewayv2_route.operation, aws_lambda_permission.api]
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.records.arn
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.records.name
}

output "writer_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read and write. Null unless IAM decides."
  value       = try(aws_iam_policy.caller["writer"].arn, null)
}

output "writer_role_arn" {
  description = "ARN of the role that trusted writers assume. Null where `access` names none."
  value       = try(aws_iam_role.caller["writer"].arn, null)
}
