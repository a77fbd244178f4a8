# Stands in for the data sources that the rules in profile.tf read, so that no provider is needed.
variable "partition" {
  description = "The partition of the region."
  type        = string
  default     = "aws"
  nullable    = false
}

locals {
  partition = var.partition
}
