variable "access_logs" {
  description = "An existing bucket, and a prefix in it, for access logs of the state bucket. Null for none."
  type = object({
    bucket = string
    prefix = optional(string, "")
  })
  default = null
}

variable "environment" {
  description = "The most critical environment of this account, such as dev, staging or prod."
  type        = string
  default     = "prod"
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroy deletes the states of all environments with the bucket."
  type        = bool
  default     = false
  nullable    = false
}

variable "profile" {
  description = <<-EOT
    The safety profile: local, dev or prod, which refuses force_destroy. Null: environment if it is local or dev,
    otherwise prod.
  EOT
  type        = string
  default     = null
}

variable "region" {
  description = "Region the states are kept in."
  type        = string
  nullable    = false
}
