# The trail has its own key, so that destroying the audited service leaves the evidence readable.

locals {
  key_policy = concat(
    [
      {
        Sid       = "AccountAdministers"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "CloudTrailEncrypts"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "kms:GenerateDataKey*"
        Resource  = "*"
        # CloudTrail calls from every region. AWS documents aws:SourceArn as the ARN of the trail in
        # its home region, and the encryption context with a wildcard for the region.
        Condition = {
          StringEquals = { "aws:SourceArn" = local.trail_arn }
          StringLike = {
            "kms:EncryptionContext:aws:cloudtrail:arn" = (
              "arn:${local.partition}:cloudtrail:*:${local.account_id}:trail/${local.name}"
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
        Principal = { Service = local.logs_service }
        Resource  = "*"
        Action = [
          "kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ]
        Condition = { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = local.log_group_arn } }
      },
    ],
    # SNS uses the key on behalf of CloudTrail. The topic policy admits only this trail.
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

resource "aws_kms_key" "trail" {
  description             = "Files and log group of the audit trail ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30 # the maximum: time to cancel a mistaken deletion
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.key_policy })
  tags                    = var.tags
}

resource "aws_kms_alias" "trail" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.trail.key_id
}
