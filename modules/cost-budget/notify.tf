locals {
  topic_name = "${local.name}-budget"

  notified_topics = concat(
    [for topic in aws_sns_topic.budget : topic.arn],
    var.notify.topic[*].arn,
  )

  publishers = concat(
    ["budgets.amazonaws.com"],
    [for monitor in var.anomaly_monitor[*] : "costalerts.amazonaws.com"],
  )
}

resource "aws_sns_topic" "budget" {
  for_each = aws_kms_key.budget

  name              = local.topic_name
  kms_master_key_id = each.value.arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "budget" {
  for_each = aws_sns_topic.budget

  arn = each.value.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "CostServicesPublish"
      Effect    = "Allow"
      Principal = { Service = local.publishers }
      Action    = "sns:Publish"
      Resource  = each.value.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_kms_key" "budget" {
  for_each = { for key in ["create_topic"] : key => local.topic_name if var.notify.create_topic }

  description             = "Messages of the topic ${each.value}"
  enable_key_rotation     = true
  deletion_window_in_days = 7 # SNS stores messages for a short time; nothing else uses the key
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountAdministers"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "CostServicesPublish"
        Effect    = "Allow"
        Principal = { Service = local.publishers }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
    ]
  })
}

resource "aws_kms_alias" "budget" {
  for_each = aws_kms_key.budget

  name          = "alias/${local.topic_name}"
  target_key_id = each.value.key_id
}
