# The tests use the module of this checkout. Do not copy this file.
module "orders" {
  source = "../.."
}

module "approvals" {
  source = "../.."
}

module "audit_trail" {
  source = "../../../audit-trail"
}
