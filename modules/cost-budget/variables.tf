variable "anomaly_monitor" {
  description = <<-EOT
    Cost anomaly detection for the same scope, notifying the same people; null = off. impact_usd: the smallest total
    impact worth a message. An account holds one monitor of all services, which AWS may have made already.
  EOT

  type    = object({ impact_usd = optional(number, 20) })
  default = null

  validation {
    condition     = try(var.anomaly_monitor.impact_usd > 0, true)
    error_message = "anomaly_monitor.impact_usd must be more than 0; leave anomaly_monitor out to switch it off."
  }
}

variable "environment" {
  description = "Name of the environment, such as dev, staging or prod; part of the budget's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9])*$", var.environment)) && length(var.environment) <= 12
    error_message = "environment must have 1 to 12 lowercase letters, digits and single hyphens between them."
  }
}

variable "monthly_limit_usd" {
  description = "What a month may cost, in US dollars."
  type        = number
  nullable    = false

  validation {
    condition     = var.monthly_limit_usd > 0
    error_message = "monthly_limit_usd must be more than 0: a budget of nothing is over from its first cent."
  }

  validation {
    condition     = tonumber(format("%.2f", var.monthly_limit_usd)) == var.monthly_limit_usd
    error_message = "monthly_limit_usd must be whole cents."
  }
}

variable "name" {
  description = "Name of what is paid for; the budget is called <name>-<environment>-<region>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z](-?[a-z0-9])+$", var.name)) && length(var.name) >= 3 && length(var.name) <= 24
    error_message = "name must be 3 to 24 of a-z 0-9 -, begin with a letter, not end in - and have no two - in a row."
  }
}

variable "notify" {
  description = <<-EOT
    Who is told. emails: up to 10 addresses. topic: an existing SNS topic of this account, whose policy, and whose
    key's policy, admits budgets.amazonaws.com. create_topic: make an encrypted topic that does; subscribe to its ARN.
  EOT

  type = object({
    create_topic = optional(bool, false)
    emails       = optional(set(string), [])
    topic        = optional(object({ arn = string }))
  })

  nullable = false

  validation {
    condition     = var.notify.create_topic || var.notify.topic != null || length(var.notify.emails) > 0
    error_message = "notify reaches nobody: set notify.emails, notify.topic or notify.create_topic."
  }

  validation {
    condition     = !(var.notify.create_topic && var.notify.topic != null)
    error_message = "notify.create_topic and notify.topic exclude each other: AWS takes one topic per threshold."
  }

  validation {
    condition     = length(var.notify.emails) <= 10
    error_message = "notify.emails must be at most 10 addresses, AWS takes no more; use a topic for larger circles."
  }

  validation {
    condition = alltrue([
      for email in var.notify.emails : can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+(\\.[^@\\s,;<>.]+)+$", email))
    ])
    error_message = "notify.emails must hold plain addresses such as team@example.com."
  }

  validation {
    condition = (
      var.notify.topic == null ||
      can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.notify.topic.arn))
    )
    error_message = "notify.topic.arn must be the ARN of a standard SNS topic."
  }
}

variable "scope" {
  description = <<-EOT
    null = the whole account. Otherwise only what carries this tag, which reads 0 $ until the payer account has
    activated tag_key as a cost allocation tag, and counts from then on.
  EOT

  type = object({
    tag_key   = string
    tag_value = string
  })

  default = null

  validation {
    condition     = var.scope == null || can(regex("^[\\pL\\pN _.:/=+@-]{1,128}$", var.scope.tag_key))
    error_message = "scope.tag_key must be 1 to 128 characters that AWS allows in tags."
  }

  validation {
    condition     = !can(regex("^(?i)(aws|user):", var.scope.tag_key))
    error_message = "scope.tag_key must be the bare key of a tag of your own: user: is added, aws: is for AWS."
  }

  validation {
    condition     = var.scope == null || can(regex("^[\\pL\\pN _.:/=+@-]{1,256}$", var.scope.tag_value))
    error_message = "scope.tag_value must be 1 to 256 characters that AWS allows in tags."
  }
}

variable "tags" {
  description = "Tags for every resource that takes them."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "thresholds" {
  description = <<-EOT
    When to tell, under names of your choice: percent of the month's limit, and type ACTUAL (spent) or FORECASTED (will
    be spent by the end of the month; AWS needs about five weeks of history before it forecasts).
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
    error_message = "thresholds must be 1 to 10; AWS takes no more for one budget."
  }

  validation {
    condition     = alltrue([for threshold in var.thresholds : threshold.percent > 0 && threshold.percent <= 1000])
    error_message = "thresholds: percent must be more than 0 and at most 1000 percent of the limit."
  }

  validation {
    condition     = alltrue([for threshold in var.thresholds : contains(["ACTUAL", "FORECASTED"], threshold.type)])
    error_message = "thresholds: type must be ACTUAL or FORECASTED."
  }

  validation {
    condition = length(distinct([
      for threshold in var.thresholds : "${threshold.type} ${threshold.percent}"
    ])) == length(var.thresholds)
    error_message = "thresholds must differ: two of them have the same type and percent, which AWS refuses."
  }
}
