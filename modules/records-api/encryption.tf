# One customer managed key for both tables, the logs, the notifications and the function's
# environment. It is created first, so its policy uses ARNs built from names.
locals {
  kms_key_arn = var.kms_key_arn == null ? aws_kms_key.service["own"].arn : var.kms_key_arn

  # In a key policy `*` means this key.
  key_statements = concat(local.base_key_statements, local.topic_key_statements)

  base_key_statements = [
    {
      # Lets IAM policies, including the function's, grant access to the key. Without this statement
      # nobody could manage the key.
      Sid       = "AccountDecidesByIamPolicies"
      Effect    = "Allow"
      Action    = ["kms:*"]
      Resource  = "*"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
    },
    {
      Sid    = "LogGroupsOfThisService"
      Effect = "Allow"
      Action = [
        "kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*",
      ]
      Resource  = "*"
      Principal = { Service = local.logs_service }
      Condition = {
        ArnEquals = {
          "kms:EncryptionContext:aws:logs:arn" = [for group in local.log_groups : group.arn]
        }
      }
    },
  ]

  # Publishers to an encrypted topic need access to its key.
  topic_key_statements = length(var.alarms.emails) == 0 ? [] : [
    {
      Sid       = "MessagesOfThisAccount"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Principal = { Service = local.publishers }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    },
  ]
}

resource "aws_kms_key" "service" {
  for_each = { for key in ["own"] : key => local.service if var.kms_key_arn == null }

  description         = "${each.value}: tables, logs, messages, function environment"
  enable_key_rotation = true
  policy              = jsonencode({ Version = "2012-10-17", Statement = local.key_statements })
  tags                = local.tags

  # In prod, the longest waiting period of KMS: without the key, the data is lost.
  deletion_window_in_days = local.is_prod ? 30 : 7

  # If kms_key_arn is set later, everything moves to that key before this one is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_kms_alias" "service" {
  for_each = aws_kms_key.service

  name          = "alias/${local.service}"
  target_key_id = each.value.key_id
}
