# The safety profile, and every rule that depends on it or on two variables at once. These rules are
# preconditions of one resource, so that one plan reports all of them; validations of variables
# that refer to each other would be a cycle. Terraform checks them while planning, before it creates
# anything.
locals {
  profile = coalesce(
    var.profile,
    contains(["dev", "local"], var.environment) ? var.environment : "prod",
  )
  is_prod = local.profile == "prod"

  # How messages name the profile: the environment may have another name.
  prod = (
    var.environment == "prod" || var.profile == "prod"
    ? "prod"
    : "prod (the default profile for environment \"${var.environment}\")"
  )

  key_arn_prefix = "arn:${local.partition}:kms:${local.region}:${local.account_id}:key/"

  certificate_arn_prefix = "arn:${local.partition}:acm:${local.region}:${local.account_id}:"

  has_alarm_recipients = length(var.alarms.emails) + length(var.alarms.topic_arns) > 0

  # The commercial partition has the billing data of GovCloud accounts (AWS GovCloud (US) User
  # Guide, "AWS GovCloud (US) Billing and Payment").
  partitions_without_budgets = ["aws-us-gov"]

  budget_requested      = try(var.budget.mode, "off") == "create"
  budget_available      = !contains(local.partitions_without_budgets, local.partition)
  budget_has_recipients = length(try(var.budget.emails, [])) > 0 || local.has_alarm_recipients
}

resource "terraform_data" "profile" {
  input = local.profile

  lifecycle {
    precondition {
      condition     = !local.is_prod || local.has_alarm_recipients
      error_message = <<-EOT
        ${local.prod} requires at least one alarm recipient: set alarms.emails or alarms.topic_arns.
      EOT
    }

    precondition {
      condition     = !local.is_prod || !var.audit.force_destroy
      error_message = <<-EOT
        ${local.prod} requires audit.force_destroy = false: audit evidence must outlive the service.
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.audit.mode != null
      error_message = <<-EOT
        ${local.prod} requires audit.mode: use "create", or "off" if another trail covers the table.
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.auth.mode != "NONE"
      error_message = <<-EOT
        ${local.prod} refuses auth.mode "NONE", which lets anyone in: use "IAM" or "JWT".
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.budget != null
      error_message = <<-EOT
        ${local.prod} requires budget: set monthly_usd in it, or mode = "off" and a reason.
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.log_retention_days >= 365
      error_message = <<-EOT
        ${local.prod} requires log_retention_days of at least 365, to trace changes for a year.
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.table.deletion_protection
      error_message = <<-EOT
        ${local.prod} requires table.deletion_protection = true.
      EOT
    }

    precondition {
      condition     = !local.is_prod || var.table.point_in_time_recovery
      error_message = <<-EOT
        ${local.prod} requires table.point_in_time_recovery = true.
      EOT
    }

    precondition {
      condition = (
        local.profile == "local" || !startswith(coalesce(var.auth.issuer, "-"), "http:")
      )
      error_message = <<-EOT
        auth.issuer may use http only in profile "local": set an https URL.
      EOT
    }

    precondition {
      condition = (
        local.profile == "local"
        || !startswith(coalesce(var.function.dynamodb_endpoint_url, "-"), "http:")
      )
      error_message = <<-EOT
        function.dynamodb_endpoint_url may use http only in profile "local": set an https URL.
      EOT
    }

    precondition {
      condition = alltrue([
        for arn in var.alarms.topic_arns :
        startswith(arn, "arn:${local.partition}:sns:${local.region}:")
      ])
      error_message = join(" ", [
        "alarms.topic_arns must be topics in ${local.region}, the region of the alarms. Invalid:",
        join(", ", [
          for arn in var.alarms.topic_arns : arn
          if !startswith(arn, "arn:${local.partition}:sns:${local.region}:")
        ]),
      ])
    }

    # API Gateway takes a certificate of its own region for a regional domain name ("Custom domain
    # names for HTTP APIs in API Gateway").
    precondition {
      condition = alltrue([
        for domain in var.api.domain[*] :
        startswith(domain.certificate_arn, local.certificate_arn_prefix)
      ])
      error_message = join(" ", [
        "api.domain.certificate_arn must be a certificate of this account and region:",
        "${local.certificate_arn_prefix}certificate/<id>.",
      ])
    }

    precondition {
      condition = startswith(
        coalesce(var.kms_key_arn, local.key_arn_prefix), local.key_arn_prefix
      )
      error_message = <<-EOT
        kms_key_arn must be a key of this account and region: ${local.key_arn_prefix}<id>.
      EOT
    }

    precondition {
      condition     = !local.budget_requested || local.budget_available
      error_message = <<-EOT
        Partition ${local.partition} has no AWS Budgets: set budget.mode = "off" and budget.reason.
      EOT
    }

    precondition {
      condition     = !local.budget_requested || local.budget_has_recipients
      error_message = <<-EOT
        budget notifies nobody: set budget.emails, alarms.emails or alarms.topic_arns.
      EOT
    }
  }
}

# Terraform silently drops misspelled attributes of an object. These warnings point out settings
# that have no effect, and a dev instance without alarm recipients. In prod, the plan fails instead.
check "alarms" {
  assert {
    condition     = local.profile != "dev" || local.has_alarm_recipients
    error_message = <<-EOT
      ${local.service} has no alarms: set alarms.emails or alarms.topic_arns; check the spelling.
    EOT
  }

  assert {
    condition     = local.is_prod || length(var.alarms.tune) == 0 || local.has_alarm_recipients
    error_message = <<-EOT
      alarms.tune has no effect without alarms.emails or alarms.topic_arns: check the spelling.
    EOT
  }
}

check "audit" {
  assert {
    condition = local.is_prod || var.audit.mode != null || alltrue([
      var.audit.access_logs == null,
      var.audit.data_events == "write",
      length(var.audit.expected_regions) == 0,
      !var.audit.force_destroy,
      var.audit.management_events,
    ])
    error_message = <<-EOT
      audit has settings but no mode, so there is no trail: set audit.mode to "create" or "off".
    EOT
  }
}
