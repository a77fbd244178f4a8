variable "api_ids" {
  description = "The IDs of the HTTP APIs."
  type        = map(string)
  nullable    = false
}

variable "budget_usd" {
  description = "The monthly budget. Null means no budget."
  type        = number
  default     = null
}

variable "operations" {
  description = "The enabled operations."
  type        = set(string)
  nullable    = false
}

variable "partition" {
  description = "The AWS partition."
  type        = string
  nullable    = false
}

locals {
  api_ids    = var.api_ids
  budget_usd = var.budget_usd
  indexes    = { byCreated = {}, byStatus = {} }
  partition  = var.partition
  service    = "orders-dev"
  table_name = "orders-dev"

  region = {
    aws        = "eu-west-1"
    aws-cn     = "cn-north-1"
    aws-us-gov = "us-gov-west-1"
  }[var.partition]

  history_index_name = "byChange"
  history_name       = "orders-dev-history"
}

output "dashboard" {
  description = "The dashboard's body."
  value       = local.dashboard
}
