variable "function" {
  description = "The module's `function`."
  type = object({
    dynamodb_endpoint_url = optional(string)
    heartbeat             = optional(string, "rate(1 day)") # creates every resource
    log_level             = optional(string)
    memory_mb             = optional(number)
    reserved_concurrency  = optional(number)
  })
  default  = {}
  nullable = false
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
