variable "function" {
  description = "The module's `function`."
  type = object({
    dynamodb_endpoint_url = optional(string)
    heartbeat             = optional(string, "rate(1 day)") # on, so that all of the module is here
    log_level             = optional(string)
    memory_mb             = optional(number)
    reserved_concurrency  = optional(number)
  })
  default  = {}
  nullable = false
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
