# What the trail records, where it delivers and what the policies around it admit.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "dev"
}

run "by_default" {
  assert {
    condition = (
      aws_cloudtrail.this.is_multi_region_trail &&
      aws_cloudtrail.this.include_global_service_events &&
      aws_cloudtrail.this.enable_log_file_validation
    )
    error_message = "The trail must cover all regions and global services and sign its files."
  }

  assert {
    condition     = aws_cloudtrail.this.kms_key_id == aws_kms_key.this.arn
    error_message = "The trail must encrypt with its own key."
  }

  assert {
    condition     = aws_cloudtrail.this.cloud_watch_logs_group_arn == "${aws_cloudwatch_log_group.this.arn}:*"
    error_message = "CloudTrail wants the log group's ARN with :* at its end."
  }

  assert {
    condition = [for selector in aws_cloudtrail.this.advanced_event_selector : [
      for field in selector.field_selector : { (field.field) = field.equals }
    ]] == [[{ eventCategory = tolist(["Management"]) }]]
    error_message = "Without tables the trail must record management events and nothing else."
  }

  assert {
    condition     = length(aws_sns_topic.delivery) == 0 && aws_cloudtrail.this.sns_topic_name == null
    error_message = "There must be no delivery topic unless asked for."
  }

  assert {
    condition     = aws_cloudtrail.this.name == "records-dev-audit" && local.trail_arn == aws_cloudtrail.this.arn
    error_message = "The computed trail ARN must be the trail's."
  }

  assert {
    condition     = local.log_group_arn == aws_cloudwatch_log_group.this.arn
    error_message = "The computed log group ARN must be the log group's, without :*."
  }

  assert {
    condition     = aws_s3_bucket.this.bucket == "records-dev-audit-111122223333-eu-central-1"
    error_message = "The bucket's name must carry account and region."
  }

  assert {
    condition     = aws_iam_role.delivery.name == "records-dev-audit-eu-central-1"
    error_message = "The role's name must carry the region: roles are global, trails are not."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0] == {
      Sid       = "CloudTrailChecksOwnership"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = "arn:aws:s3:::records-dev-audit-111122223333-eu-central-1"
      Condition = { StringEquals = {
        "aws:SourceArn" = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/records-dev-audit"
      } }
    }
    error_message = "CloudTrail must be able to read the bucket's ACL, for this trail only."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[1] == {
      Sid       = "CloudTrailDelivers"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "arn:aws:s3:::records-dev-audit-111122223333-eu-central-1/AWSLogs/111122223333/*"
      Condition = { StringEquals = {
        "aws:SourceArn" = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/records-dev-audit"
        "s3:x-amz-acl"  = "bucket-owner-full-control"
      } }
    }
    error_message = "CloudTrail must be able to write below AWSLogs/<account>, for this trail only."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement[2] == {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource = [
        "arn:aws:s3:::records-dev-audit-111122223333-eu-central-1",
        "arn:aws:s3:::records-dev-audit-111122223333-eu-central-1/*",
      ]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
    error_message = "Nothing may reach bucket or files without TLS."
  }

  assert {
    condition     = length(jsondecode(aws_s3_bucket_policy.this.policy).Statement) == 3
    error_message = "The bucket policy must say nothing more."
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
    error_message = "The bucket's owner must own every file."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket must keep versions."
  }

  assert {
    condition = [for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id
    ] == [aws_kms_key.this.arn]
    error_message = "The bucket must encrypt with the trail's key."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key must rotate, and leave the longest time to cancel its deletion."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this.policy).Statement :
      statement.Sid => [statement.Principal, statement.Action, try(statement.Condition, null)]
      } == {
      AccountAdministers = [{ AWS = "arn:aws:iam::111122223333:root" }, "kms:*", null]
      CloudTrailEncrypts = [{ Service = "cloudtrail.amazonaws.com" }, "kms:GenerateDataKey*", {
        StringEquals = { "aws:SourceArn" = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/records-dev-audit" }
        StringLike = {
          "kms:EncryptionContext:aws:cloudtrail:arn" = "arn:aws:cloudtrail:*:111122223333:trail/records-dev-audit"
        }
      }]
      CloudTrailDescribes = [{ Service = "cloudtrail.amazonaws.com" }, "kms:DescribeKey", { StringEquals = {
        "aws:SourceArn" = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/records-dev-audit"
      } }]
      LogGroupEncrypts = [
        { Service = "logs.eu-central-1.amazonaws.com" },
        ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        { ArnEquals = {
          "kms:EncryptionContext:aws:logs:arn" = (
            "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/cloudtrail/records-dev-audit"
          )
        } },
      ]
    }
    error_message = "The key policy must hold the account, CloudTrail for this trail and Logs for this log group only."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.delivery.policy).Statement == [{
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = join(":", [
        "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/cloudtrail/records-dev-audit",
        "log-stream:111122223333_CloudTrail_eu-central-1*",
      ])
    }]
    error_message = "The role must create and fill this trail's streams and do nothing else."
  }

  assert {
    condition = jsondecode(aws_iam_role.delivery.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
    error_message = "CloudTrail must be able to assume the role; it sends no aws:SourceArn with that call."
  }

  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.this.rule : [
      rule.expiration[0].days, one(rule.transition).days, one(rule.transition).storage_class,
      rule.abort_incomplete_multipart_upload[0].days_after_initiation,
      rule.noncurrent_version_expiration[0].noncurrent_days,
    ]] == [[400, 90, "GLACIER_IR", 7, 90]]
    error_message = "Files must move after 90 days and expire after 400; uploads and old versions must not pile up."
  }

  assert {
    condition = (
      length(aws_s3_bucket_object_lock_configuration.this) == 0 &&
      length(aws_s3_bucket_logging.this) == 0 &&
      !aws_s3_bucket.this.force_destroy
    )
    error_message = "Object Lock, access logs and force_destroy must be off unless asked for."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "CloudWatch Logs must keep the events for a year."
  }
}

run "as_asked" {
  variables {
    delivery_topic           = true
    management_events        = false
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/team/boundary"

    bucket = {
      access_logs     = { bucket = "account-access-logs", prefix = "audit/" }
      expire_days     = 0
      object_lock     = { days = 365, mode = "COMPLIANCE" }
      transition_days = 0
    }

    tables = {
      audited = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/audited", events = "all" }
      ignored = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/ignored", events = "none" }
      written = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/written" }
    }
  }

  assert {
    condition = {
      for selector in aws_cloudtrail.this.advanced_event_selector :
      selector.name => { for field in selector.field_selector : field.field => one(field.equals) }
      } == {
      "audited: all" = {
        eventCategory    = "Data"
        "resources.type" = "AWS::DynamoDB::Table"
        "resources.ARN"  = "arn:aws:dynamodb:eu-central-1:111122223333:table/audited"
      }
      "written: write" = {
        eventCategory    = "Data"
        "resources.type" = "AWS::DynamoDB::Table"
        "resources.ARN"  = "arn:aws:dynamodb:eu-central-1:111122223333:table/written"
        readOnly         = "false"
      }
    }
    error_message = "Without management events only the asked-for data events may be recorded."
  }

  assert {
    condition = (
      aws_cloudtrail.this.sns_topic_name == local.topic_arn &&
      output.delivery_topic_arn == local.topic_arn
    )
    error_message = "The trail must publish to the topic under the ARN the policies name."
  }

  assert {
    condition     = aws_sns_topic.delivery[0].kms_master_key_id == aws_kms_key.this.arn
    error_message = "The topic must be encrypted with the trail's key."
  }

  assert {
    condition = jsondecode(aws_sns_topic_policy.delivery[0].policy).Statement == [{
      Sid       = "CloudTrailPublishes"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = "arn:aws:sns:eu-central-1:111122223333:records-dev-audit"
      Condition = { StringEquals = {
        "aws:SourceArn" = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/records-dev-audit"
      } }
    }]
    error_message = "The topic must admit this trail only."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this.policy).Statement : [statement.Action, statement.Condition]
      if statement.Sid == "CloudTrailPublishes"
      ] == [[["kms:Decrypt", "kms:GenerateDataKey*"], { StringEquals = {
        "kms:EncryptionContext:aws:sns:topicArn" = "arn:aws:sns:eu-central-1:111122223333:records-dev-audit"
    } }]]
    error_message = "CloudTrail must be able to use the key through this topic."
  }

  assert {
    condition = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule :
      length(rule.expiration) == 0 && length(rule.transition) == 0
    ])
    error_message = "0 must mean never."
  }

  assert {
    condition = [for rule in aws_s3_bucket_object_lock_configuration.this[0].rule : [
      rule.default_retention[0].days, rule.default_retention[0].mode,
    ]] == [[365, "COMPLIANCE"]]
    error_message = "The lock must be the one asked for."
  }

  assert {
    condition = [
      aws_s3_bucket_logging.this[0].target_bucket, aws_s3_bucket_logging.this[0].target_prefix,
    ] == ["account-access-logs", "audit/"]
    error_message = "Access logs must go where asked."
  }

  assert {
    condition     = aws_iam_role.delivery.permissions_boundary == "arn:aws:iam::111122223333:policy/team/boundary"
    error_message = "The role must carry the boundary."
  }
}
