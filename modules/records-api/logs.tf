# Log groups exist before anything writes to them, so that retention and key hold from the first line and no role
# needs the right to create groups.
locals {
  log_group_prefix = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group"

  # /aws/vendedlogs/ keeps API Gateway's delivery clear of the size limit on CloudWatch Logs resource policies.
  log_groups = {
    for purpose, name in {
      access   = "/aws/vendedlogs/${local.service}/access"
      function = "/aws/lambda/${local.service}"
    } : purpose => { name = name, arn = "${local.log_group_prefix}:${name}" }
  }

  # Who called, as far as the authorization mode knows.
  access_log_caller = {
    IAM  = "$context.identity.userArn"
    JWT  = "$context.authorizer.claims.sub"
    NONE = "-"
  }

  # Every value is quoted: API Gateway writes "-" for what it does not have, and a bare dash is not JSON.
  access_log_format = jsonencode({
    authorizerError    = "$context.authorizer.error"
    caller             = local.access_log_caller[var.auth.mode]
    error              = "$context.error.message"
    functionRequestId  = "$context.integration.requestId"
    integrationError   = "$context.integrationErrorMessage"
    integrationLatency = "$context.integrationLatency"
    integrationStatus  = "$context.integrationStatus"
    path               = "$context.path"
    requestId          = "$context.requestId"
    requestTime        = "$context.requestTime"
    responseLatency    = "$context.responseLatency"
    responseLength     = "$context.responseLength"
    routeKey           = "$context.routeKey"
    sourceIp           = "$context.identity.sourceIp"
    status             = "$context.status"
    userAgent          = "$context.identity.userAgent"
  })
}

resource "aws_cloudwatch_log_group" "service" {
  for_each = local.log_groups

  name              = each.value.name
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}
