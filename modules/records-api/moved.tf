# Addresses of earlier releases, so that an upgrade replaces nothing.

moved {
  from = aws_apigatewayv2_api.records
  to   = aws_apigatewayv2_api.records["main"]
}

moved {
  from = aws_apigatewayv2_integration.live
  to   = aws_apigatewayv2_integration.live["main"]
}

moved {
  from = aws_apigatewayv2_stage.serving
  to   = aws_apigatewayv2_stage.serving["main"]
}

moved {
  from = aws_cloudwatch_metric_alarm.catalogue
  to   = aws_cloudwatch_metric_alarm.catalog
}
