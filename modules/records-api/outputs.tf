output "alarm_names" {
  description = "Names of the alarms. Empty where `alarms` names nobody."
  value       = [for alarm in aws_cloudwatch_metric_alarm.catalogue : alarm.alarm_name]
}

output "alarm_topic_arn" {
  description = "ARN of the topic that `alarms.emails` are subscribed to. Null where there are none."
  value       = try(aws_sns_topic_policy.alarms["own"].arn, null)
}

output "api_id" {
  description = "ID of the HTTP API, the `ApiId` dimension of its metrics."
  value       = aws_apigatewayv2_api.records.id
}

output "budget_name" {
  description = "Name of the budget. Null without one."
  value       = try(module.cost_budget["monthly"].budget_name, null)
}

output "dashboard_name" {
  description = "Name of the dashboard. Null where it is switched off."
  value       = try(aws_cloudwatch_dashboard.service["service"].dashboard_name, null)
}

output "fixed_monthly_cost_usd" {
  description = <<-EOT
    What a month costs before any request is paid for, in US dollars: `items`, their `total`, and how old the prices
    are, `as_of`. `custom_metrics` are charged for hours with requests only.
  EOT
  value = {
    as_of = local.prices_as_of
    items = { for item, cents in local.fixed_monthly_cents : item => cents / 100 }
    total = local.fixed_monthly_total_usd
  }
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
  description = "ARN of the key that encrypts table, logs, messages and function environment."
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
  value       = local.records_url

  depends_on = [aws_apigatewayv2_route.operation, aws_lambda_permission.api]
}

output "runbook" {
  description = <<-EOT
    Commands to paste, by what they are for. Set what only you know as shell variables: `$REQUEST_ID` (a response's
    `x-request-id`, or of an access log line), `$RECORD_ID`, `$VERSION`, `$MOMENT` (RFC 3339), `$SUFFIX` (such as
    `-restored`), `$BACKUP_ARN`, `$ADDRESS` (the table's in `terraform state list`); and credentials. `tail_logs` needs
    version 2 of the AWS CLI.
  EOT
  value       = local.runbook
}

output "settings" {
  description = <<-EOT
    Every input after defaults, and the profile in effect. Compare it with your configuration, because
    Terraform drops misspelled attributes silently. It is known while planning.
  EOT
  value = {
    access                   = var.access
    alarms                   = var.alarms
    api                      = var.api
    audit                    = merge(var.audit, { mode = coalesce(var.audit.mode, "off") })
    auth                     = var.auth
    budget                   = var.budget
    environment              = var.environment
    function                 = var.function
    insights                 = merge(var.insights, { saved_queries = local.keeps_queries })
    kms_key_arn              = var.kms_key_arn
    lambda_package           = var.lambda_package
    log_retention_days       = var.log_retention_days
    name                     = var.name
    operations               = var.operations
    permissions_boundary_arn = var.permissions_boundary_arn
    profile                  = local.profile
    release                  = var.release
    table                    = var.table
    tags                     = local.tags
  }
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.records.arn
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.records.name
}

output "trail_arn" {
  description = "ARN of the audit trail. Null unless `audit.mode` is `create`."
  value       = try(module.audit_trail["trail"].trail_arn, null)
}

output "writer_policy_arn" {
  description = "ARN of the policy that lets a principal of this account read and write. Null unless IAM decides."
  value       = try(aws_iam_policy.caller["writer"].arn, null)
}

output "writer_role_arn" {
  description = "ARN of the role that trusted writers assume. Null where `access` names none."
  value       = try(aws_iam_role.caller["writer"].arn, null)
}
