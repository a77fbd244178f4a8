output "alarm_names" {
  description = "Names of the alarms. Empty without alarm recipients."
  value       = [for alarm in aws_cloudwatch_metric_alarm.catalog : alarm.alarm_name]
}

output "alarm_topic_arn" {
  description = "ARN of the topic that `alarms.emails` are subscribed to. Null without emails."
  value       = try(aws_sns_topic_policy.alarms["own"].arn, null)
}

output "api_id" {
  description = "ID of the HTTP API of `records_url`, the `ApiId` dimension of its metrics."
  value       = aws_apigatewayv2_api.records["main"].id
}

output "api_id_jwt" {
  description = "ID of the HTTP API of `records_url_jwt`. Null if no API accepts bearer tokens."
  value       = try(aws_apigatewayv2_api.records[local.jwt_api].id, null)
}

output "auditor_policy_arn" {
  description = <<-EOT
    ARN of the policy that allows principals of this account to read records, their history and
    the feed of changes. Null unless `auth.mode` is `IAM`, or if no operation reads or audits.
  EOT
  value       = try(aws_iam_policy.caller["auditor"].arn, null)
}

output "auditor_role_arn" {
  description = "ARN of the role for trusted auditors. Null if `access` names none."
  value       = try(aws_iam_role.caller["auditor"].arn, null)
}

output "budget_name" {
  description = "Name of the budget. Null without a budget."
  value       = try(module.cost_budget["monthly"].budget_name, null)
}

output "dashboard_name" {
  description = "Name of the dashboard. Null without a dashboard."
  value       = try(aws_cloudwatch_dashboard.service["service"].dashboard_name, null)
}

output "domain_target" {
  description = <<-EOT
    Where a DNS record of `api.domain.name` must point, as an alias or CNAME: `name` and
    `hosted_zone_id`. Null without `api.domain`.
  EOT
  value       = one(values(local.domain_targets))
}

output "fixed_monthly_cost_usd" {
  description = <<-EOT
    Cost per month before any request, in US dollars: `items`, their `total`, and `as_of`, the
    year of the prices. AWS charges `custom_metrics` only for hours in which they are sent.
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
  description = "The published version that the alias `live` points to."
  value       = aws_lambda_alias.live.function_version
}

output "history_table_arn" {
  description = "ARN of the history table."
  value       = aws_dynamodb_table.history.arn
}

output "history_table_name" {
  description = "Name of the history table, which has an entry for each change of a record."
  value       = aws_dynamodb_table.history.name
}

output "kms_key_arn" {
  description = <<-EOT
    ARN of the key of the tables, the logs, the notifications and the function's environment.
  EOT
  value       = local.kms_key_arn
}

output "kms_key_policy_statements" {
  description = "JSON list of the statements that the policy of your own key must contain."
  value       = jsonencode(local.key_statements)
}

output "live_alias_arn" {
  description = "ARN of the alias `live`, the only one that API Gateway invokes."
  value       = aws_lambda_alias.live.arn
}

output "log_group_names" {
  description = "Names of the log groups: `access` (access log of the API) and `function`."
  value       = { for purpose, group in aws_cloudwatch_log_group.service : purpose => group.name }
}

output "reader_policy_arn" {
  description = <<-EOT
    ARN of the policy that allows principals of this account to read. Null unless `auth.mode` is
    `IAM`, or if no operation reads.
  EOT
  value       = try(aws_iam_policy.caller["reader"].arn, null)
}

output "reader_role_arn" {
  description = "ARN of the role for trusted readers. Null if `access` names none."
  value       = try(aws_iam_role.caller["reader"].arn, null)
}

output "records_url" {
  description = <<-EOT
    URL of the records for callers that authenticate as `auth.mode` says. It is known once every
    resource that serves it exists.
  EOT
  value       = local.records_urls.main

  depends_on = [
    aws_apigatewayv2_api_mapping.records,
    aws_apigatewayv2_route.operation,
    aws_lambda_permission.api,
    aws_route53_record.domain,
  ]
}

output "records_url_jwt" {
  description = <<-EOT
    URL of the records for callers with bearer tokens: that of a second API if `auth.mode` is `IAM`,
    and `records_url` if it is `JWT`. Null without `auth.issuer`.
  EOT
  value       = try(local.records_urls[local.jwt_api], null)

  depends_on = [
    aws_apigatewayv2_api_mapping.records,
    aws_apigatewayv2_route.operation,
    aws_lambda_permission.api,
    aws_route53_record.domain,
  ]
}

output "runbook" {
  description = <<-EOT
    Commands for operations, by purpose. They read the values that only you know from shell
    variables: `$REQUEST_ID` (`x-request-id` of a response, or `requestId` of an access log
    line), `$RECORD_ID`, `$VERSION`, `$MOMENT` (RFC 3339), `$SUFFIX` (such as `-restored`),
    `$BACKUP_ARN` and `$HISTORY_BACKUP_ARN` (of the table of records and of its history), and
    `$MODULE` (the address of the module, such as `module.records`). `smoke` also needs credentials
    in the environment, `tail_logs` AWS CLI version 2.
  EOT
  value       = local.runbook
}

output "settings" {
  description = <<-EOT
    Every input after defaults, and the profile in effect. It is known in the plan. Compare it
    with your configuration, because Terraform silently drops unknown attributes of an object.
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
  description = "ARN of the table of records."
  value       = aws_dynamodb_table.records.arn
}

output "table_name" {
  description = "Name of the table of records."
  value       = aws_dynamodb_table.records.name
}

output "trail_arn" {
  description = "ARN of the audit trail. Null unless `audit.mode` is `create`."
  value       = try(module.audit_trail["trail"].trail_arn, null)
}

output "writer_policy_arn" {
  description = <<-EOT
    ARN of the policy that allows principals of this account to read and write. Null unless
    `auth.mode` is `IAM`.
  EOT
  value       = try(aws_iam_policy.caller["writer"].arn, null)
}

output "writer_role_arn" {
  description = "ARN of the role for trusted writers. Null if `access` names none."
  value       = try(aws_iam_role.caller["writer"].arn, null)
}
