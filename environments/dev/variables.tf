variable "alarm_emails" {
  description = "Who is told of alarms and of the budget. AWS asks each address to confirm, once."
  type        = set(string)
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics of your own that hear of alarms too, such as a pager's."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "audit" {
  description = <<-EOT
    The trail: `mode` is `create`, or `off` where another trail records the table. `management_events`: those of the
    whole account. False by default: they are for prod's trail, as a second copy costs. `access_logs`:
    a bucket, and a prefix in it, for access logs of the trail's own bucket.
  EOT
  type = object({
    access_logs = optional(object({
      bucket = string
      prefix = optional(string)
    }))
    management_events = optional(bool, false)
    mode              = optional(string, "create")
  })
  default  = {}
  nullable = false
}

variable "monthly_budget_usd" {
  description = <<-EOT
    The monthly budget of the whole account, in US dollars. Null only with `no_budget_reason`.
  EOT
  type        = number
  default     = null
}

variable "no_budget_reason" {
  description = <<-EOT
    Why there is no budget, for example because GovCloud has no AWS Budgets. Null: there is one.
  EOT
  type        = string
  default     = null
}

variable "region" {
  description = "Region the service runs in."
  type        = string
  nullable    = false
}

variable "release" {
  description = "The module's `release`: empty for the newest version, `{ pinned_version = \"7\" }` to go back."
  type = object({
    commit         = optional(string)
    pinned_version = optional(string)
    canary         = optional(object({ weight = optional(number) }))
  })
  default  = {}
  nullable = false
}

variable "saved_queries" {
  description = "Whether to keep queries for Logs Insights. False on an emulator, which can't."
  type        = bool
  default     = true
  nullable    = false
}

variable "table_name_suffix" {
  description = "Suffix of the table's name, to let a restored table serve; see `table.name_suffix`."
  type        = string
  default     = ""
  nullable    = false
}

variable "trusted_principals" {
  description = "The module's `access.trusted_principals`: who may assume the reader or the writer role."
  type = map(object({
    arn         = string
    external_id = optional(string)
    level       = optional(string)
  }))
  default  = {}
  nullable = false
}
