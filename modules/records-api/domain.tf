# The custom domain name of the APIs. Its APIs can be reached only there: the default endpoints are
# disabled ("Disable the default endpoint for HTTP APIs"; stages deploy automatically, so no further
# deployment is needed). Gate, heartbeat and self-test invoke the function and need no endpoint.
locals {
  domains = { for domain in var.api.domain[*] : "api" => domain }

  # The second API has its key as the first segment of the path. API Gateway removes it before it
  # matches routes ("Map API stages to a custom domain name for HTTP APIs").
  domain_urls = {
    for key in keys(local.apis) : key => [
      for domain in local.domains : "https://${domain.name}${trimsuffix("/${key}", "/main")}"
    ]
  }

  # Where a DNS record of the domain must point.
  domain_targets = {
    for key, domain in aws_apigatewayv2_domain_name.records : key => {
      hosted_zone_id = domain.domain_name_configuration[0].hosted_zone_id
      name           = domain.domain_name_configuration[0].target_domain_name
    }
  }
}

resource "aws_apigatewayv2_domain_name" "records" {
  for_each = local.domains

  domain_name = each.value.name
  tags        = local.tags

  domain_name_configuration {
    certificate_arn = each.value.certificate_arn
    endpoint_type   = "REGIONAL" # the only type for HTTP APIs
    security_policy = "TLS_1_2"  # the only policy for HTTP APIs
  }
}

resource "aws_apigatewayv2_api_mapping" "records" {
  for_each = { for key in keys(local.apis) : key => key if var.api.domain != null }

  api_id          = aws_apigatewayv2_api.records[each.key].id
  api_mapping_key = each.key == "main" ? null : each.key
  domain_name     = aws_apigatewayv2_domain_name.records["api"].id
  stage           = aws_apigatewayv2_stage.serving[each.key].id
}

resource "aws_route53_record" "domain" {
  for_each = { for key, domain in local.domains : key => domain if domain.hosted_zone_id != null }

  name    = each.value.name
  type    = "A"
  zone_id = each.value.hosted_zone_id

  alias {
    evaluate_target_health = false
    name                   = local.domain_targets[each.key].name
    zone_id                = local.domain_targets[each.key].hosted_zone_id
  }
}
