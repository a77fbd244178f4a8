# Every change publishes a version; the alias `live` moves to it only after that very version has
# passed its self-test with the real role, table and key. API Gateway calls nothing but the alias.
locals {
  pinned       = var.release.pinned_version != null
  live_version = local.pinned ? one(values(data.aws_lambda_function.pinned)).version : local.new_version
  new_version  = aws_lambda_function.records.version

  # The digest the new version must report. The sources of a package that is not this module's own
  # are not known.
  new_digest = local.own_package ? local.manifest.source_digest : null

  newest = {
    configuration_hash = local.configuration_hash
    runs               = local.version_description
    source_digest      = local.new_digest
    version            = local.new_version
  }

  # The versions the alias is about to serve. A pin leaves the new version out, so that rolling back
  # works while the newest version is broken; a canary brings it in again. A pinned version is
  # compared with nothing: it is meant to have other code and configuration than this apply.
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
    local.pinned ? {} : { live = merge(local.newest, { serves = "newest" }) },
    var.release.canary == null ? {} : {
      canary = merge(local.newest, { serves = "newest (canary)" })
    },
  )
}

# Fails while planning, before anything is touched, when the pinned version does not exist. That
# error names no more than this resource and its key, so the key says which variable is wrong.
data "aws_lambda_function" "pinned" {
  for_each = {
    for version in [var.release.pinned_version] : "release.pinned_version=${version}" => version if local.pinned
  }

  function_name = local.service
  qualifier     = each.value
}

# A self-test that fails raises: the provider reports the function's message and stores nothing, so
# the next apply asks again. A postcondition would be stored, and would fail every later plan, even
# a rollback.
resource "aws_lambda_invocation" "gate" {
  for_each = local.gated

  function_name = aws_lambda_function.records.function_name
  qualifier     = each.value.version
  input = jsonencode({
    configurationHash = each.value.configuration_hash
    selfTest          = true
    sourceDigest      = each.value.source_digest
  })

  # `serves` and `runs` are known while planning, so the plan shows what will serve; the number of a
  # new version is not known, and would hide them: the provider shows a map as unknown if one of its
  # values is. The others can break a version after it was published.
  triggers = {
    indexes = sha256(jsonencode(local.indexes))
    policy  = sha256(local.function_policy)
    runs    = each.value.runs
    serves  = each.value.serves
    table   = local.table_name
  }

  depends_on = [aws_dynamodb_table.records, aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  name          = "live"
  description   = "The version that serves"
  function_name = aws_lambda_function.records.function_name

  # Unknown until the gate has answered: a version known while planning would be stored as an output
  # even when the gate then refuses it.
  function_version = aws_lambda_invocation.gate["live"].result == "" ? "" : local.live_version

  dynamic "routing_config" {
    for_each = var.release.canary == null ? [] : [var.release.canary]
    content {
      additional_version_weights = { (local.new_version) = routing_config.value.weight }
    }
  }

  lifecycle {
    precondition {
      condition     = var.release.canary == null || local.new_version != local.live_version
      error_message = "release.canary tries nothing: release.pinned_version is already the newest version. Remove it."
    }
  }

  depends_on = [aws_lambda_invocation.gate]
}
