# The tests use the module of this checkout. Do not copy this file.
module "state_backend" {
  source = "../.."
}
