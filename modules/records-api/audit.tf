# Who changed what. The trail has its own key, so its files stay readable after the instance is
# destroyed.
locals {
  # profile.tf rejects less than a year in prod. It is not passed on, so that it is reported only
  # once.
  trail_retention_days = max(var.log_retention_days, local.is_prod ? 365 : 1)
}

module "audit_trail" {
  source   = "../audit-trail"
  for_each = { for key in ["trail"] : key => var.audit if var.audit.mode == "create" }

  name                     = var.name
  environment              = var.environment
  profile                  = local.profile
  expected_regions         = var.audit.expected_regions
  log_retention_days       = local.trail_retention_days
  management_events        = var.audit.management_events
  permissions_boundary_arn = var.permissions_boundary_arn
  tags                     = local.tags

  tables = {
    history = { arn = local.history_arn, events = var.audit.data_events }
    records = { arn = local.table_arn, events = var.audit.data_events }
  }

  # profile.tf rejects this value in prod. It is not passed on, so that it is reported only once.
  bucket = {
    access_logs   = var.audit.access_logs
    force_destroy = var.audit.force_destroy && !local.is_prod
  }
}
