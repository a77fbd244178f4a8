output "state_bucket" {
  description = "What dev, prod and this folder get as -backend-config=\"bucket=...\"."
  value       = module.state_backend.bucket_name
}

output "state_kms_key_arn" {
  description = "The states' key; whoever runs Terraform needs kms:Decrypt and kms:GenerateDataKey on it."
  value       = module.state_backend.kms_key_arn
}
