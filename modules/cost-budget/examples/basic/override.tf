# The tests use the module of this checkout. Do not copy this file.
module "cost_budget" {
  source = "../.."
}
