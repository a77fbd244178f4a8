# Who changed what. The trail has its own key: destroying this instance leaves its evidence readable.
module "audit_trail" {
  source   = "../audit-trail"
  for_each = { for mode in var.audit.mode[*] : "trail" => mode if mode == "create" }

  name                     = var.name
  environment              = var.environment
  bucket                   = { access_logs = var.audit.access_logs, force_destroy = var.audit.force_destroy }
  expected_regions         = var.audit.expected_regions
  log_retention_days       = var.log_retention_days
  management_events        = var.audit.management_events
  permissions_boundary_arn = var.permissions_boundary_arn
  tables                   = { records = { arn = local.table_arn, events = var.audit.data_events } }
  tags                     = local.tags
}
