# Two services in one account. One audit trail covers both, because an account can have five trails
# per region, and AWS charges for every copy of the management events after the first.
#
# Before the first apply: fewer than five trails in the region.
provider "aws" {
  region = "us-east-1"
}

locals {
  budget = { monthly_usd = 50 }
  emails = ["on-call@example.com"]
}

module "orders" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "orders"
  environment = "prod"
  alarms      = { emails = local.emails }
  audit       = { mode = "off" } # the trail below
  budget      = local.budget
}

module "approvals" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "approvals"
  environment = "prod"
  alarms      = { emails = local.emails }
  audit       = { mode = "off" }
  budget      = { mode = "off", reason = "The budget of orders covers the account." }
}

module "audit_trail" {
  source = "git::https://git.example.com/platform/records-api.git//modules/audit-trail?ref=<tag>"

  name        = "records"
  environment = "prod"

  tables = {
    approvals         = { arn = module.approvals.table_arn }
    approvals_history = { arn = module.approvals.history_table_arn }
    orders            = { arn = module.orders.table_arn }
    orders_history    = { arn = module.orders.history_table_arn }
  }
}

output "records_urls" {
  description = "URL of the records of each service."
  value = {
    approvals = module.approvals.records_url
    orders    = module.orders.records_url
  }
}
