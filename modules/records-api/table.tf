# The records. A listing is a query on one of these indexes, never a scan, so its cost grows with
# the page and not with the table. All indexes share the sort key `position` (createdAt#recordID):
# unique, and in order of creation.
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

  # The suffix lets a restored table serve: a table is always restored under a new name.
  table_name = "${local.service}${var.table.name_suffix}"
  table_arn  = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.table_name}"
  index_arns = [for name in keys(local.indexes) : "${local.table_arn}/index/${name}"]
}

resource "aws_dynamodb_table" "records" {
  #checkov:skip=CKV_AWS_28:On by default, required in prod; checkov cannot read optional() defaults
  name                        = local.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "recordID"
  deletion_protection_enabled = var.table.deletion_protection
  tags                        = local.tags

  # DynamoDB admits only attributes that a key uses; everything else in a record is free-form.
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

  # Always on: the tombstones that keep a late retry from resurrecting a deleted record expire even
  # where records are kept for ever.
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
