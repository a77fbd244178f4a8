# How states are kept, and that nobody but the account reads them.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "prod"
}

run "by_default" {
  assert {
    condition     = aws_s3_bucket.this.bucket == "records-tfstate-111122223333-eu-central-1"
    error_message = "The bucket's name must carry account and region."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Every kind of public access must be blocked."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "The bucket's owner must own every state."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket must keep versions."
  }

  assert {
    condition = [for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule : [
      rule.apply_server_side_encryption_by_default[0].sse_algorithm,
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id,
    ]] == [["aws:kms", aws_kms_key.this.arn]]
    error_message = "The bucket must encrypt with its key."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key must rotate, and leave the longest time to cancel its deletion."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy && length(aws_s3_bucket_logging.this) == 0
    error_message = "force_destroy and access logs must be off unless asked for."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_s3_bucket_policy.this.policy).Statement : statement.Sid => [
        statement.Effect, statement.Principal, statement.Action, flatten([statement.Resource]), statement.Condition,
      ]
      } == {
      TlsOnly = [
        "Deny", "*", "s3:*",
        [
          "arn:aws:s3:::records-tfstate-111122223333-eu-central-1",
          "arn:aws:s3:::records-tfstate-111122223333-eu-central-1/*",
        ],
        { Bool = { "aws:SecureTransport" = "false" } },
      ]
      KmsOnly = [
        "Deny", "*", "s3:PutObject",
        ["arn:aws:s3:::records-tfstate-111122223333-eu-central-1/*"],
        { StringNotEqualsIfExists = { "s3:x-amz-server-side-encryption" = "aws:kms" } },
      ]
    }
    error_message = "The bucket must refuse plain HTTP and any encryption but the key's, and say nothing more."
  }

  assert {
    condition = jsondecode(aws_kms_key.this.policy).Statement == [{
      Sid       = "AccountAdministers"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
    error_message = "The key must be the account's and nobody else's."
  }
}

run "as_asked" {
  command = plan

  variables {
    access_logs   = { bucket = "account-access-logs", prefix = "state/" }
    environment   = "dev"
    force_destroy = true
    history_days  = 30
  }

  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : [
      rule.noncurrent_version_expiration[0].noncurrent_days,
      rule.noncurrent_version_expiration[0].newer_noncurrent_versions,
      rule.abort_incomplete_multipart_upload[0].days_after_initiation,
    ]] == [[30, 10, 7]]
    error_message = "Old versions must stay for the days asked for, the newest ten longer."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      rule.expiration[0].expired_object_delete_marker && rule.expiration[0].days == 0
    ])
    error_message = "No current state may ever expire."
  }

  assert {
    condition = [
      aws_s3_bucket_logging.this[0].target_bucket, aws_s3_bucket_logging.this[0].target_prefix,
    ] == ["account-access-logs", "state/"]
    error_message = "Access logs must go where asked."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "dev may throw its states away."
  }
}
