variable "access_logs" {
  description = "Existing bucket and prefix for access logs of the state bucket; null = none."
  type = object({
    bucket = string
    prefix = optional(string, "")
  })
  default = null
}

variable "environment" {
  description = "Most critical environment of this account, such as dev, staging or prod."
  type        = string
  default     = "prod"
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroy deletes the bucket with the states of all environments."
  type        = bool
  default     = false
  nullable    = false
}

variable "profile" {
  description = <<-EOT
    Safety profile: local, dev or prod. prod rejects force_destroy. null: environment if that is
    local or dev, otherwise prod.
  EOT
  type        = string
  default     = null
}

variable "region" {
  description = "Region of the state bucket."
  type        = string
  nullable    = false
}
