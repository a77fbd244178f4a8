# Another program writes the items into the table; callers may only read them. docs/reindex.md
# describes such items. The function has no permission to write.
provider "aws" {
  region = "us-east-1"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "inventory"
  environment = "dev"
  operations  = ["list", "get"]
  alarms      = { emails = ["on-call@example.com"] }
}

output "reader_policy_arn" {
  description = "ARN of the policy for principals that read."
  value       = module.records.reader_policy_arn
}

output "table_name" {
  description = "Name of the table that the other program writes to."
  value       = module.records.table_name
}
