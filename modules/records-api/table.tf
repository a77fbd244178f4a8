# The table of records. A listing queries one of its indexes and never scans, so its cost depends on
# the size of the page, not of the table. All indexes have the sort key `position`
# (createdAt#recordID), which is unique and in order of creation.
locals {
  index_names = {
    status      = "byStatus"
    submittedBy = "bySubmittedBy"
    type        = "byType"
  }

  # Index name -> its partition key. `feed` holds the same constant in every listed record.
  indexes = merge(
    { byCreated = "feed" },
    { for attribute in var.table.filter_indexes : local.index_names[attribute] => attribute },
  )

  # DynamoDB restores a table under a new name. With the suffix, which is part of the names of both
  # tables, the restored tables can serve.
  table_name = "${local.service}${var.table.name_suffix}"
  table_arn  = "${local.table_arn_prefix}/${local.table_name}"
  table_arn_prefix = join(":", [
    "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}", "table",
  ])
  index_arns = [for name in keys(local.indexes) : "${local.table_arn}/index/${name}"]
}

resource "aws_dynamodb_table" "records" {
  #checkov:skip=CKV_AWS_28:On by default, required in prod; checkov cannot read optional() defaults
  name                        = local.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "recordID"
  deletion_protection_enabled = var.table.deletion_protection
  tags                        = local.tags

  # DynamoDB accepts only the attributes of keys here.
  dynamic "attribute" {
    for_each = toset(concat(["recordID", "position"], values(local.indexes)))
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = local.indexes
    content {
      name            = global_secondary_index.key
      hash_key        = global_secondary_index.value
      range_key       = "position"
      projection_type = "ALL"
    }
  }

  # Always enabled: the tombstones of earlier releases expire even if records are kept forever.
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
