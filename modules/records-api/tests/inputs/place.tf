# Stands in for what the rules in profile.tf read elsewhere, so that no provider is needed.
variable "partition" {
  description = "The partition of the region."
  type        = string
  default     = "aws"
  nullable    = false
}

locals {
  partition = var.partition
  service   = "${var.name}-${var.environment}"
}
