# The trail's own key: whoever destroys the service that is audited must not make the evidence unreadable with it.

locals {
  key_policy = concat(
    [
      {
        Sid       = "AccountAdministers"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "CloudTrailEncrypts"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "kms:GenerateDataKey*"
        Resource  = "*"
        # The calls come from every region; AWS documents the source as the trail's own ARN, but not the context.
        Condition = {
          StringEquals = { "aws:SourceArn" = local.trail_arn }
          StringLike = {
            "kms:EncryptionContext:aws:cloudtrail:arn" = (
              "arn:${local.partition}:cloudtrail:*:${local.account}:trail/${local.name}"
            )
          }
        }
      },
      {
        Sid       = "CloudTrailDescribes"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "kms:DescribeKey"
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
      },
      {
        Sid       = "LogGroupEncrypts"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.${local.dns_suffix}" }
        Action    = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
        Resource  = "*"
        Condition = { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = local.log_group_arn } }
      },
    ],
    # SNS calls the key for CloudTrail and states the topic; the topic's policy admits this trail alone.
    [for topic in var.delivery_topic ? [local.topic_arn] : [] :
      {
        Sid       = "CloudTrailPublishes"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "kms:EncryptionContext:aws:sns:topicArn" = topic } }
      }
    ],
  )
}

resource "aws_kms_key" "this" {
  description             = "Evidence of the audit trail ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30 # the longest AWS allows: the time left to cancel a mistaken deletion
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.key_policy })
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}
