variable "bucket" {
  description = <<-EOT
    How the log files are stored. access_logs: existing bucket and prefix for S3 server access logs.
    expire_days: days until a file expires, 0 = never. force_destroy: delete the bucket together
    with its files (not in prod). object_lock: days during which no file can be deleted, and mode
    (GOVERNANCE or COMPLIANCE); can be enabled later, but never disabled. transition_days: days
    until a file moves to Glacier Instant Retrieval, 0 = never.
  EOT

  type = object({
    access_logs = optional(object({
      bucket = string
      prefix = optional(string, "")
    }))
    expire_days   = optional(number, 400)
    force_destroy = optional(bool, false)
    object_lock = optional(object({
      days = number
      mode = optional(string, "GOVERNANCE")
    }))
    transition_days = optional(number, 90)
  })

  default  = {}
  nullable = false

  validation {
    condition     = !(var.bucket.force_destroy && local.profile == "prod")
    error_message = "bucket.force_destroy must be false with profile prod, so that files are kept."
  }

  validation {
    condition     = !(var.bucket.force_destroy && var.bucket.object_lock != null)
    error_message = "bucket.force_destroy cannot delete locked files: unset it or object_lock."
  }

  validation {
    condition = alltrue([
      for days in [var.bucket.expire_days, var.bucket.transition_days] :
      days >= 0 && floor(days) == days
    ])
    error_message = "bucket.expire_days and transition_days must be whole numbers; 0 means never."
  }

  validation {
    condition = (
      var.bucket.expire_days == 0 || var.bucket.transition_days < var.bucket.expire_days
    )
    error_message = "bucket.transition_days must be less than expire_days, unless either is 0."
  }

  validation {
    condition = (
      local.profile != "prod" || var.bucket.expire_days == 0 || var.bucket.expire_days >= 365
    )
    error_message = "bucket.expire_days must be 0 (forever) or at least 365 with profile prod."
  }

  validation {
    condition     = try(contains(["COMPLIANCE", "GOVERNANCE"], var.bucket.object_lock.mode), true)
    error_message = "bucket.object_lock.mode must be GOVERNANCE or COMPLIANCE."
  }

  validation {
    condition = alltrue([
      for lock in var.bucket.object_lock[*] : lock.days >= 1 && floor(lock.days) == lock.days
    ])
    error_message = "bucket.object_lock.days must be a whole number of at least 1."
  }

  validation {
    condition = (
      var.bucket.access_logs == null ||
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket.access_logs.bucket))
    )
    error_message = "bucket.access_logs.bucket must be a bucket name, not an ARN."
  }
}

variable "delivery_topic" {
  description = "Whether to create an encrypted SNS topic that announces every delivered log file."
  type        = bool
  default     = false
  nullable    = false
}

variable "environment" {
  description = "Environment, such as dev, staging or prod; part of every name. See profile."
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

variable "expected_regions" {
  description = <<-EOT
    Regions that the trail must cover. It covers every region that is enabled in the account; the
    plan fails if one of these is not. Empty accepts whatever is enabled.
  EOT

  type     = set(string)
  default  = []
  nullable = false

  validation {
    condition = alltrue([
      for region in var.expected_regions : can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]$", region))
    ])
    error_message = join(" ", [
      "expected_regions must contain region codes such as eu-central-1. Invalid:",
      join(", ", [
        for region in var.expected_regions : region
        if !can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]$", region))
      ]),
    ])
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch Logs keeps the events; 0 = forever."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains([
      0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
      2922, 3288, 3653,
    ], var.log_retention_days)
    error_message = "log_retention_days must be a CloudWatch Logs period, such as 90, 365 or 0."
  }

  validation {
    condition = (
      local.profile != "prod" || var.log_retention_days == 0 || var.log_retention_days >= 365
    )
    error_message = "log_retention_days must be 0 (forever) or at least 365 with profile prod."
  }
}

variable "management_events" {
  description = <<-EOT
    Whether the trail records management events. AWS charges for every copy after the first in a
    region: set false if another trail of the account or the organization records them.
  EOT

  type     = bool
  default  = true
  nullable = false

  validation {
    condition = (
      var.management_events || anytrue([for table in var.tables : table.events != "none"])
    )
    error_message = "The trail records nothing: set management_events = true or tables[*].events."
  }
}

variable "name" {
  description = "Name of the audited service; the trail is called <name>-<environment>-audit."
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

  validation {
    condition = length("${var.name}-${var.environment}") <= 29
    error_message = join(" ", [
      "name and environment must have at most 28 characters together: the names of buckets and",
      "roles contain them.",
    ])
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role that delivers to CloudWatch Logs; null = none."
  type        = string
  default     = null

  validation {
    condition = (
      var.permissions_boundary_arn == null ||
      can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    )
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, or null."
  }
}

variable "profile" {
  description = <<-EOT
    Safety profile: local, dev or prod. prod rejects force_destroy and retention under a year. null:
    environment if that is local or dev, otherwise prod.
  EOT

  type    = string
  default = null

  validation {
    condition     = try(contains(["local", "dev", "prod"], var.profile), var.profile == null)
    error_message = "profile must be local, dev, prod or null (derived from environment)."
  }
}

variable "tables" {
  description = <<-EOT
    DynamoDB tables whose item-level calls are recorded, under keys of your choice. events: write,
    all (reads too) or none. AWS charges for each data event.
  EOT

  type = map(object({
    arn    = string
    events = optional(string, "write")
  }))

  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for table in var.tables : contains(["all", "none", "write"], table.events)
    ])
    error_message = join(" ", [
      "tables: events must be write, all or none. Invalid:",
      join(", ", [
        for key, table in var.tables : "${key} (${table.events})"
        if !contains(["all", "none", "write"], table.events)
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for table in var.tables :
      can(regex("^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", table.arn))
    ])
    error_message = join(" ", [
      "tables: each arn must be the ARN of a DynamoDB table, without /index or /stream. Invalid:",
      join(", ", [
        for key, table in var.tables : "${key} (${table.arn})"
        if !can(regex(
          "^arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", table.arn
        ))
      ]),
    ])
  }
}

variable "tags" {
  description = "Tags for every resource that supports them."
  type        = map(string)
  default     = {}
  nullable    = false
}
