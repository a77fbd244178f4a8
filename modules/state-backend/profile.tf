# The safety profile. The validations in variables.tf depend on it.
locals {
  profile = coalesce(
    var.profile,
    contains(["dev", "local"], var.environment) ? var.environment : "prod",
  )
}
