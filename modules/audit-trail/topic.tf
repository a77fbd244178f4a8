resource "aws_sns_topic" "delivery" {
  for_each = { for key in ["delivery_topic"] : key => local.name if var.delivery_topic }

  name              = each.value
  kms_master_key_id = aws_kms_key.trail.arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "delivery" {
  for_each = aws_sns_topic.delivery

  arn = each.value.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "CloudTrailPublishes"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = local.topic_arn
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    }]
  })
}
