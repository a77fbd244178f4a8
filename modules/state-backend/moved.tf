# Addresses of earlier releases, so that an upgrade replaces nothing.

moved {
  from = aws_kms_alias.this
  to   = aws_kms_alias.state
}

moved {
  from = aws_kms_key.this
  to   = aws_kms_key.state
}

moved {
  from = aws_s3_bucket.this
  to   = aws_s3_bucket.state
}

moved {
  from = aws_s3_bucket_lifecycle_configuration.this
  to   = aws_s3_bucket_lifecycle_configuration.state
}

moved {
  from = aws_s3_bucket_logging.this[0]
  to   = aws_s3_bucket_logging.state["access_logs"]
}

moved {
  from = aws_s3_bucket_ownership_controls.this
  to   = aws_s3_bucket_ownership_controls.state
}

moved {
  from = aws_s3_bucket_policy.this
  to   = aws_s3_bucket_policy.state
}

moved {
  from = aws_s3_bucket_public_access_block.this
  to   = aws_s3_bucket_public_access_block.state
}

moved {
  from = aws_s3_bucket_server_side_encryption_configuration.this
  to   = aws_s3_bucket_server_side_encryption_configuration.state
}

moved {
  from = aws_s3_bucket_versioning.this
  to   = aws_s3_bucket_versioning.state
}
