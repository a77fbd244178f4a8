data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # S3 bucket names are globally unique, so the name carries account and region.
  bucket_name = "${var.name}-tfstate-${local.account_id}-${data.aws_region.current.id}"
  bucket_arn  = "arn:${local.partition}:s3:::${local.bucket_name}"
}

resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_144:Versions undo a bad write; after a regional loss, resources are imported
  #checkov:skip=CKV2_AWS_62:Nothing consumes events of state changes; access_logs records who wrote
  bucket        = local.bucket_name
  force_destroy = var.force_destroy
  tags          = var.tags

  # Terraform destroys the bucket before the key. S3 refuses to delete a bucket that holds states,
  # so the key that encrypts them stays as well.
  depends_on = [aws_kms_key.state]
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      kms_master_key_id = aws_kms_key.state.arn
      sse_algorithm     = "aws:kms"
    }
  }
}

# Every lock leaves a noncurrent version and a delete marker. The ten newest noncurrent versions of
# an object are kept indefinitely.
resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "history"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    expiration {
      expired_object_delete_marker = true
    }

    noncurrent_version_expiration {
      newer_noncurrent_versions = 10
      noncurrent_days           = var.history_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_logging" "state" {
  for_each = { for key in ["access_logs"] : key => var.access_logs if var.access_logs != null }

  bucket        = aws_s3_bucket.state.id
  target_bucket = each.value.bucket
  target_prefix = each.value.prefix
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      # S3 evaluates this policy before it applies default encryption, and Terraform's S3 backend
      # sends no encryption header unless `encrypt` is set: a request without the header must pass,
      # and the default then encrypts with the bucket's key. Negated operators match a missing key,
      # even with IfExists, so Null limits these statements to requests that have the header (IAM
      # User Guide, "IAM JSON policy elements: Condition operators").
      {
        Sid       = "KmsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = {
          Null            = { "s3:x-amz-server-side-encryption" = "false" }
          StringNotEquals = { "s3:x-amz-server-side-encryption" = "aws:kms" }
        }
      },
      # `aws:kms` without a key ID means the AWS managed key aws/s3 and not the bucket's default key
      # (S3 API Reference, "PutObject"), so here a missing key ID must match as well.
      {
        Sid       = "BucketKeyOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = {
          Null = { "s3:x-amz-server-side-encryption" = "false" }
          StringNotEquals = {
            "s3:x-amz-server-side-encryption-aws-kms-key-id" = aws_kms_key.state.arn
          }
        }
      },
      # SSE-C (`sse_customer_key` of the S3 backend) has headers of its own.
      {
        Sid       = "NoCustomerProvidedKeys"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/*"
        Condition = { Null = { "s3:x-amz-server-side-encryption-customer-algorithm" = "false" } }
      },
    ]
  })

  # S3 answers 409 Conflict when the policy and the public access block change at the same time.
  depends_on = [aws_s3_bucket_public_access_block.state]
}
