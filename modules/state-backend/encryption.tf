resource "aws_kms_key" "state" {
  description             = "Terraform states in ${local.bucket_name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30 # the maximum: time to cancel a mistaken deletion
  tags                    = var.tags

  # IAM policies of the account decide who may use the key; no AWS service needs it.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AccountAdministers"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "state" {
  name          = "alias/${var.name}-tfstate"
  target_key_id = aws_kms_key.state.key_id
}
