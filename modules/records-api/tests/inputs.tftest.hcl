# Each rule rejects an invalid value. The runs "allows_*" contain the nearest valid values. No run
# needs a provider: tests/inputs contains variables.tf and profile.tf only. The rules in profile.tf
# are tested by tests/policy/test_profile.py.

variables {
  name        = "orders"
  environment = "local"
}

run "rejects_wildcard_principal" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:role/*" } } }
  }
  expect_failures = [var.access]
}

run "rejects_unknown_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = {
      trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root", level = "admin" } }
    }
  }
  expect_failures = [var.access]
}

run "rejects_principals_without_iam" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = { trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root" } } }
    auth   = { mode = "NONE" }
  }
  expect_failures = [var.access]
}

run "rejects_malformed_alarm_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { emails = ["on-call@example"] } }
  expect_failures = [var.alarms]
}

run "rejects_fifo_alarm_topic" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager.fifo"] } }
  expect_failures = [var.alarms]
}

run "rejects_unknown_alarm_key" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { tune = { api_6xx = { enabled = false } } } }
  expect_failures = [var.alarms]
}

run "rejects_threshold_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { tune = { function_errors = { threshold = 0 } } } }
  expect_failures = [var.alarms]
}

run "rejects_error_share_above_one" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { tune = { api_5xx = { threshold = 1.1 } } } }
  expect_failures = [var.alarms]
}

run "rejects_duration_past_the_timeout" {
  command = plan
  module { source = "./tests/inputs" }
  variables { alarms = { tune = { function_duration = { threshold = 29001 } } } }
  expect_failures = [var.alarms]
}

run "rejects_concurrency_past_the_reservation" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms   = { tune = { function_concurrency = { threshold = 6 } } }
    function = { reserved_concurrency = 5 }
  }
  expect_failures = [var.alarms]
}

run "rejects_wildcard_origin" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["*"] } } }
  expect_failures = [var.api]
}

run "rejects_wildcard_in_an_origin" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["https://*.example.com"] } } }
  expect_failures = [var.api]
}

run "rejects_origin_with_a_slash" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["https://app.example.com/"] } } }
  expect_failures = [var.api]
}

run "rejects_origin_in_capitals" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["https://App.example.com"] } } }
  expect_failures = [var.api]
}

run "rejects_origin_with_the_default_port" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["https://app.example.com:443"] } } }
  expect_failures = [var.api]
}

run "rejects_origin_over_http" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = ["http://app.example.com"] } } }
  expect_failures = [var.api]
}

run "rejects_no_origin" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { cors = { allow_origins = [] } } }
  expect_failures = [var.api]
}

run "rejects_preflight_cached_for_over_a_day" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = { cors = { allow_origins = ["https://app.example.com"], max_age_seconds = 86401 } }
  }
  expect_failures = [var.api]
}

run "rejects_domain_with_a_scheme" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "https://records.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_wildcard_domain" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "*.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_domain_of_one_label" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "records"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_domain_in_capitals" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "Records.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_domain_with_a_label_of_64" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "${join("", [for index in range(16) : "abcd"])}.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_certificate_that_is_no_certificate" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:iam::111122223333:server-certificate/a"
        name            = "records.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_hosted_zone_with_a_path" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        hosted_zone_id  = "/hostedzone/Z0123456789"
        name            = "records.example.com"
      }
    }
  }
  expect_failures = [var.api]
}

run "rejects_certificate_of_another_region" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    api = {
      domain = {
        certificate_arn = "arn:aws:acm:us-east-1:111122223333:certificate/a"
        name            = "records.example.com"
      }
    }
  }
  expect_failures = [terraform_data.profile]
}

run "rejects_stage_with_slash" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { stage_name = "v1/a" } }
  expect_failures = [var.api]
}

run "rejects_burst_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { throttle_burst = 0 } }
  expect_failures = [var.api]
}

run "rejects_rate_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { api = { throttle_rate = 0 } }
  expect_failures = [var.api]
}

run "rejects_unknown_audit_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables { audit = { mode = "use" } }
  expect_failures = [var.audit]
}

run "rejects_unknown_data_events" {
  command = plan
  module { source = "./tests/inputs" }
  variables { audit = { mode = "create", data_events = "read" } }
  expect_failures = [var.audit]
}

run "rejects_unknown_auth_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { mode = "KEY" } }
  expect_failures = [var.auth]
}

run "rejects_http_issuer" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { mode = "JWT", issuer = "http://login.example.com", audience = ["records"] } }
  expect_failures = [var.auth]
}

run "rejects_jwt_without_audience" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { mode = "JWT", issuer = "https://login.example.com" } }
  expect_failures = [var.auth]
}

run "rejects_issuer_without_audience" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { issuer = "https://login.example.com" } }
  expect_failures = [var.auth]
}

run "rejects_issuer_without_authentication" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { mode = "NONE", issuer = "https://login.example.com", audience = ["r"] } }
  expect_failures = [var.auth]
}

run "rejects_jwt_without_issuer" {
  command = plan
  module { source = "./tests/inputs" }
  variables { auth = { mode = "JWT" } }
  expect_failures = [var.auth]
}

run "rejects_empty_scopes" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = {
      mode         = "JWT"
      issuer       = "https://login.example.com"
      audience     = ["records"]
      write_scopes = []
    }
  }
  expect_failures = [var.auth]
}

run "rejects_empty_audit_scopes" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = {
      mode         = "JWT"
      issuer       = "https://login.example.com"
      audience     = ["records"]
      audit_scopes = []
    }
  }
  expect_failures = [var.auth]
}

run "rejects_budget_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = { emails = ["on-call@example.com"] }
    budget = { monthly_usd = 0 }
  }
  expect_failures = [var.budget]
}

run "rejects_malformed_budget_email" {
  command = plan
  module { source = "./tests/inputs" }
  variables { budget = { monthly_usd = 25, emails = ["a b@example.com"] } }
  expect_failures = [var.budget]
}

run "rejects_endpoint_with_path" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { dynamodb_endpoint_url = "https://dynamodb.example.com/a" } }
  expect_failures = [var.function]
}

run "rejects_heartbeat_slower_than_three_days" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { heartbeat = "rate(73 hours)" } }
  expect_failures = [var.function]
}

run "rejects_heartbeat_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { heartbeat = "rate(0 minutes)" } }
  expect_failures = [var.function]
}

run "rejects_heartbeat_as_cron" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { heartbeat = "cron(0 9 * * ? *)" } }
  expect_failures = [var.function]
}

run "rejects_heartbeat_of_one_days" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { heartbeat = "rate(1 days)" } }
  expect_failures = [var.function]
}

run "rejects_unknown_log_level" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { log_level = "LOUD" } }
  expect_failures = [var.function]
}

run "rejects_too_little_memory" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { memory_mb = 127 } }
  expect_failures = [var.function]
}

run "rejects_reserved_concurrency_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { function = { reserved_concurrency = 0 } }
  expect_failures = [var.function]
}

run "rejects_key_alias" {
  command = plan
  module { source = "./tests/inputs" }
  variables { kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:alias/a" }
  expect_failures = [var.kms_key_arn]
}

run "rejects_package_with_path_and_s3" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    lambda_package = { path = "versions.tf", s3 = { bucket = "b", key = "k", version = "1" } }
  }
  expect_failures = [var.lambda_package]
}

run "rejects_missing_package" {
  command = plan
  module { source = "./tests/inputs" }
  variables { lambda_package = { path = "missing.zip" } }
  expect_failures = [var.lambda_package]
}

run "rejects_unsupported_log_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables { log_retention_days = 100 }
  expect_failures = [var.log_retention_days]
}

run "rejects_two_hyphens_in_a_row" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "ops--records" }
  expect_failures = [var.name]
}

run "rejects_too_long_name" {
  command = plan
  module { source = "./tests/inputs" }
  variables { name = "a123456789012345678901234" }
  expect_failures = [var.name]
}

run "rejects_unknown_operation" {
  command = plan
  module { source = "./tests/inputs" }
  variables { operations = ["list", "scan"] }
  expect_failures = [var.operations]
}

run "rejects_empty_operations" {
  command = plan
  module { source = "./tests/inputs" }
  variables { operations = [] }
  expect_failures = [var.operations]
}

run "rejects_boundary_that_is_no_policy" {
  command = plan
  module { source = "./tests/inputs" }
  variables { permissions_boundary_arn = "arn:aws:iam::111122223333:role/a" }
  expect_failures = [var.permissions_boundary_arn]
}

run "rejects_pinned_to_latest" {
  command = plan
  module { source = "./tests/inputs" }
  variables { release = { pinned_version = "$LATEST" } }
  expect_failures = [var.release]
}

run "rejects_commit_that_is_a_branch" {
  command = plan
  module { source = "./tests/inputs" }
  variables { release = { commit = "main" } }
  expect_failures = [var.release]
}

run "rejects_canary_without_pinned_version" {
  command = plan
  module { source = "./tests/inputs" }
  variables { release = { canary = {} } }
  expect_failures = [var.release]
}

run "rejects_canary_weight_of_one" {
  command = plan
  module { source = "./tests/inputs" }
  variables { release = { pinned_version = "7", canary = { weight = 1 } } }
  expect_failures = [var.release]
}

run "rejects_canary_weight_of_zero" {
  command = plan
  module { source = "./tests/inputs" }
  variables { release = { pinned_version = "7", canary = { weight = 0 } } }
  expect_failures = [var.release]
}

run "rejects_unknown_filter_index" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { filter_indexes = ["message"] } }
  expect_failures = [var.table]
}

run "rejects_suffix_without_hyphen" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { name_suffix = "restored" } }
  expect_failures = [var.table]
}

run "rejects_suffix_that_ends_in_a_hyphen" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { name_suffix = "-restored-" } }
  expect_failures = [var.table]
}

run "rejects_suffix_of_33" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { name_suffix = "-restored-restored-restored-resto" } }
  expect_failures = [var.table]
}

run "rejects_suffix_of_the_history_table" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { name_suffix = "-history-2" } }
  expect_failures = [var.table]
}

run "rejects_environment_of_a_history_table" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "a-history" }
  expect_failures = [var.environment]
}

run "rejects_too_long_record_retention" {
  command = plan
  module { source = "./tests/inputs" }
  variables { table = { record_retention_days = 3651 } }
  expect_failures = [var.table]
}

run "rejects_external_id_with_space" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = {
      trusted_principals = {
        team = { arn = "arn:aws:iam::111122223333:root", external_id = "a b" }
      }
    }
  }
  expect_failures = [var.access]
}

run "rejects_external_id_of_one_character" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    access = {
      trusted_principals = {
        team = { arn = "arn:aws:iam::111122223333:root", external_id = "a" }
      }
    }
  }
  expect_failures = [var.access]
}

run "rejects_six_actions_per_alarm" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    alarms = {
      emails     = ["a@example.com", "b@example.com"]
      topic_arns = [for n in range(5) : "arn:aws:sns:eu-west-1:111122223333:topic-${n}"]
    }
  }
  expect_failures = [var.alarms]
}

run "rejects_reserved_tag" {
  command = plan
  module { source = "./tests/inputs" }
  variables { tags = { "AWS:service" = "x" } }
  expect_failures = [var.tags]
}

run "rejects_unknown_budget_mode" {
  command = plan
  module { source = "./tests/inputs" }
  variables { budget = { mode = "none", reason = "GovCloud" } }
  expect_failures = [var.budget]
}

run "rejects_budget_without_limit" {
  command = plan
  module { source = "./tests/inputs" }
  variables { budget = { emails = ["finance@example.com"] } }
  expect_failures = [var.budget]
}

run "rejects_budget_off_without_reason" {
  command = plan
  module { source = "./tests/inputs" }
  variables { budget = { mode = "off", reason = " " } }
  expect_failures = [var.budget]
}

run "rejects_environment_with_capitals" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "Staging" }
  expect_failures = [var.environment]
}

run "rejects_environment_of_13" {
  command = plan
  module { source = "./tests/inputs" }
  variables { environment = "a234567890123" }
  expect_failures = [var.environment]
}

run "rejects_name_and_environment_too_long_together" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    name        = "a23456789012345678901234"
    environment = "local"
  }
  expect_failures = [var.name]
}

run "rejects_unknown_profile" {
  command = plan
  module { source = "./tests/inputs" }
  variables { profile = "staging" }
  expect_failures = [var.profile]
}

run "allows_the_lowest_values" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "a"
    name        = "a-1"
    profile     = "dev"
    access = {
      trusted_principals = { a = { arn = "arn:aws:iam::111122223333:role/a", external_id = "a:" } }
    }
    alarms = { emails = ["a@example.com"], tune = { api_5xx = { enabled = false } } }
    api = {
      cors = { allow_origins = ["http://localhost:5173"], max_age_seconds = 0 }
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        name            = "a.bc"
      }
      stage_name     = "v1_a"
      throttle_burst = 1
      throttle_rate  = 1
    }
    audit  = { mode = "off" }
    auth   = { mode = "IAM", issuer = "https://login.example.com", audience = ["records"] }
    budget = { monthly_usd = 1 }
    function = {
      heartbeat            = "rate(1 minute)"
      log_level            = "WARNING"
      memory_mb            = 128
      reserved_concurrency = 1
    }
    kms_key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/a"
    lambda_package     = { path = "versions.tf" }
    log_retention_days = 1
    operations         = ["list"]
    release            = { commit = "0a1b2c3", pinned_version = "7", canary = { weight = 0.01 } }
    tags               = { team = "x", Service = "y" }
    table = {
      filter_indexes        = []
      name_suffix           = "-historya"
      record_retention_days = 0
    }
  }
}

run "allows_the_highest_values" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    environment = "a23456789012"
    name        = "a234567890123456"
    profile     = "local"
    access = {
      trusted_principals = { team = { arn = "arn:aws:iam::111122223333:root", level = "writer" } }
    }
    alarms = {
      emails     = ["a@example.com", "b@example.com"]
      topic_arns = [for n in range(4) : "arn:aws:sns:eu-west-1:111122223333:topic-${n}"]
      tune = {
        api_5xx              = { threshold = 1 }
        function_concurrency = { threshold = 5 }
        function_duration    = { threshold = 29000 }
        function_errors      = { threshold = 5000 }
      }
    }
    api = {
      cors = { allow_origins = ["https://a.example.com:8443"], max_age_seconds = 86400 }
      domain = {
        certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/a"
        hosted_zone_id  = "Z0123456789ABCDEFGHIJ"
        name            = "${join("", [for index in range(9) : "abcdefg"])}.example.com"
      }
      throttle_burst = 5000
      throttle_rate  = 10000
    }
    audit  = { mode = "create", data_events = "all", force_destroy = true }
    budget = { mode = "off", reason = "Another team watches costs." }
    function = {
      dynamodb_endpoint_url = "https://a.example.com"
      heartbeat             = "rate(72 hours)"
      reserved_concurrency  = 5
    }
    lambda_package           = { s3 = { bucket = "b", key = "k", version = "1" } }
    log_retention_days       = 3653
    operations               = ["list", "get", "create", "update", "delete"]
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/a"
    release                  = { pinned_version = "7", canary = { weight = 0.99 } }
    table = {
      name_suffix           = "-restored-restored-restored-rest"
      record_retention_days = 3650
    }
  }
}

run "allows_bearer_tokens" {
  command = plan
  module { source = "./tests/inputs" }
  variables {
    auth = {
      mode         = "JWT"
      issuer       = "https://login.example.com/a/"
      audience     = ["records"]
      write_scopes = ["w"]
    }
    name        = "a23456789012345678901234" # 24 characters, and 28 with the environment
    environment = "prod"
    profile     = "dev"
    alarms      = { emails = ["on-call@example.com"] }
    budget      = { monthly_usd = 25, emails = ["finance@example.com"] }
    function    = { heartbeat = "off" }
    release     = { pinned_version = "7", canary = {} }
  }
}
