# Access for callers: one policy per level to attach to principals of this account, and one role per
# level for trusted principals. HTTP APIs have no resource policies, so principals of other accounts
# must assume one of these roles.
locals {
  level_titles = { auditor = "an auditor", reader = "a reader", writer = "a writer" }

  # The levels that IAM controls and that have an enabled operation.
  caller_operations = {
    for level, operations in local.operations_by_level : level => operations
    if var.auth.mode == "IAM" && length(operations) > 0
  }

  # For each level, the trusted principals by external ID ("" without one).
  trusted_principals = {
    for level in keys(local.caller_operations) : level => {
      for principal in var.access.trusted_principals :
      principal.external_id == null ? "" : principal.external_id => principal.arn...
      if principal.level == level
    }
  }

  # One statement per external ID: a condition applies to every principal of its statement.
  trust_statements = {
    for level, arns_by_external_id in local.trusted_principals : level => [
      for external_id, arns in arns_by_external_id : merge(
        {
          Effect    = "Allow"
          Action    = "sts:AssumeRole"
          Principal = { AWS = arns }
        },
        {
          for id in compact([external_id]) :
          "Condition" => { StringEquals = { "sts:ExternalId" = id } }
        },
      )
    ]
  }
}

# In a policy, `*` also matches slashes ("IAM JSON policy elements: Resource"): the resource of
# `get`, GET/records/*, includes GET/records/*/history. Levels that do not audit are therefore
# denied everything below a record. If a principal has such a policy, the Deny overrides the auditor
# policy.
locals {
  denied_to_level = {
    for level, operations in local.caller_operations : level => [
      for name in ["get"] : "${local.stage_arns.main}/GET/records/*/*"
      if contains(keys(operations), name) && !contains(local.access_of_level[level], "audit")
    ]
  }
}

resource "aws_iam_policy" "caller" {
  for_each = local.caller_operations

  name        = "${local.iam_prefix}-${each.key}"
  description = "Call ${local.service} as ${local.level_titles[each.key]}"
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for effect, resources in {
        Allow = [for name in keys(each.value) : local.routes[name].arn]
        Deny  = local.denied_to_level[each.key]
      } : { Effect = effect, Action = ["execute-api:Invoke"], Resource = resources }
      if length(resources) > 0
    ]
  })
}

resource "aws_iam_role" "caller" {
  for_each = {
    for level, statements in local.trust_statements : level => statements if length(statements) > 0
  }

  name                 = "${local.iam_prefix}-${each.key}"
  description          = "Call ${local.service} as ${local.level_titles[each.key]}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "caller" {
  for_each = aws_iam_role.caller

  role       = each.value.name
  policy_arn = aws_iam_policy.caller[each.key].arn
}
