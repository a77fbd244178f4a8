# Every change publishes a version. The alias `live` moves to it only after that version has passed
# its self-test with the real role, table and key. API Gateway invokes only the alias.
locals {
  is_pinned   = var.release.pinned_version != null
  has_canary  = var.release.canary != null
  new_version = aws_lambda_function.records.version
  live_version = (
    local.is_pinned ? one(values(data.aws_lambda_function.pinned)).version : local.new_version
  )

  # The digest that the new version must report. The sources of another package are not known.
  new_digest = local.is_module_package ? local.manifest.source_digest : null

  newest = {
    configuration_hash = local.configuration_hash
    runs               = local.version_description
    source_digest      = local.new_digest
    version            = local.new_version
  }

  # The versions that the alias will serve. A pin excludes the new version, so that a rollback works
  # while the newest version is broken; a canary includes it. A pinned version is not compared with
  # this apply, because its code and configuration are meant to differ.
  gated = merge(
    {
      for pinned in data.aws_lambda_function.pinned : "live" => {
        configuration_hash = null
        runs               = pinned.description
        serves             = "version ${var.release.pinned_version} (pinned)"
        source_digest      = null
        version            = pinned.version
      }
    },
    {
      for key in ["live"] : key => merge(local.newest, { serves = "newest" }) if !local.is_pinned
    },
    {
      for key in ["canary"] : key => merge(local.newest, { serves = "newest (canary)" })
      if local.has_canary
    },
  )
}

# The plan fails here if the pinned version does not exist. The error names only the data source and
# its key, so the key contains the variable.
data "aws_lambda_function" "pinned" {
  for_each = {
    for version in var.release.pinned_version[*] : "release.pinned_version=${version}" => version
  }

  function_name = local.service
  qualifier     = each.value
}

# If the self-test fails, the function raises: the provider reports the message and stores nothing,
# so the next apply tests again. A failed postcondition would leave the result in the state and fail
# every later plan, including a rollback.
resource "aws_lambda_invocation" "gate" {
  for_each = local.gated

  function_name = aws_lambda_function.records.function_name
  qualifier     = each.value.version
  input = jsonencode({
    configurationHash = each.value.configuration_hash
    selfTest          = true
    sourceDigest      = each.value.source_digest
  })

  # `serves` and `runs` are known in the plan, so the plan shows what will serve. The number of a
  # new version is not known and is left out, because a map with an unknown value is shown as
  # unknown. The other triggers can break a version after it was published.
  triggers = {
    history        = local.history_name
    history_policy = sha256(join("", values(local.history_policies)))
    indexes        = sha256(jsonencode(local.indexes))
    policy         = sha256(local.function_policy)
    runs           = each.value.runs
    serves         = each.value.serves
    table          = local.table_name
  }

  depends_on = [
    aws_dynamodb_resource_policy.history,
    aws_dynamodb_table.history,
    aws_dynamodb_table.records,
    aws_iam_role_policy.function,
  ]
}

resource "aws_lambda_alias" "live" {
  name          = "live"
  description   = "The function version that serves requests"
  function_name = aws_lambda_function.records.function_name

  # Unknown until the gate has passed: a version known in the plan would be stored as an output even
  # if the gate fails.
  function_version = aws_lambda_invocation.gate["live"].result == "" ? "" : local.live_version

  dynamic "routing_config" {
    for_each = { for key in ["canary"] : key => var.release.canary.weight if local.has_canary }
    content {
      additional_version_weights = { (local.new_version) = routing_config.value }
    }
  }

  lifecycle {
    precondition {
      condition     = !local.has_canary || local.new_version != local.live_version
      error_message = <<-EOT
        release.canary has no effect: release.pinned_version is the newest version. Remove canary.
      EOT
    }
  }

  depends_on = [aws_lambda_invocation.gate]
}
