output "state_bucket" {
  description = "Bucket name for -backend-config=\"bucket=...\" in dev, prod and this folder."
  value       = module.state_backend.bucket_name
}

output "state_kms_key_arn" {
  description = "ARN of the key. Terraform users need kms:Decrypt and kms:GenerateDataKey on it."
  value       = module.state_backend.kms_key_arn
}
