# What callers need: one policy per level to attach to principals of this account, and one role per level for
# principals that may assume it. HTTP APIs know no resource policies, so other accounts come in by these roles only.
locals {
  # A level exists where IAM decides and there is an operation for it.
  caller_operations = {
    for level, operations in local.operations_by_level : level => operations
    if var.auth.mode == "IAM" && length(operations) > 0
  }

  trusted_by_level = {
    for level in keys(local.caller_operations) : level => [
      for principal in var.access.trusted_principals : principal.arn if principal.level == level
    ]
  }
}

resource "aws_iam_policy" "caller" {
  for_each = local.caller_operations

  name        = "${local.iam_prefix}-${each.key}"
  description = "Call ${local.service} as a ${each.key}"
  tags        = local.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["execute-api:Invoke"]
      Resource = [for name in keys(each.value) : local.route_arns[name]]
    }]
  })
}

resource "aws_iam_role" "caller" {
  for_each = { for level, arns in local.trusted_by_level : level => arns if length(arns) > 0 }

  name                 = "${local.iam_prefix}-${each.key}"
  description          = "Call ${local.service} as a ${each.key}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = each.value }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "caller" {
  for_each = aws_iam_role.caller

  role       = each.value.name
  policy_arn = aws_iam_policy.caller[each.key].arn
}
