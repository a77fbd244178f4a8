# The history table: one entry for each change of a record. The function writes an entry in the same
# transaction as the record, so that neither exists without the other. Entries expire with their
# record and never one by one.
locals {
  history_name       = "${local.service}-history${var.table.name_suffix}"
  history_arn        = "${local.table_arn_prefix}/${local.history_name}"
  history_index_name = "byChange"
  history_index_arn  = "${local.history_arn}/index/${local.history_index_name}"

  # A Deny binds the principals of this account too, the root user included. The policy leaves
  # PutResourcePolicy and DeleteResourcePolicy alone, so nobody is locked out of the table.
  #
  # ArnNotEquals also matches a request without aws:PrincipalArn, which is thus denied (IAM User
  # Guide, "IAM JSON policy elements: Condition operators"). For a session of a role, the key holds
  # the ARN of the role ("AWS global condition context keys").
  history_policies = {
    for key in ["history"] : key => jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Sid       = "NobodyChangesEntries"
          Effect    = "Deny"
          Principal = "*"
          Resource  = local.history_arn
          Action = [
            "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQLDelete",
            "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:UpdateItem",
          ]
        },
        {
          Sid       = "OnlyTheFunctionAddsEntries"
          Effect    = "Deny"
          Principal = "*"
          Resource  = local.history_arn
          Action    = "dynamodb:PutItem"
          Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.function_role_arn } }
        },
      ]
    }) if var.table.protect_history
  }
}

resource "aws_dynamodb_table" "history" {
  #checkov:skip=CKV_AWS_28:On by default, required in prod; checkov cannot read optional() defaults
  name                        = local.history_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "recordID"
  range_key                   = "version"
  deletion_protection_enabled = var.table.deletion_protection
  tags                        = local.tags

  # DynamoDB accepts only the attributes of keys here.
  dynamic "attribute" {
    for_each = { feed = "S", position = "S", recordID = "S", version = "N" }
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  # All changes in their order: `feed` holds the same constant in every entry, and `position`
  # (changedAt#recordID#version) is unique.
  global_secondary_index {
    name            = local.history_index_name
    hash_key        = "feed"
    range_key       = "position"
    projection_type = "ALL"
  }

  # Always enabled: an entry has `expiresAt` if its record has it.
  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.table.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = local.kms_key_arn
  }
}

resource "aws_dynamodb_resource_policy" "history" {
  for_each = local.history_policies

  resource_arn = aws_dynamodb_table.history.arn
  policy       = each.value
}
