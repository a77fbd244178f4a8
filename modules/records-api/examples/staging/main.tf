# An environment with a name of its own. Without `profile`, it would follow the rules of prod.
provider "aws" {
  region = "us-east-1"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name               = "orders"
  environment        = "staging"
  profile            = "dev"
  log_retention_days = 30

  alarms   = { emails = ["on-call@example.com"] }
  function = { heartbeat = "rate(1 day)" } # as in prod
}

output "records_url" {
  description = "URL of the records."
  value       = module.records.records_url
}
