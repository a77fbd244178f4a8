variable "access_logs" {
  description = "Existing bucket and prefix for S3 server access logs. null disables access logs."

  type = object({
    bucket = string
    prefix = optional(string, "")
  })

  default = null

  validation {
    condition = (
      var.access_logs == null ||
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_logs.bucket))
    )
    error_message = "access_logs.bucket must be a bucket name (3 to 63 of a-z 0-9 . -), not an ARN."
  }
}

variable "environment" {
  description = "Most critical environment whose state is stored, such as dev or prod. See profile."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z0-9](-?[a-z0-9])*$", var.environment)) && length(var.environment) <= 12
    )
    error_message = <<-EOT
      environment must have 1 to 12 lowercase letters, digits and single hyphens between them.
    EOT
  }
}

variable "force_destroy" {
  description = "Whether terraform destroy deletes the bucket together with the states in it."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !(var.force_destroy && local.profile == "prod")
    error_message = "force_destroy must be false with profile prod, so that states are kept."
  }
}

variable "history_days" {
  description = "Days to keep old versions of a state. The ten newest are kept regardless of age."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.history_days >= 1 && floor(var.history_days) == var.history_days
    error_message = "history_days must be a whole number of at least 1."
  }
}

variable "name" {
  description = "Prefix of the bucket name, <name>-tfstate-<account>-<region>."
  type        = string
  nullable    = false

  validation {
    condition = (
      can(regex("^[a-z](-?[a-z0-9])+$", var.name))
      && length(var.name) >= 3 && length(var.name) <= 24
    )
    error_message = join(" ", [
      "name must have 3 to 24 lowercase letters, digits and single hyphens between them, and",
      "start with a letter.",
    ])
  }
}

variable "profile" {
  description = <<-EOT
    Safety profile: local, dev or prod. prod rejects force_destroy. null: environment if that is
    local or dev, otherwise prod.
  EOT

  type    = string
  default = null

  validation {
    condition     = try(contains(["local", "dev", "prod"], var.profile), var.profile == null)
    error_message = "profile must be local, dev, prod or null (derived from environment)."
  }
}

variable "tags" {
  description = "Tags for every resource that supports them."
  type        = map(string)
  default     = {}
  nullable    = false
}
