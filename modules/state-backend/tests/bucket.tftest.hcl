# The bucket and its key. Their policies: tests/policy/test_requests.py.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name        = "records"
  environment = "prod"
}

run "by_default" {
  assert {
    condition     = aws_s3_bucket.state.bucket == "records-tfstate-111122223333-eu-central-1"
    error_message = "The bucket name must contain account and region."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "Every kind of public access must be blocked."
  }

  assert {
    condition = (
      aws_s3_bucket_ownership_controls.state.rule[0].object_ownership == "BucketOwnerEnforced"
    )
    error_message = "The bucket owner must own every object."
  }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "The bucket must keep versions."
  }

  assert {
    condition = [for rule in aws_s3_bucket_server_side_encryption_configuration.state.rule : [
      rule.apply_server_side_encryption_by_default[0].sse_algorithm,
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id,
    ]] == [["aws:kms", aws_kms_key.state.arn]]
    error_message = "The bucket must encrypt with its key."
  }

  assert {
    condition = (
      aws_kms_key.state.enable_key_rotation &&
      aws_kms_key.state.deletion_window_in_days == 30
    )
    error_message = "The key must rotate and have the longest deletion window."
  }

  assert {
    condition     = !aws_s3_bucket.state.force_destroy && length(aws_s3_bucket_logging.state) == 0
    error_message = "force_destroy and access logs must be off by default."
  }
}

run "with_all_inputs_set" {
  command = plan

  variables {
    access_logs   = { bucket = "account-access-logs", prefix = "state/" }
    environment   = "dev"
    force_destroy = true
    history_days  = 30
  }

  assert {
    condition = [for rule in aws_s3_bucket_lifecycle_configuration.state.rule : [
      rule.noncurrent_version_expiration[0].noncurrent_days,
      rule.noncurrent_version_expiration[0].newer_noncurrent_versions,
      rule.abort_incomplete_multipart_upload[0].days_after_initiation,
    ]] == [[30, 10, 7]]
    error_message = "Old versions must expire after history_days, except for the newest ten."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.state.rule :
      rule.expiration[0].expired_object_delete_marker && rule.expiration[0].days == 0
    ])
    error_message = "Current states must never expire."
  }

  assert {
    condition = [
      aws_s3_bucket_logging.state["access_logs"].target_bucket,
      aws_s3_bucket_logging.state["access_logs"].target_prefix,
    ] == ["account-access-logs", "state/"]
    error_message = "Access logs must go to bucket and prefix of access_logs."
  }

  assert {
    condition     = aws_s3_bucket.state.force_destroy
    error_message = "dev must accept force_destroy."
  }
}
