# The function, its role and its package. Terraform builds nothing: scripts/package builds the
# package, which is committed in package/.
locals {
  service    = "${var.name}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  dns_suffix = data.aws_partition.current.dns_suffix
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  # IAM names are global to the account; the region distinguishes instances of the same name.
  iam_prefix = "${local.service}-${local.region}"

  # var.tags and the provider's default_tags take precedence. Keys are compared in lower case,
  # because IAM rejects keys that differ only in case ("Tags for AWS Identity and Access Management
  # resources").
  provider_tags = try(data.aws_default_tags.current.tags, {})
  explicit_tag_keys = [
    for key in concat(keys(var.tags), try(keys(local.provider_tags), [])) : lower(key)
  ]
  default_tags = { Environment = var.environment, Service = local.service }
  tags = merge(
    {
      for key, value in local.default_tags : key => value
      if !contains(local.explicit_tag_keys, lower(key))
    },
    var.tags,
  )

  # The self-test waits up to 20 s for permissions of a new role and key to take effect. Requests
  # have a shorter deadline in the handler.
  timeout_seconds = 29

  function_arn = join(":", [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function", local.service,
  ])
  function_role_name = "${local.iam_prefix}-function"
  function_role_arn = join("/", [
    "arn:${local.partition}:iam::${local.account_id}:role", local.function_role_name,
  ])

  is_module_package = var.lambda_package.path == null && var.lambda_package.s3 == null
  module_package    = "${path.module}/package/records-api.zip"
  package_path = (
    var.lambda_package.s3 == null ? coalesce(var.lambda_package.path, local.module_package) : null
  )
  manifest = try(
    jsondecode(file("${path.module}/package/manifest.json")),
    { source_digest = null },
  )

  # The digest that scripts/package wrote into the manifest, computed again from the sources. A copy
  # of the module without the sources skips the comparison.
  source_root = "${path.module}/../../lambda"
  source_files = sort(setunion(
    fileset(local.source_root, "records_api/*.py"),
    fileset(local.source_root, "requirements.txt"),
  ))
  source_digest = sha256(join("", [
    for file in local.source_files : "${file}:${filesha256("${local.source_root}/${file}")}\n"
  ]))

  settings = merge(
    {
      AUTH_MODE             = join(",", local.auth_modes)
      FILTER_INDEXES        = join(",", sort(var.table.filter_indexes))
      HISTORY_TABLE_NAME    = aws_dynamodb_table.history.name
      LOG_LEVEL             = var.function.log_level
      OPERATIONS            = join(",", keys(local.operations))
      RECORD_RETENTION_DAYS = tostring(var.table.record_retention_days)
      SERVICE_NAME          = local.service
      TABLE_NAME            = aws_dynamodb_table.records.name
    },
    # Without this variable, the function calls the regional endpoint.
    { for url in var.function.dynamodb_endpoint_url[*] : "AWS_ENDPOINT_URL_DYNAMODB" => url },
  )

  # Everything except the code that Lambda stores with a published version. The release gate
  # compares its hash with the one in the version's environment. They differ if an earlier apply
  # changed the function but failed to publish it.
  configuration = {
    architecture = "arm64"
    environment  = local.settings
    handler      = "records_api.handler.handler"
    kms_key_arn  = local.kms_key_arn
    log_format   = "JSON"
    log_group    = aws_cloudwatch_log_group.service["function"].name
    memory_mb    = var.function.memory_mb
    role_arn     = aws_iam_role.function.arn
    runtime      = "python3.13"
    timeout      = local.timeout_seconds

    # The handler filters its log lines by LOG_LEVEL. Lambda must not filter above INFO: it treats
    # lines without a level as INFO, and the lines that carry metrics have none, so a higher level
    # would drop the metrics of the alarms.
    log_level = var.function.log_level == "DEBUG" ? "DEBUG" : "INFO"
  }
  configuration_hash = sha256(jsonencode(local.configuration))

  # The description of the published version: the version of the service, and the first 12 digits
  # of the hashes of its code and its configuration.
  code_label = try(
    "records-api ${local.manifest.version} source ${substr(local.new_digest, 0, 12)}",
    "package ${substr(filesha256(var.lambda_package.path), 0, 12)}",
    "package ${substr(var.lambda_package.s3.version, 0, 32)}",
    "source unknown",
  )
  version_description = join(" ", compact([
    local.code_label,
    "configuration ${substr(local.configuration_hash, 0, 12)}",
    var.release.commit == null ? "" : "commit ${var.release.commit}",
  ]))
}

data "aws_caller_identity" "current" {}

data "aws_default_tags" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# All policies use jsonencode, so that tests can read them without a provider.
locals {
  dynamodb_service = "dynamodb.${local.region}.${local.dns_suffix}"

  # What the function may do with the tables and their indexes. `conditions`: at most one.
  table_grants = [
    {
      sid        = "QueryIndexes"
      actions    = local.actions.indexes
      resources  = local.index_arns
      conditions = []
    },
    # Without a condition: an earlier release, which may be pinned, writes without transactions.
    {
      sid        = "RecordsInTable"
      actions    = local.actions.records
      resources  = [local.table_arn]
      conditions = []
    },
    {
      sid        = "ReadHistory"
      actions    = [for action in local.actions.history : action if action != "PutItem"]
      resources  = [local.history_arn]
      conditions = []
    },
    # "Using IAM with DynamoDB transactions", example 2: PutItem by itself lacks the key, and
    # ForAnyValue does not match a missing key.
    {
      sid       = "AddToHistoryInTransactions"
      actions   = [for action in local.actions.history : action if action == "PutItem"]
      resources = [local.history_arn]
      conditions = [{
        "ForAnyValue:StringEquals" = { "dynamodb:EnclosingOperation" = ["TransactWriteItems"] }
      }]
    },
    {
      sid        = "QueryFeed"
      actions    = local.actions.feed
      resources  = [local.history_index_arn]
      conditions = []
    },
  ]

  function_policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for grant in local.table_grants : merge(
          {
            Sid      = grant.sid
            Effect   = "Allow"
            Action   = [for action in grant.actions : "dynamodb:${action}"]
            Resource = grant.resources
          },
          { for condition in grant.conditions : "Condition" => condition },
        ) if length(grant.actions) > 0
      ],
      [
        {
          Sid    = "KeyForTables"
          Effect = "Allow"
          Action = concat(
            ["kms:Decrypt"],
            local.writes ? ["kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"] : [],
          )
          Resource  = [local.kms_key_arn]
          Condition = { StringEquals = { "kms:ViaService" = local.dynamodb_service } }
        },
        {
          Sid      = "KeyForEnvironment"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = [local.kms_key_arn]
          Condition = {
            StringLike = {
              "kms:EncryptionContext:aws:lambda:FunctionArn" = [
                local.function_arn, "${local.function_arn}:*",
              ]
            }
          }
        },
        # "Encrypt log data in CloudWatch Logs using AWS KMS": the role that writes to an encrypted
        # log group needs the key too, through CloudWatch Logs. A call of kms:DescribeKey has no
        # encryption context, so it has a separate statement, as in AWS's policy
        # CloudWatchLogsAPIKeyAccess.
        {
          Sid      = "KeyForLogs"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource = [local.kms_key_arn]
          Condition = {
            StringEquals = {
              "kms:EncryptionContext:aws:logs:arn" = local.log_groups.function.arn
              "kms:ViaService"                     = local.logs_service
            }
          }
        },
        {
          Sid       = "DescribeKeyForLogs"
          Effect    = "Allow"
          Action    = ["kms:DescribeKey"]
          Resource  = [local.kms_key_arn]
          Condition = { StringEquals = { "kms:ViaService" = local.logs_service } }
        },
        {
          Sid      = "WriteLogs"
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${local.log_groups.function.arn}:*"]
        },
      ],
    )
  })
}

resource "aws_iam_role" "function" {
  name                 = local.function_role_name
  description          = "Role of the function ${local.service}"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "records"
  role   = aws_iam_role.function.id
  policy = local.function_policy
}

resource "aws_lambda_function" "records" {
  #checkov:skip=CKV_AWS_50:HTTP APIs do not support X-Ray, and the log has the time of every request
  #checkov:skip=CKV_AWS_115:Opt-in (reserved_concurrency): it reduces the concurrency of the account
  #checkov:skip=CKV_AWS_116:Only the heartbeat is asynchronous, and its failure raises an alarm
  #checkov:skip=CKV_AWS_117:Calls only DynamoDB, authorized by IAM: a VPC would only add cost
  #checkov:skip=CKV_AWS_272:Trust rests on review and on CI, which rebuilds the committed package

  function_name                  = local.service
  description                    = local.version_description
  role                           = local.configuration.role_arn
  handler                        = local.configuration.handler
  runtime                        = local.configuration.runtime
  architectures                  = [local.configuration.architecture]
  memory_size                    = local.configuration.memory_mb
  reserved_concurrent_executions = coalesce(var.function.reserved_concurrency, -1)
  publish                        = true
  kms_key_arn                    = local.configuration.kms_key_arn
  tags                           = local.tags
  timeout                        = local.configuration.timeout

  filename          = local.package_path
  source_code_hash  = try(filebase64sha256(local.package_path), null)
  s3_bucket         = try(var.lambda_package.s3.bucket, null)
  s3_key            = try(var.lambda_package.s3.key, null)
  s3_object_version = try(var.lambda_package.s3.version, null)

  environment {
    variables = merge(local.settings, { CONFIGURATION_HASH = local.configuration_hash })
  }

  logging_config {
    log_format            = local.configuration.log_format
    application_log_level = local.configuration.log_level
    log_group             = local.configuration.log_group
  }

  lifecycle {
    precondition {
      condition     = !local.is_module_package || fileexists(local.module_package)
      error_message = "modules/records-api/package/records-api.zip is missing: run scripts/package."
    }

    precondition {
      condition = (
        !local.is_module_package || length(local.source_files) == 0
        || local.manifest.source_digest == local.source_digest
      )
      error_message = <<-EOT
        The committed package was not built from these sources: run scripts/package and commit it.
      EOT
    }
  }

  # Without its policy, the function's first calls fail.
  depends_on = [aws_iam_role_policy.function]
}
