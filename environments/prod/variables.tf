variable "alarm_emails" {
  description = <<-EOT
    Email addresses that receive alarms and budget notifications. AWS asks each one to confirm.
  EOT
  type        = set(string)
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of your own SNS topics that also receive alarms, such as a pager's."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "audit" {
  description = <<-EOT
    The audit trail. `mode`: `create`, or `off` if another trail covers the tables.
    `management_events`: whether it also records the management events of the whole account (true in
    prod, false in dev, because AWS charges for every further copy). `access_logs`: an existing
    bucket, and a prefix in it, for the access logs of the trail's bucket.
  EOT
  type = object({
    access_logs = optional(object({
      bucket = string
      prefix = optional(string)
    }))
    management_events = optional(bool, true)
    mode              = optional(string, "create")
  })
  default  = {}
  nullable = false
}

variable "monthly_budget_usd" {
  description = <<-EOT
    Monthly budget of the whole account, in US dollars. Required unless `no_budget_reason` is set.
  EOT
  type        = number
  default     = null
}

variable "no_budget_reason" {
  description = <<-EOT
    Reason for having no budget, such as "GovCloud has no AWS Budgets". Null creates a budget.
  EOT
  type        = string
  default     = null
}

variable "protect_history" {
  description = <<-EOT
    The module's `table.protect_history`: whether a resource policy denies everyone to change and
    delete entries of the history. Read "Evidence" in the module's README first.
  EOT
  type        = bool
  default     = false
  nullable    = false
}

variable "region" {
  description = "AWS Region of the service."
  type        = string
  nullable    = false
}

variable "release" {
  description = <<-EOT
    The module's `release`. Empty serves the newest version; `{ pinned_version = "7" }` rolls back.
  EOT
  type = object({
    commit         = optional(string)
    pinned_version = optional(string)
    canary         = optional(object({ weight = optional(number) }))
  })
  default  = {}
  nullable = false
}

variable "saved_queries" {
  description = "Whether to create the saved queries for CloudWatch Logs Insights."
  type        = bool
  default     = true
  nullable    = false
}

variable "table_name_suffix" {
  description = <<-EOT
    Suffix of the tables' names. Set it to serve restored tables; see docs/operate.md.
  EOT
  type        = string
  default     = ""
  nullable    = false
}

variable "trusted_principals" {
  description = <<-EOT
    The module's `access.trusted_principals`: principals that may assume the reader, writer or
    auditor role.
  EOT
  type = map(object({
    arn         = string
    external_id = optional(string)
    level       = optional(string)
  }))
  default  = {}
  nullable = false
}
