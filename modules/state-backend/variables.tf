variable "access_logs" {
  description = "An existing bucket, and a prefix in it, for S3 server access logs; null = none."

  type = object({
    bucket = string
    prefix = optional(string, "")
  })

  default = null

  validation {
    condition     = var.access_logs == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_logs.bucket))
    error_message = "access_logs.bucket must be the name of a bucket (3 to 63 of a-z 0-9 . -), not its ARN."
  }
}

variable "environment" {
  description = "The most critical environment whose state is stored, such as dev, staging or prod. See profile."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9])*$", var.environment)) && length(var.environment) <= 12
    error_message = "environment must have 1 to 12 lowercase letters, digits and single hyphens between them."
  }
}

variable "force_destroy" {
  description = "Whether destroy deletes the bucket together with the states in it."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.force_destroy && local.profile == "prod")
    error_message = "force_destroy must be false with profile prod: without state, Terraform can't manage anything."
  }
}

variable "history_days" {
  description = "Days that an overwritten or deleted state can be brought back; the ten newest stay longer."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.history_days >= 1 && floor(var.history_days) == var.history_days
    error_message = "history_days must be a whole number of days, 1 or more."
  }
}

variable "name" {
  description = "Beginning of the bucket's name, <name>-tfstate-<account>-<region>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) >= 3 && length(var.name) <= 24
    error_message = "name must be 3 to 24 of a-z 0-9 -, begin with a letter, not end in - and have no two - in a row."
  }
}

variable "profile" {
  description = <<-EOT
    The safety profile: local, dev or prod, which refuses force_destroy. Null: environment if it is local or
    dev, otherwise prod.
  EOT

  type    = string
  default = null

  validation {
    condition     = try(contains(["local", "dev", "prod"], var.profile), var.profile == null)
    error_message = "profile must be \"local\", \"dev\" or \"prod\", or null to derive it from environment."
  }
}

variable "tags" {
  description = "Tags for every resource that takes them."
  type        = map(string)
  default     = {}
  nullable    = false
}
