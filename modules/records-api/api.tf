# One HTTP API: a route per enabled operation, all to the alias `live` and nothing else.
locals {
  api_id             = aws_apigatewayv2_api.records.id
  authorization_type = { IAM = "AWS_IAM", JWT = "JWT", NONE = "NONE" }[var.auth.mode]
  records_url        = "${trimsuffix(aws_apigatewayv2_stage.serving.invoke_url, "/")}/records"
  jwt_scopes = {
    audit = var.auth.audit_scopes
    read  = var.auth.read_scopes
    write = var.auth.write_scopes
  }

  stage_arn = "${aws_apigatewayv2_api.records.execution_arn}/${var.api.stage_name}"

  # The execute-api resource of each enabled operation: callers may invoke it, and it may invoke the
  # function.
  route_arns = {
    for name, operation in local.operations : name => "${local.stage_arn}/${operation.resource}"
  }
}

resource "aws_apigatewayv2_api" "records" {
  name          = local.service
  description   = "Records of ${local.service}"
  protocol_type = "HTTP"
  tags          = local.tags

  dynamic "cors_configuration" {
    for_each = local.cors
    content {
      allow_credentials = false
      allow_headers     = cors_configuration.value.allow_headers
      allow_methods     = cors_configuration.value.allow_methods
      allow_origins     = cors_configuration.value.allow_origins
      expose_headers    = cors_configuration.value.expose_headers
      max_age           = cors_configuration.value.max_age_seconds
    }
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  for_each = { for key in ["jwt"] : key => var.auth if var.auth.mode == "JWT" }

  api_id           = aws_apigatewayv2_api.records.id
  name             = local.service
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = each.value.issuer
    audience = each.value.audience
  }

  # API Gateway refuses to delete an authorizer that a route still uses, so the routes change first.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apigatewayv2_integration" "live" {
  api_id                 = aws_apigatewayv2_api.records.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  # The maximum of an HTTP API, and one second more than the function's timeout.
  timeout_milliseconds = 30000
}

resource "aws_lambda_permission" "api" {
  for_each = local.route_arns

  statement_id  = "api-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.records.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = each.value
}

resource "aws_apigatewayv2_route" "operation" {
  for_each = local.operations

  api_id               = aws_apigatewayv2_api.records.id
  route_key            = each.value.route_key
  target               = "integrations/${aws_apigatewayv2_integration.live.id}"
  authorization_type   = local.authorization_type
  authorizer_id        = one(values(aws_apigatewayv2_authorizer.jwt)[*].id)
  authorization_scopes = var.auth.mode == "JWT" ? local.jwt_scopes[each.value.access] : null

  # A route without its permission returns 500.
  depends_on = [aws_lambda_permission.api]
}

resource "aws_apigatewayv2_stage" "serving" {
  api_id      = aws_apigatewayv2_api.records.id
  name        = var.api.stage_name
  auto_deploy = true
  tags        = local.tags

  # Always set: without them, the stage keeps the limits that it had before.
  default_route_settings {
    throttling_burst_limit = var.api.throttle_burst
    throttling_rate_limit  = var.api.throttle_rate
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.service["access"].arn
    format          = local.access_log_format
  }
}
