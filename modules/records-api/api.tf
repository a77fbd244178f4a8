# The HTTP APIs: a route per enabled operation, all to the alias `live` and nothing else.
locals {
  # A route has one type of authorization (Amazon API Gateway Version 2 API Reference,
  # "CreateRoute", authorizationType), the same in every stage. An instance that accepts signatures
  # and bearer tokens therefore has a second API with the same routes.
  apis = merge(
    { main = { mode = var.auth.mode, name = local.service } },
    {
      for key in ["jwt"] : key => { mode = "JWT", name = "${local.service}-jwt" }
      if var.auth.mode == "IAM" && var.auth.issuer != null
    },
  )
  api_ids    = { for key, api in aws_apigatewayv2_api.records : key => api.id }
  auth_modes = sort(distinct([for api in local.apis : api.mode]))

  # The key of the API that accepts bearer tokens, or null.
  jwt_api = one([for key, api in local.apis : key if api.mode == "JWT"])

  authorization_types = { IAM = "AWS_IAM", JWT = "JWT", NONE = "NONE" }
  jwt_scopes = {
    audit = var.auth.audit_scopes
    read  = var.auth.read_scopes
    write = var.auth.write_scopes
  }

  # A domain replaces the default endpoint.
  records_urls = {
    for key, stage in aws_apigatewayv2_stage.serving :
    key => "${concat(local.domain_urls[key], [trimsuffix(stage.invoke_url, "/")])[0]}/records"
  }

  stage_arns = {
    for key, api in aws_apigatewayv2_api.records :
    key => "${api.execution_arn}/${var.api.stage_name}"
  }

  # The routes of all APIs, under the name of the operation (`list`) or, in the second API, its name
  # after the key of the API (`jwt-list`). `arn`: the execute-api resource of the route. Callers may
  # invoke it, and it may invoke the function.
  routes = {
    for pair in setproduct(keys(local.apis), keys(local.operations)) :
    trimprefix(join("-", pair), "main-") => merge(local.operations[pair[1]], {
      api  = pair[0]
      arn  = "${local.stage_arns[pair[0]]}/${local.operations[pair[1]].resource}"
      mode = local.apis[pair[0]].mode
    })
  }
}

resource "aws_apigatewayv2_api" "records" {
  for_each = local.apis

  name          = each.value.name
  description   = "Records of ${local.service}"
  protocol_type = "HTTP"
  tags          = local.tags

  disable_execute_api_endpoint = var.api.domain != null

  dynamic "cors_configuration" {
    for_each = local.cors
    content {
      allow_credentials = false
      allow_headers = setunion(
        cors_configuration.value.allow_headers, local.cors_auth_headers[each.value.mode],
      )
      allow_methods  = cors_configuration.value.allow_methods
      allow_origins  = cors_configuration.value.allow_origins
      expose_headers = cors_configuration.value.expose_headers
      max_age        = cors_configuration.value.max_age_seconds
    }
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  for_each = { for api in local.jwt_api[*] : "jwt" => api }

  api_id           = aws_apigatewayv2_api.records[each.value].id
  name             = local.service
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.auth.issuer
    audience = var.auth.audience
  }

  # API Gateway refuses to delete an authorizer that a route still uses, so the routes change first.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_apigatewayv2_integration" "live" {
  for_each = aws_apigatewayv2_api.records

  api_id                 = each.value.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  # The maximum of an HTTP API, and one second more than the function's timeout.
  timeout_milliseconds = 30000
}

resource "aws_lambda_permission" "api" {
  for_each = local.routes

  statement_id  = "api-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.records.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = each.value.arn
}

resource "aws_apigatewayv2_route" "operation" {
  for_each = local.routes

  api_id               = aws_apigatewayv2_api.records[each.value.api].id
  route_key            = each.value.route_key
  target               = "integrations/${aws_apigatewayv2_integration.live[each.value.api].id}"
  authorization_type   = local.authorization_types[each.value.mode]
  authorizer_id        = each.value.mode == "JWT" ? aws_apigatewayv2_authorizer.jwt["jwt"].id : null
  authorization_scopes = each.value.mode == "JWT" ? local.jwt_scopes[each.value.access] : null

  # A route without its permission returns 500.
  depends_on = [aws_lambda_permission.api]
}

resource "aws_apigatewayv2_stage" "serving" {
  for_each = aws_apigatewayv2_api.records

  api_id      = each.value.id
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
    format          = local.access_log_formats[local.apis[each.key].mode]
  }
}
