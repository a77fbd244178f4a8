# An existing KMS key. Its ARN must be known in the plan, so the key cannot be created here. Its
# policy must contain the statements in the output, which `terraform plan` shows before any resource
# exists.
provider "aws" {
  region = "us-east-1"
}

data "aws_kms_alias" "records" {
  name = "alias/records"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "orders"
  environment = "dev"
  alarms      = { emails = ["on-call@example.com"] }
  kms_key_arn = data.aws_kms_alias.records.target_key_arn
}

output "kms_key_policy_statements" {
  description = "JSON list of the statements that the policy of the key must contain."
  value       = module.records.kms_key_policy_statements
}
