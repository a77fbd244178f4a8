resource "aws_cloudwatch_log_group" "trail" {
  #checkov:skip=CKV_AWS_338:log_retention_days defaults to 365 and prod rejects less
  name              = local.log_group_name
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.trail.arn
  tags              = var.tags
}

# No aws:SourceArn in the trust policy: CloudTrail does not send that key when it assumes this role.
# The role can only write to the log group above.
resource "aws_iam_role" "delivery" {
  name                 = local.role_name
  description          = "Delivers the events of the trail ${local.name} to CloudWatch Logs"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "delivery" {
  name = "deliver"
  role = aws_iam_role.delivery.id

  # CloudWatch Logs uses the key of the log group on behalf of the caller, not only on its own
  # (CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS Key Management
  # Service"). DescribeKey has no encryption context.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "WriteEvents"
        Effect = "Allow"
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = join(":", [
          local.log_group_arn, "log-stream", "${local.account_id}_CloudTrail_${local.region}*",
        ])
      },
      {
        Sid      = "EncryptEvents"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = aws_kms_key.trail.arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:logs:arn" = local.log_group_arn
            "kms:ViaService"                     = local.logs_service
          }
        }
      },
      {
        Sid       = "DescribeKey"
        Effect    = "Allow"
        Action    = "kms:DescribeKey"
        Resource  = aws_kms_key.trail.arn
        Condition = { StringEquals = { "kms:ViaService" = local.logs_service } }
      },
    ]
  })
}
