# Addresses of earlier releases, so that an upgrade replaces nothing.

moved {
  from = aws_cloudtrail.this
  to   = aws_cloudtrail.audit
}

moved {
  from = aws_cloudwatch_log_group.this
  to   = aws_cloudwatch_log_group.trail
}

moved {
  from = aws_kms_alias.this
  to   = aws_kms_alias.trail
}

moved {
  from = aws_kms_key.this
  to   = aws_kms_key.trail
}

moved {
  from = aws_s3_bucket.this
  to   = aws_s3_bucket.trail
}

moved {
  from = aws_s3_bucket_lifecycle_configuration.this
  to   = aws_s3_bucket_lifecycle_configuration.trail
}

moved {
  from = aws_s3_bucket_logging.this[0]
  to   = aws_s3_bucket_logging.trail["access_logs"]
}

moved {
  from = aws_s3_bucket_object_lock_configuration.this[0]
  to   = aws_s3_bucket_object_lock_configuration.trail["object_lock"]
}

moved {
  from = aws_s3_bucket_ownership_controls.this
  to   = aws_s3_bucket_ownership_controls.trail
}

moved {
  from = aws_s3_bucket_policy.this
  to   = aws_s3_bucket_policy.trail
}

moved {
  from = aws_s3_bucket_public_access_block.this
  to   = aws_s3_bucket_public_access_block.trail
}

moved {
  from = aws_s3_bucket_server_side_encryption_configuration.this
  to   = aws_s3_bucket_server_side_encryption_configuration.trail
}

moved {
  from = aws_s3_bucket_versioning.this
  to   = aws_s3_bucket_versioning.trail
}

moved {
  from = aws_sns_topic.delivery[0]
  to   = aws_sns_topic.delivery["delivery_topic"]
}

moved {
  from = aws_sns_topic_policy.delivery[0]
  to   = aws_sns_topic_policy.delivery["delivery_topic"]
}
