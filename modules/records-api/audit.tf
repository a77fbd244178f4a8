# Who changed what. The trail has its own key: destroying this instance leaves its evidence readable.
module "audit_trail" {
  source   = "../audit-trail"
  for_each = { for mode in var.audit.mode[*] : "trail" => mode if mode == "create" }

  name                     = var.name
  environment              = var.environment
  profile                  = local.profile
  expected_regions         = var.audit.expected_regions
  log_retention_days       = local.is_prod ? max(365, var.log_retention_days) : var.log_retention_days
  management_events        = var.audit.management_events
  permissions_boundary_arn = var.permissions_boundary_arn
  tables                   = { records = { arn = local.table_arn, events = var.audit.data_events } }
  tags                     = local.tags

  # The values that prod refuses (profile.tf) are not passed on, or the trail would refuse them again.
  bucket = {
    access_logs   = var.audit.access_logs
    force_destroy = var.audit.force_destroy && !local.is_prod
  }
}
