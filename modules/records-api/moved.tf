# Addresses of earlier releases, so that an upgrade replaces nothing.

moved {
  from = aws_cloudwatch_metric_alarm.catalogue
  to   = aws_cloudwatch_metric_alarm.catalog
}
