locals {
  notified_topics = concat(aws_sns_topic.this[*].arn, var.notify.topic[*].arn)

  publishers = concat(
    ["budgets.amazonaws.com"],
    [for monitor in var.anomaly_monitor[*] : "costalerts.amazonaws.com"],
  )
}

resource "aws_sns_topic" "this" {
  count             = var.notify.create_topic ? 1 : 0
  name              = "${local.name}-budget"
  kms_master_key_id = aws_kms_key.this[0].arn
  tags              = var.tags
}

resource "aws_sns_topic_policy" "this" {
  count = var.notify.create_topic ? 1 : 0
  arn   = aws_sns_topic.this[0].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "CostServicesPublish"
      Effect    = "Allow"
      Principal = { Service = local.publishers }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this[0].arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_kms_key" "this" {
  count                   = var.notify.create_topic ? 1 : 0
  description             = "Messages of the topic ${local.name}-budget"
  enable_key_rotation     = true
  deletion_window_in_days = 7 # SNS stores messages for a short time; nothing else uses the key
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountAdministers"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "CostServicesPublish"
        Effect    = "Allow"
        Principal = { Service = local.publishers }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  count         = var.notify.create_topic ? 1 : 0
  name          = "alias/${local.name}-budget"
  target_key_id = aws_kms_key.this[0].key_id
}
