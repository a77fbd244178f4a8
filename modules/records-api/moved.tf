# Renamed since 056e895: an instance of that commit keeps its resources.

moved {
  from = aws_cloudwatch_metric_alarm.catalogue
  to   = aws_cloudwatch_metric_alarm.catalog
}
