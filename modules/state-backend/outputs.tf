output "bucket_name" {
  description = "Bucket name for -backend-config, available once the bucket is fully configured."
  value       = aws_s3_bucket.state.id

  depends_on = [
    aws_s3_bucket_lifecycle_configuration.state,
    aws_s3_bucket_ownership_controls.state,
    aws_s3_bucket_policy.state,
    aws_s3_bucket_server_side_encryption_configuration.state,
    aws_s3_bucket_versioning.state,
  ]
}

output "kms_key_arn" {
  description = "ARN of the key. Terraform users need kms:Decrypt and kms:GenerateDataKey on it."
  value       = aws_kms_key.state.arn
}
