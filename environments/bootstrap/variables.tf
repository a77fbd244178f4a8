variable "access_logs" {
  description = "An existing bucket, and a prefix in it, for access logs of the state bucket. Null for none."
  type = object({
    bucket = string
    prefix = optional(string, "")
  })
  default = null
}

variable "environment" {
  description = "The most precious environment of this account: local, dev or prod. prod refuses force_destroy."
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

variable "region" {
  description = "Region the states are kept in."
  type        = string
  nullable    = false
}
