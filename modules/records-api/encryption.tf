# One customer-managed key for table, logs, messages and function environment. Its policy names what it encrypts by
# ARNs computed from names: the key is created first and can't wait for what it encrypts.
locals {
  kms_key_arn = var.kms_key_arn == null ? aws_kms_key.service["own"].arn : var.kms_key_arn

  # In a key policy `*` means this key.
  key_statements = concat(local.base_key_statements, local.topic_key_statements)

  base_key_statements = [
    {
      # Hands the decision to IAM policies, the function's among them; without it a key can't be managed.
      Sid       = "AccountDecidesByIamPolicies"
      Effect    = "Allow"
      Action    = ["kms:*"]
      Resource  = "*"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
    },
    {
      Sid       = "LogGroupsOfThisService"
      Effect    = "Allow"
      Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource  = "*"
      Principal = { Service = "logs.${local.region}.${local.dns_suffix}" }
      Condition = {
        ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = [for group in local.log_groups : group.arn] }
      }
    },
  ]

  # To publish to an encrypted topic takes its key, in the publisher's own name.
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
  for_each = var.kms_key_arn == null ? { own = "${local.service}: table, logs, messages, function environment" } : {}

  description         = each.value
  enable_key_rotation = true
  policy              = jsonencode({ Version = "2012-10-17", Statement = local.key_statements })
  tags                = local.tags

  # The longest time AWS grants for second thoughts where losing the key would lose production data.
  deletion_window_in_days = local.is_prod ? 30 : 7

  # With a key of your own, everything moves to that before this one is scheduled for deletion.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_kms_alias" "service" {
  for_each = aws_kms_key.service

  name          = "alias/${local.service}"
  target_key_id = each.value.key_id
}
