variable "access" {
  description = <<-EOT
    Principals that may assume a caller role, under keys of your choice. `arn`: an IAM role, an
    IAM user or an account root, of any account. `level`: `reader`, `writer` (who may also read) or
    `auditor` (who may also read, but not write). `external_id`: the external ID that the principal
    must send; use it for third parties that act on behalf of several customers. Principals of
    another account also need permission for `sts:AssumeRole` there; those of this account can use
    the policies in the outputs instead. Requires `auth.mode = "IAM"`.
  EOT
  type = object({
    trusted_principals = optional(map(object({
      arn         = string
      external_id = optional(string)
      level       = optional(string, "reader")
    })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for principal in var.access.trusted_principals :
      can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[!-~]+)$", principal.arn))
      && !strcontains(principal.arn, "*")
    ])
    error_message = join(" ", [
      "access.trusted_principals: each arn must be an IAM role, an IAM user or an account root,",
      "without wildcards. Invalid:",
      join(", ", [
        for key, principal in var.access.trusted_principals : "${key} (${principal.arn})"
        if anytrue([
          !can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[!-~]+)$", principal.arn)),
          strcontains(principal.arn, "*"),
        ])
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for principal in var.access.trusted_principals :
      try(length(principal.external_id) >= 2 && length(principal.external_id) <= 1224, true)
      && can(regex(
        "^[A-Za-z0-9_+=,.@:/-]+$", principal.external_id == null ? "none" : principal.external_id
      ))
    ])
    error_message = join(" ", [
      "access.trusted_principals: each external_id must have 2 to 1224 letters, digits and",
      "characters of _+=,.@:/- Invalid:",
      join(", ", [
        for key, principal in var.access.trusted_principals : key
        if !try(
          can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", principal.external_id))
          && length(principal.external_id) <= 1224,
          principal.external_id == null,
        )
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for principal in var.access.trusted_principals :
      contains(["auditor", "reader", "writer"], principal.level)
    ])
    error_message = join(" ", [
      "access.trusted_principals: each level must be \"reader\", \"writer\" or \"auditor\".",
      "Invalid:",
      join(", ", [
        for key, principal in var.access.trusted_principals : "${key} (${principal.level})"
        if !contains(["auditor", "reader", "writer"], principal.level)
      ]),
    ])
  }

  validation {
    condition = length(var.access.trusted_principals) == 0 || var.auth.mode == "IAM"
    error_message = join(" ", [
      "access.trusted_principals requires auth.mode = \"IAM\": change the mode or remove the",
      "principals.",
    ])
  }
}

variable "alarms" {
  description = <<-EOT
    Recipients of alarm notifications. `emails`: addresses, each of which AWS asks to confirm.
    `topic_arns`: your own SNS topics in this region. Without either, the module creates no
    alarms. `tune`: changes to single alarms, by their key in alarms.tf: `enabled`, `threshold`.
  EOT
  type = object({
    emails     = optional(set(string), [])
    topic_arns = optional(list(string), [])
    tune = optional(map(object({
      enabled   = optional(bool, true)
      threshold = optional(number)
    })), {})
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for email in var.alarms.emails :
      can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
    ])
    error_message = join(" ", [
      "alarms.emails must contain plain addresses such as on-call@example.com. Invalid:",
      join(", ", [
        for email in var.alarms.emails : email
        if !can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
      ]),
    ])
  }

  validation {
    condition = alltrue([
      for arn in var.alarms.topic_arns :
      can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))
    ])
    error_message = join(" ", [
      "alarms.topic_arns must contain ARNs of standard SNS topics. Invalid:",
      join(", ", [
        for arn in var.alarms.topic_arns : arn
        if !can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))
      ]),
    ])
  }

  # Amazon CloudWatch API Reference, "PutMetricAlarm".
  validation {
    condition = length(distinct(var.alarms.topic_arns)) + min(1, length(var.alarms.emails)) <= 5
    error_message = join(" ", [
      "alarms.topic_arns: an alarm can notify at most 5 topics, and alarms.emails counts as one.",
      "Remove topics.",
    ])
  }

  validation {
    condition = length(setsubtract(keys(var.alarms.tune), [
      "api_5xx", "api_latency", "configuration_errors", "function_concurrency", "function_duration",
      "function_errors", "function_throttles", "heartbeat", "table_errors", "table_throttles",
      "unhandled_exceptions",
    ])) == 0
    error_message = join(" ", [
      "alarms.tune: the keys are api_5xx, api_latency, configuration_errors,",
      "function_concurrency, function_duration, function_errors, function_throttles, heartbeat,",
      "table_errors, table_throttles, unhandled_exceptions. Invalid:",
      join(", ", setsubtract(keys(var.alarms.tune), [
        "api_5xx", "api_latency", "configuration_errors", "function_concurrency",
        "function_duration", "function_errors", "function_throttles", "heartbeat", "table_errors",
        "table_throttles", "unhandled_exceptions",
      ])),
    ])
  }

  validation {
    condition = alltrue([
      for key, entry in var.alarms.tune :
      coalesce(entry.threshold, 1) > 0 && coalesce(entry.threshold, 1) <= lookup({
        api_5xx              = 1
        function_concurrency = coalesce(var.function.reserved_concurrency, 1000)
        function_duration    = 29000
        heartbeat            = 1
      }, key, coalesce(entry.threshold, 1))
    ])
    error_message = join(" ", [
      "alarms.tune: each threshold must be greater than 0. The maximum is 1 for api_5xx (a",
      "fraction) and heartbeat (self-tests that passed), 29000 ms for function_duration, and",
      "function.reserved_concurrency for function_concurrency. The thresholds are:",
      join(", ", [
        for key, entry in var.alarms.tune : "${key} = ${entry.threshold}" if entry.threshold != null
      ]),
    ])
  }
}

variable "api" {
  description = <<-EOT
    The HTTP API. `cors`: lets pages from `allow_origins` call the API in a browser, which keeps a
    preflight response for `max_age_seconds`; null: no page of another origin can. With
    `auth.mode = "IAM"` and no `auth.issuer`, only pages with AWS credentials can. `domain`: a
    custom domain name, with the ARN of its ACM certificate in this region; the default endpoint is
    then disabled. The module creates the DNS record if `hosted_zone_id` (of a public Route 53 zone)
    is set; otherwise create it for the output `domain_target`. `stage_name`: `$default` keeps the
    stage out of the URL. `throttle_rate` (requests per second) and `throttle_burst` (concurrent
    requests) are the limits of the whole stage: all callers share them, so one caller can use them
    up. If `auth` accepts signatures and tokens, each has its own API with these limits.
  EOT
  type = object({
    cors = optional(object({
      allow_origins   = set(string)
      max_age_seconds = optional(number, 600)
    }))
    domain = optional(object({
      certificate_arn = string
      hosted_zone_id  = optional(string)
      name            = string
    }))
    stage_name     = optional(string, "$default")
    throttle_burst = optional(number, 100)
    throttle_rate  = optional(number, 50)
  })
  default  = {}
  nullable = false

  # A browser sends the header Origin in lower case, without a path and without a default port
  # (RFC 6454, section 6.2): any other form would never match.
  validation {
    condition = alltrue([
      for origin in try(var.api.cors.allow_origins, []) :
      can(regex("^(https://[a-z0-9.-]+|http://localhost)(:[1-9][0-9]{0,4})?$", origin))
      && !can(regex("^(https://[^:]+:443|http://[^:]+:80)$", origin))
    ])
    error_message = join(" ", [
      "api.cors.allow_origins must contain origins as browsers send them: https://<host>[:<port>]",
      "or http://localhost:<port>, in lower case, without \"*\", a path or the default port.",
      "Invalid:",
      join(", ", [
        for origin in try(var.api.cors.allow_origins, []) : origin
        if anytrue([
          !can(regex("^(https://[a-z0-9.-]+|http://localhost)(:[1-9][0-9]{0,4})?$", origin)),
          can(regex("^(https://[^:]+:443|http://[^:]+:80)$", origin)),
        ])
      ]),
    ])
  }

  validation {
    condition = try(length(var.api.cors.allow_origins) > 0, true)
    error_message = join(" ", [
      "api.cors.allow_origins must contain at least one origin. For no cross-origin requests,",
      "remove api.cors.",
    ])
  }

  # Amazon API Gateway Version 2 API Reference, "Cors", maxAge. Browsers have lower limits.
  validation {
    condition = try(
      var.api.cors.max_age_seconds >= 0 && var.api.cors.max_age_seconds <= 86400
      && floor(var.api.cors.max_age_seconds) == var.api.cors.max_age_seconds,
      var.api.cors == null,
    )
    error_message = "api.cors.max_age_seconds must be a whole number from 0 to 86400."
  }

  # "Custom domain names for HTTP APIs in API Gateway": RFC 1035, at most 63 characters per label
  # and 255 in all. A wildcard name would have no URL for the outputs.
  validation {
    condition = alltrue([
      for domain in var.api.domain[*] :
      length(domain.name) <= 255
      && can(regex(
        "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z][a-z0-9-]{0,61}[a-z0-9]$", domain.name
      ))
    ])
    error_message = join(" ", [
      "api.domain.name must be a domain name in lower case, such as records.example.com, without",
      "https://, a path, a port or \"*\".",
    ])
  }

  validation {
    condition = alltrue([
      for domain in var.api.domain[*] : can(regex(
        "^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+$",
        domain.certificate_arn,
      ))
    ])
    error_message = join(" ", [
      "api.domain.certificate_arn must be the ARN of an ACM certificate",
      "(arn:aws:acm:<region>:<account>:certificate/<id>).",
    ])
  }

  validation {
    condition = alltrue([
      for domain in var.api.domain[*] :
      domain.hosted_zone_id == null || can(regex("^Z[A-Z0-9]{1,31}$", domain.hosted_zone_id))
    ])
    error_message = join(" ", [
      "api.domain.hosted_zone_id must be the ID of a Route 53 hosted zone, such as",
      "Z0123456789ABCDEFGHIJ, without /hostedzone/.",
    ])
  }

  validation {
    condition = can(regex("^([$]default|[A-Za-z0-9_-]{1,128})$", var.api.stage_name))
    error_message = join(" ", [
      "api.stage_name must be \"$default\", or at most 128 letters, digits, hyphens and",
      "underscores.",
    ])
  }

  validation {
    condition = (
      var.api.throttle_burst >= 1 && var.api.throttle_burst <= 5000
      && floor(var.api.throttle_burst) == var.api.throttle_burst
    )
    error_message = <<-EOT
      api.throttle_burst must be a whole number from 1 to 5000, the default quota of an account.
    EOT
  }

  validation {
    condition = var.api.throttle_rate >= 1 && var.api.throttle_rate <= 10000
    error_message = join(" ", [
      "api.throttle_rate must be from 1 to 10000 requests per second, the default quota of an",
      "account.",
    ])
  }
}

variable "audit" {
  description = <<-EOT
    The audit trail of this instance. `mode`: `create`, or `off` (the default) if another trail
    covers the tables; it must be set in prod. `data_events`: item-level calls on both tables to
    record: `write`, `all` (reads too) or `none`. `management_events`: whether to record the
    management events of the account; AWS charges for every copy after the first.
    `expected_regions`: the plan fails if one of them is not enabled. `access_logs`: an existing
    bucket and a prefix for the access logs of the trail's bucket. `force_destroy`: delete the
    log files together with the trail.
  EOT
  type = object({
    access_logs = optional(object({
      bucket = string
      prefix = optional(string, "")
    }))
    data_events       = optional(string, "write")
    expected_regions  = optional(set(string), [])
    force_destroy     = optional(bool, false)
    management_events = optional(bool, true)
    mode              = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["create", "off"], coalesce(var.audit.mode, "off"))
    error_message = "audit.mode must be \"create\" or \"off\"."
  }

  validation {
    condition     = contains(["all", "none", "write"], var.audit.data_events)
    error_message = "audit.data_events must be \"write\", \"all\" or \"none\"."
  }
}

variable "auth" {
  description = <<-EOT
    Who may call the API. `mode = "IAM"`: principals with the reader, writer or auditor policy,
    which sign their requests. `mode = "JWT"`: bearer tokens from `issuer` for one of `audience`,
    with one of `read_scopes`, `write_scopes` or `audit_scopes`, depending on the operation.
    `mode = "IAM"` with `issuer` and `audience`: both, each at its own URL (outputs `records_url`
    and `records_url_jwt`). `mode = "NONE"`: anyone; rejected in prod.
  EOT
  type = object({
    mode         = optional(string, "IAM")
    issuer       = optional(string)
    audience     = optional(list(string), [])
    audit_scopes = optional(list(string), ["records/audit"])
    read_scopes  = optional(list(string), ["records/read"])
    write_scopes = optional(list(string), ["records/write"])
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["IAM", "JWT", "NONE"], var.auth.mode)
    error_message = "auth.mode must be \"IAM\", \"JWT\" or \"NONE\"."
  }

  validation {
    condition = (
      var.auth.issuer == null
      || can(regex("^https://[^/?#\\s]+(/[^?#\\s]*)?$", var.auth.issuer))
      || can(regex(
        "^http://(127[.]0[.]0[.]1|localhost|\\[::1\\])(:[0-9]+)?(/[^?#\\s]*)?$", var.auth.issuer
      ))
    )
    error_message = <<-EOT
      auth.issuer must be an https URL. Profile "local" also accepts http on a loopback address.
    EOT
  }

  validation {
    condition     = (var.auth.issuer == null) == (length(var.auth.audience) == 0)
    error_message = <<-EOT
      auth.issuer and auth.audience must be set together: API Gateway checks both in every token.
    EOT
  }

  validation {
    condition     = var.auth.mode != "JWT" || var.auth.issuer != null
    error_message = "auth.mode \"JWT\" requires auth.issuer and auth.audience."
  }

  validation {
    condition = var.auth.mode != "NONE" || var.auth.issuer == null
    error_message = join(" ", [
      "auth.mode \"NONE\" accepts requests without a token: remove auth.issuer and auth.audience,",
      "or use mode \"JWT\".",
    ])
  }

  validation {
    condition = alltrue([
      for scopes in [var.auth.audit_scopes, var.auth.read_scopes, var.auth.write_scopes] :
      length(scopes) > 0
    ])
    error_message = join(" ", [
      "auth.audit_scopes, auth.read_scopes and auth.write_scopes must not be empty: API Gateway",
      "would accept tokens without any scope.",
    ])
  }
}

variable "budget" {
  description = <<-EOT
    The monthly budget. `mode`: `create` (the default), or `off` with a `reason`. `monthly_usd`:
    the limit. `thresholds`, under keys of your choice: `percent` of the limit, and `type`,
    `ACTUAL` or `FORECASTED`. Notifications go to `emails` and to the topic for `alarms.emails`,
    or without that topic to the first of `alarms.topic_arns`, whose policy must then allow
    budgets.amazonaws.com. The budget covers the whole account unless `scope` names a cost
    allocation tag that the management account has activated. Null: no budget.
  EOT
  type = object({
    emails      = optional(set(string), [])
    mode        = optional(string, "create")
    monthly_usd = optional(number)
    reason      = optional(string)
    scope = optional(object({
      tag_key   = string
      tag_value = string
    }))
    thresholds = optional(map(object({
      percent = number
      type    = optional(string, "ACTUAL")
    })))
  })
  default = null

  validation {
    condition     = contains(["create", "off"], try(var.budget.mode, "off"))
    error_message = "budget.mode must be \"create\" or \"off\"."
  }

  validation {
    condition = (
      try(var.budget.mode, "off") != "create" || try(var.budget.monthly_usd > 0, false)
    )
    error_message = join(" ", [
      "budget.monthly_usd must be greater than 0. For no budget, set budget.mode = \"off\" and",
      "budget.reason.",
    ])
  }

  validation {
    condition = (
      try(var.budget.mode, "create") != "off" || try(trimspace(var.budget.reason), "") != ""
    )
    error_message = "budget.reason must explain why budget.mode is \"off\"."
  }

  validation {
    condition = alltrue([
      for email in try(var.budget.emails, []) :
      can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
    ])
    error_message = join(" ", [
      "budget.emails must contain plain addresses such as finance@example.com. Invalid:",
      join(", ", [
        for email in try(var.budget.emails, []) : email
        if !can(regex("^[^@\\s,;<>]+@[^@\\s,;<>.]+([.][^@\\s,;<>.]+)+$", email))
      ]),
    ])
  }
}

variable "environment" {
  description = <<-EOT
    Name of the environment, such as `dev`, `staging` or `prod`: 1 to 12 lowercase letters,
    digits and single hyphens. With `name`, it is the prefix of every resource's name. See
    `profile` for the rules that apply.
  EOT
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

  validation {
    condition = !endswith("-${var.environment}", "-history")
    error_message = join(" ", [
      "environment must not be \"history\" or end with \"-history\": its table could have the name",
      "of another instance's history table.",
    ])
  }
}

variable "function" {
  description = <<-EOT
    The Lambda function. `memory_mb`: the share of a processor grows with it; the default is the
    cheapest size that, by the model in docs/performance.md, answers the first request after a pause
    within a second. `log_level`: above `INFO`, only failed requests write a log line.
    `reserved_concurrency`: null uses the account's unreserved concurrency. `dynamodb_endpoint_url`:
    null uses the regional endpoint; set it for a FIPS or dual-stack endpoint. `heartbeat`: how
    often the self-test of the version that serves runs: a rate from `rate(1 minute)` to
    `rate(3 days)`, or `off`; null is `rate(1 day)` if `profile` is `prod`, otherwise `off`.
  EOT
  type = object({
    dynamodb_endpoint_url = optional(string)
    heartbeat             = optional(string)
    log_level             = optional(string, "INFO")
    memory_mb             = optional(number, 256)
    reserved_concurrency  = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.function.dynamodb_endpoint_url == null
      || can(regex("^https://[^/?#\\s]+$", var.function.dynamodb_endpoint_url))
      || can(regex(
        "^http://(127[.]0[.]0[.]1|localhost|\\[::1\\])(:[0-9]+)?$",
        var.function.dynamodb_endpoint_url,
      ))
    )
    error_message = join(" ", [
      "function.dynamodb_endpoint_url must be https://<host>. Profile \"local\" also accepts http",
      "on a loopback address.",
    ])
  }

  validation {
    condition = coalesce(var.function.heartbeat, "off") == "off" || try(
      can(regex(
        "^rate[(](1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minute|hour|day)s)[)]$",
        var.function.heartbeat
      ))
      && tonumber(regex("[0-9]+", var.function.heartbeat))
      <= { minute = 4320, hour = 72, day = 3 }[regex("minute|hour|day", var.function.heartbeat)],
      false
    )
    error_message = join(" ", [
      "function.heartbeat must be \"off\" or a rate from \"rate(1 minute)\" to \"rate(3 days)\",",
      "such as \"rate(12 hours)\": the alarm waits for two intervals, and CloudWatch evaluates",
      "at most 7 days.",
    ])
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.function.log_level)
    error_message = "function.log_level must be \"DEBUG\", \"INFO\", \"WARNING\" or \"ERROR\"."
  }

  validation {
    condition = (
      var.function.memory_mb >= 128 && var.function.memory_mb <= 10240
      && floor(var.function.memory_mb) == var.function.memory_mb
    )
    error_message = "function.memory_mb must be a whole number from 128 to 10240."
  }

  validation {
    condition = (
      var.function.reserved_concurrency == null
      || can(regex("^[1-9][0-9]*$", tostring(var.function.reserved_concurrency)))
    )
    error_message = join(" ", [
      "function.reserved_concurrency must be null or a whole number of at least 1: 0 would stop",
      "the service.",
    ])
  }
}

variable "insights" {
  description = <<-EOT
    `dashboard`: whether to create the CloudWatch dashboard. `saved_queries`: whether to save
    the queries for Logs Insights; null saves them unless `profile` is `local`.
  EOT
  type = object({
    dashboard     = optional(bool, true)
    saved_queries = optional(bool)
  })
  default  = {}
  nullable = false
}

variable "kms_key_arn" {
  description = <<-EOT
    ARN of your own KMS key for the tables, the logs, the notifications and the function's
    environment. It must be known in the plan, and the key must be in this account and region.
    Its policy must contain the statements in the output `kms_key_policy_statements`. Null: the
    module creates a key.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.kms_key_arn == null
      || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    )
    error_message = join(" ", [
      "kms_key_arn must be the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), not of",
      "an alias.",
    ])
  }
}

variable "lambda_package" {
  description = <<-EOT
    A package to use instead of the one in `package/`: a zip file at `path`, or an object in
    `s3`. The release gate cannot compare the code of such a package with its sources.
  EOT
  type = object({
    path = optional(string)
    s3 = optional(object({
      bucket  = string
      key     = string
      version = string
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.lambda_package.path == null || var.lambda_package.s3 == null
    error_message = "lambda_package must have path or s3, not both."
  }

  validation {
    condition = (
      var.lambda_package.path == null || try(fileexists(var.lambda_package.path), false)
    )
    error_message = "lambda_package.path must be an existing file."
  }
}

variable "log_retention_days" {
  description = <<-EOT
    How many days CloudWatch Logs keeps the logs of the function and the API: a period that
    CloudWatch Logs offers, at least 365 in prod.
  EOT
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains([
      1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
      3288, 3653,
    ], var.log_retention_days)
    error_message = join(" ", [
      "log_retention_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60,",
      "90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653.",
    ])
  }
}

variable "name" {
  description = <<-EOT
    Name of the service: 3 to 24 lowercase letters, digits and single hyphens, at most 28
    characters together with `environment`. With `environment`, it is the prefix of every
    resource's name.
  EOT
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

variable "operations" {
  description = <<-EOT
    Operations that callers may use: any of `list`, `get`, `create`, `update`, `delete`, `history`,
    `changes` and `restore`. A disabled operation has no route and no permission. Every change gets
    its entry in the history table, also if `history` and `changes` are disabled.
  EOT
  type        = set(string)
  default     = ["list", "get", "create", "update"]
  nullable    = false

  validation {
    condition = length(setsubtract(var.operations, [
      "list", "get", "create", "update", "delete", "history", "changes", "restore",
    ])) == 0
    error_message = join(" ", [
      "operations must contain only \"list\", \"get\", \"create\", \"update\", \"delete\",",
      "\"history\", \"changes\" and \"restore\". Invalid:",
      join(", ", setsubtract(var.operations, [
        "list", "get", "create", "update", "delete", "history", "changes", "restore",
      ])),
    ])
  }

  validation {
    condition     = length(var.operations) > 0
    error_message = "operations must contain at least one operation."
  }
}

variable "permissions_boundary_arn" {
  description = <<-EOT
    ARN of the permissions boundary for every role that the module creates. The section "A
    permissions boundary" of the README lists what it must allow. Null: no boundary.
  EOT
  type        = string
  default     = null

  validation {
    condition = (
      var.permissions_boundary_arn == null
      || can(regex(
        "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[!-~]+$", var.permissions_boundary_arn
      ))
    )
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy."
  }
}

variable "profile" {
  description = <<-EOT
    The safety profile: `local` (an emulator), `dev`, or `prod`, which rejects unsafe settings.
    Null: `environment` if that is `local` or `dev`, otherwise `prod`.
  EOT
  type        = string
  default     = null

  validation {
    condition     = try(contains(["local", "dev", "prod"], var.profile), var.profile == null)
    error_message = <<-EOT
      profile must be "local", "dev" or "prod", or null to derive it from environment.
    EOT
  }
}

variable "release" {
  description = <<-EOT
    What the alias `live` serves. Empty: the version that this apply publishes, once it has
    passed its self-test. `pinned_version`: this published version instead, to roll back.
    `canary.weight`: the fraction of requests (above 0, below 1) that goes to the newest version
    while `pinned_version` serves the others. `commit`: the Git commit that is applied; it is
    part of the description of the version, so every new commit publishes a version.
  EOT
  type = object({
    commit         = optional(string)
    pinned_version = optional(string)
    canary = optional(object({
      weight = optional(number, 0.1)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition = var.release.commit == null || can(regex("^[0-9a-f]{7,64}$", var.release.commit))
    error_message = join(" ", [
      "release.commit must be 7 to 64 lowercase hexadecimal digits, as git rev-parse HEAD prints",
      "them.",
    ])
  }

  validation {
    condition = (
      var.release.pinned_version == null
      || can(regex("^[1-9][0-9]*$", var.release.pinned_version))
    )
    error_message = <<-EOT
      release.pinned_version must be the number of a published version, such as "7".
    EOT
  }

  validation {
    condition = var.release.canary == null || var.release.pinned_version != null
    error_message = join(" ", [
      "release.canary requires release.pinned_version, the version that serves all other",
      "requests.",
    ])
  }

  validation {
    condition = (
      var.release.canary == null
      || try(var.release.canary.weight > 0 && var.release.canary.weight < 1, false)
    )
    error_message = join(" ", [
      "release.canary.weight must be above 0 and below 1. To send all requests to the newest",
      "version, remove release.",
    ])
  }
}

variable "table" {
  description = <<-EOT
    The DynamoDB tables of records and of their history. For both: `deletion_protection`,
    `point_in_time_recovery`, `record_retention_days` (0: forever; entries expire with their
    record) and `name_suffix`, which is appended to their names, so that restored tables can serve;
    see "The tables are gone" in docs/operate.md. Without that procedure, a new suffix creates empty
    tables. `filter_indexes`: which of the filters `type`, `status` and `submittedBy` have an
    index; a filter without one reads the records in order of creation. `protect_history`: whether
    a resource policy denies everyone permission to change or delete entries of the history, and
    everyone but the function permission to add them; see "Evidence" in the README.
  EOT
  type = object({
    deletion_protection    = optional(bool, true)
    filter_indexes         = optional(set(string), ["status", "submittedBy", "type"])
    name_suffix            = optional(string, "")
    point_in_time_recovery = optional(bool, true)
    protect_history        = optional(bool, false)
    record_retention_days  = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition = length(setsubtract(
      var.table.filter_indexes, ["status", "submittedBy", "type"]
    )) == 0
    error_message = join(" ", [
      "table.filter_indexes must contain only \"status\", \"submittedBy\" and \"type\". Invalid:",
      join(", ", setsubtract(var.table.filter_indexes, ["status", "submittedBy", "type"])),
    ])
  }

  validation {
    condition = (
      can(regex("^(-[A-Za-z0-9]+)*$", var.table.name_suffix)) && length(var.table.name_suffix) <= 32
    )
    error_message = join(" ", [
      "table.name_suffix must be empty, or a hyphen followed by letters, digits and single",
      "hyphens, at most 32 characters in all, such as \"-restored\".",
    ])
  }

  validation {
    condition = !can(regex("^-history(-|$)", var.table.name_suffix))
    error_message = join(" ", [
      "table.name_suffix must not begin with \"-history\", which is part of the name of the",
      "history table. Use a suffix such as \"-restored\".",
    ])
  }

  validation {
    condition = (
      var.table.record_retention_days >= 0 && var.table.record_retention_days <= 3650
      && floor(var.table.record_retention_days) == var.table.record_retention_days
    )
    error_message = "table.record_retention_days must be a whole number from 0 (forever) to 3650."
  }
}

variable "tags" {
  description = <<-EOT
    Tags for every resource. The module adds `Environment` and `Service` unless these tags or
    the provider's `default_tags` already contain the key.
  EOT
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = join(" ", [
      "tags: keys must not begin with \"aws:\", which AWS reserves. Invalid:",
      join(", ", [for key in keys(var.tags) : key if startswith(lower(key), "aws:")]),
    ])
  }
}
