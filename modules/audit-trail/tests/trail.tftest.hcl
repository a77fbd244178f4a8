# The trail: what it records and where. Its policies: tests/policy/test_requests.py.

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
      aws_cloudtrail.audit.is_multi_region_trail &&
      aws_cloudtrail.audit.include_global_service_events &&
      aws_cloudtrail.audit.enable_log_file_validation
    )
    error_message = "The trail must cover all regions and global services and validate its files."
  }

  assert {
    condition     = aws_cloudtrail.audit.kms_key_id == aws_kms_key.trail.arn
    error_message = "The trail must encrypt with its own key."
  }

  assert {
    condition = (
      aws_cloudtrail.audit.cloud_watch_logs_group_arn == "${aws_cloudwatch_log_group.trail.arn}:*"
    )
    error_message = "The ARN of the log group must end in :*, as CloudTrail requires."
  }

  assert {
    condition = {
      for selector in aws_cloudtrail.audit.advanced_event_selector :
      selector.name => { for field in selector.field_selector : field.field => one(field.equals) }
    } == { "Management events selector" = { eventCategory = "Management" } }
    error_message = "Without tables the trail must record management events only, under CIS's name."
  }

  assert {
    condition = (
      length(aws_sns_topic.delivery) == 0 &&
      aws_cloudtrail.audit.sns_topic_name == null
    )
    error_message = "There must be no delivery topic by default."
  }

  assert {
    condition = (
      aws_cloudtrail.audit.name == "records-dev-audit" &&
      local.trail_arn == aws_cloudtrail.audit.arn
    )
    error_message = "The computed trail ARN must be the trail's."
  }

  assert {
    condition     = local.log_group_arn == aws_cloudwatch_log_group.trail.arn
    error_message = "The computed log group ARN must be the log group's, without :*."
  }

  assert {
    condition     = aws_s3_bucket.trail.bucket == "records-dev-audit-111122223333-eu-central-1"
    error_message = "The bucket name must contain account and region."
  }

  assert {
    condition     = aws_iam_role.delivery.name == "records-dev-audit-eu-central-1"
    error_message = "The role name must contain the region: roles are global, trails are not."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.trail.block_public_acls,
      aws_s3_bucket_public_access_block.trail.block_public_policy,
      aws_s3_bucket_public_access_block.trail.ignore_public_acls,
      aws_s3_bucket_public_access_block.trail.restrict_public_buckets,
    ])
    error_message = "Every kind of public access must be blocked."
  }

  assert {
    condition = (
      aws_s3_bucket_ownership_controls.trail.rule[0].object_ownership == "BucketOwnerEnforced"
    )
    error_message = "The bucket owner must own every object."
  }

  assert {
    condition     = aws_s3_bucket_versioning.trail.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket must keep versions."
  }

  assert {
    condition = [for rule in aws_s3_bucket_server_side_encryption_configuration.trail.rule :
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id
    ] == [aws_kms_key.trail.arn]
    error_message = "The bucket must encrypt with the trail's key."
  }

  assert {
    condition = (
      aws_kms_key.trail.enable_key_rotation &&
      aws_kms_key.trail.deletion_window_in_days == 30
    )
    error_message = "The key must rotate and have the longest deletion window."
  }

  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.trail.rule : [
      rule.expiration[0].days, one(rule.transition).days, one(rule.transition).storage_class,
      rule.abort_incomplete_multipart_upload[0].days_after_initiation,
      rule.noncurrent_version_expiration[0].noncurrent_days,
    ]] == [[400, 90, "GLACIER_IR", 7, 90]]
    error_message = "Files must move after 90 days and expire after 400; old versions must expire."
  }

  assert {
    condition = (
      length(aws_s3_bucket_object_lock_configuration.trail) == 0 &&
      length(aws_s3_bucket_logging.trail) == 0 &&
      !aws_s3_bucket.trail.force_destroy
    )
    error_message = "Object Lock, access logs and force_destroy must be off by default."
  }

  assert {
    condition     = aws_cloudwatch_log_group.trail.retention_in_days == 365
    error_message = "CloudWatch Logs must keep events for a year."
  }
}

run "with_all_inputs_set" {
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
      audited = {
        arn    = "arn:aws:dynamodb:eu-central-1:111122223333:table/audited"
        events = "all"
      }

      ignored = {
        arn    = "arn:aws:dynamodb:eu-central-1:111122223333:table/ignored"
        events = "none"
      }

      written = {
        arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/written"
      }
    }
  }

  assert {
    condition = {
      for selector in aws_cloudtrail.audit.advanced_event_selector :
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
    error_message = "Without management events the trail must record data events of tables only."
  }

  assert {
    condition = (
      aws_cloudtrail.audit.sns_topic_name == "records-dev-audit" &&
      output.delivery_topic_arn == local.topic_arn
    )
    error_message = "The trail must name the topic by name, or every plan has a difference."
  }

  assert {
    condition = (
      aws_sns_topic.delivery["delivery_topic"].kms_master_key_id == aws_kms_key.trail.arn
    )
    error_message = "The topic must be encrypted with the trail's key."
  }

  assert {
    condition = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.trail.rule :
      length(rule.expiration) == 0 && length(rule.transition) == 0
    ])
    error_message = "0 days must mean never."
  }

  assert {
    condition = [for rule in aws_s3_bucket_object_lock_configuration.trail["object_lock"].rule : [
      rule.default_retention[0].days, rule.default_retention[0].mode,
    ]] == [[365, "COMPLIANCE"]]
    error_message = "Object Lock must have the days and mode of bucket.object_lock."
  }

  assert {
    condition = [
      aws_s3_bucket_logging.trail["access_logs"].target_bucket,
      aws_s3_bucket_logging.trail["access_logs"].target_prefix,
    ] == ["account-access-logs", "audit/"]
    error_message = "Access logs must go to bucket and prefix of bucket.access_logs."
  }

  assert {
    condition     = aws_iam_role.delivery.permissions_boundary == var.permissions_boundary_arn
    error_message = "The role must have the permissions boundary."
  }
}
