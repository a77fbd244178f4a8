variable "region" {
  description = "Region the service runs in."
  type        = string
  nullable    = false
}

variable "release" {
  description = "The module's `release`: empty for the newest version, `{ pinned_version = \"7\" }` to go back."
  type = object({
    pinned_version = optional(string)
    canary         = optional(object({ weight = optional(number) }))
  })
  default  = {}
  nullable = false
}

variable "trusted_principals" {
  description = "The module's `access.trusted_principals`: who may assume the reader or the writer role."
  type = map(object({
    arn   = string
    level = optional(string)
  }))
  default  = {}
  nullable = false
}
