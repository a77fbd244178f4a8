# Every validation: a run it refuses, and beside it the nearest run it lets pass. They need no provider:
# tests/inputs holds nothing but the module's variables, so these runs take hundredths of a second.

variables {
  name        = "orders"
  environment = "dev"
}

run "refuses_wildcard_principal" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:role/*" } } }
  }
  expect_failures = [var.access]
}

run "allows_named_principal" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:role/team" } } }
  }
}

run "refuses_unknown_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root", level = "admin" } } }
  }
  expect_failures = [var.access]
}

run "allows_writer_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root", level = "writer" } } }
  }
}

run "refuses_principals_without_iam" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root" } } }
    auth   = { mode = "NONE" }
  }
  expect_failures = [var.access]
}

run "allows_no_principals_without_iam" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "NONE" }
  }
}

run "refuses_prod_without_alarm_target" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = {}
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25, emails = ["finance@example.com"] }
  }
  expect_failures = [var.alarms]
}

run "allows_prod_with_alarm_topic" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25 }
  }
}

run "refuses_malformed_alarm_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { emails = ["on-call@example"] }
  }
  expect_failures = [var.alarms]
}

run "allows_alarm_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { emails = ["on-call@example.com"] }
  }
}

run "refuses_fifo_alarm_topic" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager.fifo"] }
  }
  expect_failures = [var.alarms]
}

run "allows_alarm_topic" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager"] }
  }
}

run "refuses_unknown_alarm_key" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { api_6xx = { enabled = false } } }
  }
  expect_failures = [var.alarms]
}

run "allows_alarm_switched_off" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { api_5xx = { enabled = false } } }
  }
}

run "refuses_threshold_of_nothing" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { function_errors = { threshold = 0 } } }
  }
  expect_failures = [var.alarms]
}

run "allows_raised_threshold" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { function_errors = { threshold = 5000 } } }
  }
}

run "refuses_more_than_all_requests" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { api_5xx = { threshold = 1.1 } } }
  }
  expect_failures = [var.alarms]
}

run "allows_all_requests" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { api_5xx = { threshold = 1 } } }
  }
}

run "refuses_duration_past_the_timeout" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { function_duration = { threshold = 29001 } } }
  }
  expect_failures = [var.alarms]
}

run "allows_duration_of_the_timeout" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { tune = { function_duration = { threshold = 29000 } } }
  }
}

run "refuses_concurrency_past_the_reservation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms   = { tune = { function_concurrency = { threshold = 6 } } }
    function = { reserved_concurrency = 5 }
  }
  expect_failures = [var.alarms]
}

run "allows_concurrency_of_the_reservation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms   = { tune = { function_concurrency = { threshold = 5 } } }
    function = { reserved_concurrency = 5 }
  }
}

run "refuses_stage_with_slash" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { stage_name = "v1/a" }
  }
  expect_failures = [var.api]
}

run "allows_named_stage" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { stage_name = "v1_a" }
  }
}

run "refuses_no_burst" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { throttle_burst = 0 }
  }
  expect_failures = [var.api]
}

run "allows_least_burst" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { throttle_burst = 1 }
  }
}

run "refuses_no_rate" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { throttle_rate = 0 }
  }
  expect_failures = [var.api]
}

run "allows_least_rate" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { throttle_rate = 1 }
  }
}

run "refuses_unknown_audit_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    audit = { mode = "use" }
  }
  expect_failures = [var.audit]
}

run "allows_audit_off" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    audit = { mode = "off" }
  }
}

run "refuses_prod_without_a_word_on_audit" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    budget      = { monthly_usd = 25 }
  }
  expect_failures = [var.audit]
}

run "allows_prod_with_audit_off" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "off" }
    budget      = { monthly_usd = 25 }
  }
}

run "refuses_unknown_data_events" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    audit = { mode = "create", data_events = "read" }
  }
  expect_failures = [var.audit]
}

run "allows_all_data_events" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    audit = { mode = "create", data_events = "all" }
  }
}

run "refuses_prod_with_destructible_evidence" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create", force_destroy = true }
    budget      = { monthly_usd = 25 }
  }
  expect_failures = [var.audit]
}

run "allows_dev_with_destructible_evidence" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    audit = { mode = "create", force_destroy = true }
  }
}

run "refuses_unknown_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "KEY" }
  }
  expect_failures = [var.auth]
}

run "allows_iam_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "IAM" }
  }
}

run "refuses_open_prod" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25 }
    auth        = { mode = "NONE" }
  }
  expect_failures = [var.auth]
}

run "allows_open_dev" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "dev"
    auth        = { mode = "NONE" }
  }
}

run "refuses_http_issuer" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "http://login.example.com", audience = ["records"] }
  }
  expect_failures = [var.auth]
}

run "allows_https_issuer" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "https://login.example.com/a/", audience = ["records"] }
  }
}

run "refuses_loopback_issuer_in_dev" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "http://127.0.0.1:8080", audience = ["records"] }
  }
  expect_failures = [var.auth]
}

run "allows_loopback_issuer_in_local" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "local"
    auth        = { mode = "JWT", issuer = "http://127.0.0.1:8080", audience = ["records"] }
  }
}

run "refuses_jwt_without_audience" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "https://login.example.com" }
  }
  expect_failures = [var.auth]
}

run "allows_jwt_with_audience" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "https://login.example.com", audience = ["records"] }
  }
}

run "refuses_issuer_without_jwt" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { issuer = "https://login.example.com", audience = ["records"] }
  }
  expect_failures = [var.auth]
}

run "refuses_empty_scopes" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "https://login.example.com", audience = ["records"], write_scopes = [] }
  }
  expect_failures = [var.auth]
}

run "allows_own_scopes" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = { mode = "JWT", issuer = "https://login.example.com", audience = ["records"], write_scopes = ["w"] }
  }
}

run "refuses_prod_without_budget" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = null
  }
  expect_failures = [var.budget]
}

run "allows_dev_without_budget" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    budget = null
  }
}

run "refuses_budget_of_nothing" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { emails = ["on-call@example.com"] }
    budget = { monthly_usd = 0 }
  }
  expect_failures = [var.budget]
}

run "allows_small_budget" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { emails = ["on-call@example.com"] }
    budget = { monthly_usd = 1 }
  }
}

run "refuses_malformed_budget_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    budget = { monthly_usd = 25, emails = ["a b@example.com"] }
  }
  expect_failures = [var.budget]
}

run "allows_budget_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    budget = { monthly_usd = 25, emails = ["finance@example.com"] }
  }
}

run "refuses_budget_that_tells_nobody" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    budget = { monthly_usd = 25 }
  }
  expect_failures = [var.budget]
}

run "allows_budget_that_tells_the_alarms_topic" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager"] }
    budget = { monthly_usd = 25 }
  }
}

run "refuses_unknown_environment" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "staging"
  }
  expect_failures = [var.environment]
}

run "allows_prod_environment" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25 }
  }
}

run "refuses_endpoint_with_path" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { dynamodb_endpoint_url = "https://dynamodb.example.com/a" }
  }
  expect_failures = [var.function]
}

run "allows_endpoint" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { dynamodb_endpoint_url = "https://dynamodb.example.com" }
  }
}

run "refuses_loopback_endpoint_in_dev" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { dynamodb_endpoint_url = "http://127.0.0.1:1" }
  }
  expect_failures = [var.function]
}

run "allows_loopback_endpoint_in_local" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "local"
    function    = { dynamodb_endpoint_url = "http://127.0.0.1:1" }
  }
}

run "refuses_unknown_log_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { log_level = "LOUD" }
  }
  expect_failures = [var.function]
}

run "allows_warning_log_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { log_level = "WARNING" }
  }
}

run "refuses_too_little_memory" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { memory_mb = 127 }
  }
  expect_failures = [var.function]
}

run "allows_least_memory" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { memory_mb = 128 }
  }
}

run "refuses_nothing_reserved" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { reserved_concurrency = 0 }
  }
  expect_failures = [var.function]
}

run "allows_one_reserved" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    function = { reserved_concurrency = 1 }
  }
}

run "refuses_key_alias" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:alias/a"
  }
  expect_failures = [var.kms_key_arn]
}

run "allows_key_arn" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/a"
  }
}

run "refuses_two_packages" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    lambda_package = { path = "versions.tf", s3 = { bucket = "b", key = "k", version = "1" } }
  }
  expect_failures = [var.lambda_package]
}

run "allows_s3_package" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    lambda_package = { s3 = { bucket = "b", key = "k", version = "1" } }
  }
}

run "refuses_missing_package" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    lambda_package = { path = "missing.zip" }
  }
  expect_failures = [var.lambda_package]
}

run "allows_local_package" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    lambda_package = { path = "versions.tf" }
  }
}

run "refuses_odd_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    log_retention_days = 100
  }
  expect_failures = [var.log_retention_days]
}

run "allows_offered_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    log_retention_days = 120
  }
}

run "refuses_short_retention_in_prod" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment        = "prod"
    alarms             = { emails = ["on-call@example.com"] }
    audit              = { mode = "create" }
    budget             = { monthly_usd = 25 }
    log_retention_days = 180
  }
  expect_failures = [var.log_retention_days]
}

run "allows_a_year_in_prod" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment        = "prod"
    alarms             = { emails = ["on-call@example.com"] }
    audit              = { mode = "create" }
    budget             = { monthly_usd = 25 }
    log_retention_days = 365
  }
}

run "refuses_two_hyphens_in_a_row" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    name = "ops--records"
  }
  expect_failures = [var.name]
}

run "allows_hyphens_apart" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    name = "ops-team-records"
  }
}

run "refuses_too_long_name" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    name = "a123456789012345678901234"
  }
  expect_failures = [var.name]
}

run "allows_longest_name" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    name = "a12345678901234567890123"
  }
}

run "refuses_unknown_operation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    operations = ["list", "scan"]
  }
  expect_failures = [var.operations]
}

run "allows_one_operation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    operations = ["list"]
  }
}

run "refuses_no_operation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    operations = []
  }
  expect_failures = [var.operations]
}

run "allows_all_operations" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    operations = ["list", "get", "create", "update", "delete"]
  }
}

run "refuses_boundary_not_a_policy" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:role/a"
  }
  expect_failures = [var.permissions_boundary_arn]
}

run "allows_boundary" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/a"
  }
}

run "refuses_pinned_to_latest" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "$LATEST" }
  }
  expect_failures = [var.release]
}

run "allows_pinned" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7" }
  }
}

run "refuses_canary_alone" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { canary = {} }
  }
  expect_failures = [var.release]
}

run "allows_canary_beside_pin" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7", canary = {} }
  }
}

run "refuses_canary_takes_all" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7", canary = { weight = 1 } }
  }
  expect_failures = [var.release]
}

run "allows_canary_takes_most" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7", canary = { weight = 0.99 } }
  }
}

run "refuses_canary_takes_nothing" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7", canary = { weight = 0 } }
  }
  expect_failures = [var.release]
}

run "allows_canary_takes_little" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    release = { pinned_version = "7", canary = { weight = 0.01 } }
  }
}

run "refuses_unknown_filter_index" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { filter_indexes = ["message"] }
  }
  expect_failures = [var.table]
}

run "allows_no_filter_index" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { filter_indexes = [] }
  }
}

run "refuses_too_long_record_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { record_retention_days = 3651 }
  }
  expect_failures = [var.table]
}

run "allows_longest_record_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { record_retention_days = 3650 }
  }
}

run "refuses_prod_deletable" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25 }
    table       = { deletion_protection = false }
  }
  expect_failures = [var.table]
}

run "allows_dev_deletable" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { deletion_protection = false }
  }
}

run "refuses_prod_without_recovery" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "prod"
    alarms      = { emails = ["on-call@example.com"] }
    audit       = { mode = "create" }
    budget      = { monthly_usd = 25 }
    table       = { point_in_time_recovery = false }
  }
  expect_failures = [var.table]
}

run "allows_dev_without_recovery" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    table = { point_in_time_recovery = false }
  }
}

run "refuses_module_tag" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    tags = { service = "x" }
  }
  expect_failures = [var.tags]
}

run "allows_free_tag" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    tags = { team = "x" }
  }
}
