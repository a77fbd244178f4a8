# An existing KMS key. Its ARN must be known in the plan, so the key cannot be created here.
#
# Before the first apply:
# - a symmetric KMS key in this account and region with the alias alias/records;
# - its policy contains the statements in the output, beside those for its administrators.
#   `terraform plan` shows them before any resource exists:
#     terraform plan -out=first.tfplan
#     terraform show -json first.tfplan |
#       jq -r .planned_values.outputs.kms_key_policy_statements.value
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
