# The module creates the log groups before anything writes to them, so that retention and key apply
# from the first line, and no role needs logs:CreateLogGroup.
locals {
  log_group_prefix = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group"
  logs_service     = "logs.${local.region}.${local.dns_suffix}"

  # Groups under /aws/vendedlogs/ do not count toward the size limit of CloudWatch Logs resource
  # policies.
  log_groups = {
    for purpose, name in {
      access   = "/aws/vendedlogs/${local.service}/access"
      function = "/aws/lambda/${local.service}"
    } : purpose => { name = name, arn = "${local.log_group_prefix}:${name}" }
  }

  # The format of an access log line, in three parts. "Customize HTTP API access logs" does not say
  # that API Gateway escapes values, so a quote in a User-Agent header may break the JSON or add
  # fields to it. Values that the caller controls therefore come last: the first match of a field's
  # name in a line is always the value from API Gateway, and the saved queries read the first match.
  access_log_request = {
    functionRequestId  = "$context.integration.requestId"
    integrationLatency = "$context.integrationLatency"
    integrationStatus  = "$context.integrationStatus"
    requestId          = "$context.requestId"
    requestTime        = "$context.requestTime"
    responseLatency    = "$context.responseLatency"
    responseLength     = "$context.responseLength"
    routeKey           = "$context.routeKey"
    sourceIp           = "$context.identity.sourceIp"
    status             = "$context.status"
  }

  # The token of a service may have no `sub`; `clientId` then identifies the caller.
  access_log_caller = {
    IAM = { caller = "$context.identity.userArn" }
    JWT = {
      caller   = "$context.authorizer.claims.sub"
      clientId = "$context.authorizer.claims.client_id"
      issuer   = "$context.authorizer.claims.iss"
    }
    NONE = { caller = "-" }
  }

  access_log_text = {
    authorizerError  = "$context.authorizer.error"
    error            = "$context.error.message"
    integrationError = "$context.integrationErrorMessage"
    path             = "$context.path"
    userAgent        = "$context.identity.userAgent"
  }

  # By the mode of the API. jsonencode sorts the names within each part. Every value is quoted,
  # because API Gateway writes "-" for a missing value.
  access_log_formats = {
    for mode, caller in local.access_log_caller : mode => format("{%s}", join(",", [
      for part in [local.access_log_request, caller, local.access_log_text] :
      trimsuffix(trimprefix(jsonencode(part), "{"), "}")
    ]))
  }
}

resource "aws_cloudwatch_log_group" "service" {
  for_each = local.log_groups

  name              = each.value.name
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
  tags              = local.tags
}
