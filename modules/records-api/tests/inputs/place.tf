# Stands in for the data sources that the rules in profile.tf read, so that no provider is needed.
variable "partition" {
  description = "The partition of the region."
  type        = string
  default     = "aws"
  nullable    = false
}

locals {
  account_id = "111122223333"
  partition  = var.partition
  region     = "eu-west-1"
  service    = "${var.name}-${var.environment}"
}
