resource "aws_s3_bucket" "trail" {
  #checkov:skip=CKV_AWS_144:Versions and object_lock protect files; CloudWatch Logs has a copy
  #checkov:skip=CKV2_AWS_62:CloudTrail itself announces new files, to delivery_topic
  bucket        = local.bucket_name
  force_destroy = var.bucket.force_destroy
  tags          = var.tags

  # Terraform destroys the bucket before the key. S3 refuses to delete a bucket that holds files, so
  # the key is not scheduled for deletion either, and the files stay readable.
  depends_on = [aws_kms_key.trail]

  lifecycle {
    precondition {
      condition = length(local.bucket_name) <= 63
      error_message = format(
        "The bucket name %s has %d characters, and S3 allows 63: shorten name or environment.",
        local.bucket_name, length(local.bucket_name),
      )
    }
  }
}

resource "aws_s3_bucket_public_access_block" "trail" {
  bucket                  = aws_s3_bucket.trail.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "trail" {
  bucket = aws_s3_bucket.trail.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "trail" {
  bucket = aws_s3_bucket.trail.id

  versioning_configuration {
    status = "Enabled"
  }
}

# No S3 bucket key: with one, CloudTrail would also need kms:Decrypt, and the encryption context
# would name the bucket instead of the trail.
resource "aws_s3_bucket_server_side_encryption_configuration" "trail" {
  bucket = aws_s3_bucket.trail.id

  rule {
    apply_server_side_encryption_by_default {
      kms_master_key_id = aws_kms_key.trail.arn
      sse_algorithm     = "aws:kms"
    }
  }
}

# Enabled here and not with `object_lock_enabled` of the bucket, which would replace the bucket.
resource "aws_s3_bucket_object_lock_configuration" "trail" {
  for_each = {
    for key in ["object_lock"] : key => var.bucket.object_lock if var.bucket.object_lock != null
  }

  bucket = aws_s3_bucket.trail.id

  rule {
    default_retention {
      days = each.value.days
      mode = each.value.mode
    }
  }

  depends_on = [aws_s3_bucket_versioning.trail]
}

resource "aws_s3_bucket_lifecycle_configuration" "trail" {
  bucket = aws_s3_bucket.trail.id

  rule {
    id     = "evidence"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }

    # CloudTrail never overwrites a file, so a noncurrent version means that somebody deleted or
    # replaced one. It is kept for 90 days to leave time to investigate.
    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    dynamic "expiration" {
      for_each = var.bucket.expire_days > 0 ? [var.bucket.expire_days] : []

      content {
        days = expiration.value
      }
    }

    dynamic "transition" {
      for_each = var.bucket.transition_days > 0 ? [var.bucket.transition_days] : []

      content {
        days          = transition.value
        storage_class = "GLACIER_IR"
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.trail]
}

resource "aws_s3_bucket_logging" "trail" {
  for_each = {
    for key in ["access_logs"] : key => var.bucket.access_logs if var.bucket.access_logs != null
  }

  bucket        = aws_s3_bucket.trail.id
  target_bucket = each.value.bucket
  target_prefix = each.value.prefix
}

resource "aws_s3_bucket_policy" "trail" {
  bucket = aws_s3_bucket.trail.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "CloudTrailChecksOwnership"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = local.bucket_arn
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
      },
      {
        Sid       = "CloudTrailDelivers"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arn}/AWSLogs/${local.account_id}/*"
        Condition = {
          StringEquals = {
            "aws:SourceArn" = local.trail_arn
            "s3:x-amz-acl"  = "bucket-owner-full-control"
          }
        }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arn, "${local.bucket_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  # S3 answers 409 Conflict when the policy and the public access block change at the same time.
  depends_on = [aws_s3_bucket_public_access_block.trail]
}
