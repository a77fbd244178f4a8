variable "anomaly_monitor" {
  description = <<-EOT
    Cost anomaly detection for the same scope and the same recipients; null = off. impact_usd: the
    smallest total impact to report. Without scope it monitors all services; an account can have one
    such monitor, which AWS may have created already. With scope it monitors the tag, which AWS
    allows in the management account only: confirm with in_management_account = true.
  EOT

  type = object({
    impact_usd            = optional(number, 20)
    in_management_account = optional(bool, false)
  })

  default = null

  validation {
    condition     = try(var.anomaly_monitor.impact_usd > 0, true)
    error_message = "anomaly_monitor.impact_usd must be more than 0."
  }

  # AWS Cost Management User Guide, "Getting started with AWS Cost Anomaly Detection": monitors for
  # linked accounts, cost allocation tags and cost categories exist in the management account only.
  validation {
    condition = (
      var.scope == null || var.anomaly_monitor == null ||
      try(var.anomaly_monitor.in_management_account, false)
    )
    error_message = join(" ", [
      "anomaly_monitor with scope needs the organization's management account: apply it there and",
      "set anomaly_monitor.in_management_account = true, or omit anomaly_monitor or scope.",
    ])
  }
}

variable "environment" {
  description = "Name of the environment, such as dev, staging or prod; part of the budget's name."
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

variable "monthly_limit_usd" {
  description = "Monthly limit in US dollars."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "monthly_limit_usd must be more than 0."
  }

  validation {
    condition     = tonumber(format("%.2f", var.monthly_limit_usd)) == var.monthly_limit_usd
    error_message = "monthly_limit_usd must not have fractions of a cent."
  }
}

variable "name" {
  description = "Name of the service; the budget is called <name>-<environment>-<region>."
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

variable "notify" {
  description = <<-EOT
    Recipients. emails: up to 10 addresses. topic: existing SNS topic of this account; its policy
    and that of its key must allow budgets.amazonaws.com. create_topic: create an encrypted topic
    that does; subscribe to the output topic_arn.
  EOT

  type = object({
    create_topic = optional(bool, false)
    emails       = optional(set(string), [])
    topic        = optional(object({ arn = string }))
  })

  nullable = false

  validation {
    condition = (
      var.notify.create_topic || var.notify.topic != null || length(var.notify.emails) > 0
    )
    error_message = "notify needs a recipient: set notify.emails, topic or create_topic."
  }

  validation {
    condition     = !(var.notify.create_topic && var.notify.topic != null)
    error_message = "notify.create_topic and notify.topic are exclusive: set one of them."
  }

  validation {
    condition     = length(var.notify.emails) <= 10
    error_message = "notify.emails must have at most 10 addresses: use a topic for more."
  }

  validation {
    condition = alltrue([
      for email in var.notify.emails :
      can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
    ])
    error_message = join(" ", [
      "notify.emails must contain plain addresses such as team@example.com. Invalid:",
      join(", ", [
        for email in var.notify.emails : email
        if !can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for topic in var.notify.topic[*] :
      can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", topic.arn))
    ])
    error_message = "notify.topic.arn must be the ARN of a standard SNS topic."
  }
}

variable "scope" {
  description = <<-EOT
    null = the whole account. Otherwise only costs with this tag. AWS reports $0 for a tag until the
    management account has activated tag_key as a cost allocation tag, and counts from then on.
  EOT

  type = object({
    tag_key   = string
    tag_value = string
  })

  default = null

  validation {
    condition = (
      var.scope == null || can(regex("^[\\pL\\pN _.:/=+@-]{1,128}$", var.scope.tag_key))
    )
    error_message = "scope.tag_key must be 1 to 128 characters that AWS allows in tags."
  }

  validation {
    condition     = !can(regex("^(?i)(aws|user):", var.scope.tag_key))
    error_message = "scope.tag_key must not start with user: (added here) or aws: (reserved)."
  }

  validation {
    condition = (
      var.scope == null || can(regex("^[\\pL\\pN _.:/=+@-]{1,256}$", var.scope.tag_value))
    )
    error_message = "scope.tag_value must be 1 to 256 characters that AWS allows in tags."
  }
}

variable "tags" {
  description = "Tags for every resource that supports them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "thresholds" {
  description = <<-EOT
    When to notify, under keys of your choice. percent: of the monthly limit. type: ACTUAL (spent)
    or FORECASTED (by the end of the month; AWS needs about five weeks of history to forecast).
  EOT

  type = map(object({
    percent = number
    type    = optional(string, "ACTUAL")
  }))

  default = {
    actual_50    = { percent = 50 }
    actual_80    = { percent = 80 }
    actual_100   = { percent = 100 }
    forecast_100 = { percent = 100, type = "FORECASTED" }
  }

  nullable = false

  validation {
    condition     = length(var.thresholds) >= 1 && length(var.thresholds) <= 10
    error_message = "thresholds must have 1 to 10 entries (AWS limit)."
  }

  validation {
    condition = alltrue([
      for threshold in var.thresholds : threshold.percent > 0 && threshold.percent <= 1000
    ])
    error_message = join(" ", [
      "thresholds: each percent must be more than 0 and at most 1000. Invalid:",
      join(", ", [
        for key, threshold in var.thresholds : "${key} (${threshold.percent})"
        if threshold.percent <= 0 || threshold.percent > 1000
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for threshold in var.thresholds : contains(["ACTUAL", "FORECASTED"], threshold.type)
    ])
    error_message = join(" ", [
      "thresholds: each type must be ACTUAL or FORECASTED. Invalid:",
      join(", ", [
        for key, threshold in var.thresholds : "${key} (${threshold.type})"
        if !contains(["ACTUAL", "FORECASTED"], threshold.type)
      ]),
    ])
  }

  validation {
    condition = length(distinct([
      for threshold in var.thresholds : "${threshold.type} ${threshold.percent}"
    ])) == length(var.thresholds)
    error_message = "thresholds must not have two entries with the same type and percent."
  }
}
