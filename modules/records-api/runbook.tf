# Commands for operations, with every name filled in. Values that only the user knows are shell
# variables, which the description of the output `runbook` lists. The commands read credentials from
# the environment.
locals {
  in_region = "--region ${local.region}"

  smoke_credentials = {
    IAM = join(" ", [
      "--aws-sigv4 aws:amz:${local.region}:execute-api",
      "--user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"",
      "--header \"x-amz-security-token: $AWS_SESSION_TOKEN\"",
    ])
    JWT  = "--header \"Authorization: Bearer $RECORDS_TOKEN\""
    NONE = ""
  }

  # One request to each API.
  smoke_tests = {
    for key, api in local.apis : trimsuffix("smoke_${key}", "_main") => join(" ", compact([
      "curl --silent --show-error --fail-with-body",
      local.smoke_credentials[api.mode],
      "'${local.records_urls[key]}?limit=1'",
    ]))
  }

  # The names of the restored tables. Their suffix becomes `table.name_suffix`.
  restored_tables = {
    records = "\"${local.service}$SUFFIX\""
    history = "\"${local.service}-history$SUFFIX\""
  }
  served_tables   = { records = local.table_name, history = local.history_name }
  backup_of_table = { records = "\"$BACKUP_ARN\"", history = "\"$HISTORY_BACKUP_ARN\"" }

  # The resource policy of the lost table would be destroyed with the next apply, and fail
  # (hashicorp/terraform-provider-aws issue 46797).
  left_resources = concat(
    [for key in keys(local.restored_tables) : "\"$MODULE.aws_dynamodb_table.${key}\""],
    [
      for key in keys(local.history_policies) :
      "\"$MODULE.aws_dynamodb_resource_policy.history[\\\"${key}\\\"]\""
    ],
  )

  runbook = merge(local.smoke_tests, {
    adopt_tables = join(" && ", concat(
      ["terraform state rm ${join(" ", local.left_resources)}"],
      [
        for key, name in local.restored_tables :
        "terraform import \"$MODULE.aws_dynamodb_table.${key}\" ${name}"
      ],
    ))
    alarms = join(" ", [
      "aws cloudwatch describe-alarms ${local.in_region} --alarm-name-prefix ${local.service}-",
      "--query 'MetricAlarms[].[AlarmName,StateValue,StateReason]' --output table",
    ])
    backups = join(" && ", [
      for name in local.served_tables : join(" ", [
        "aws dynamodb list-backups ${local.in_region} --backup-type ALL --table-name ${name}",
        "--query 'BackupSummaries[].[BackupCreationDateTime,BackupType,BackupArn]' --output table",
      ])
    ])
    canary = format(
      "terraform apply -var 'release={pinned_version=\"%s\",canary={weight=0.1}}'",
      aws_lambda_alias.live.function_version,
    )
    request = join(" && ", [
      for name in ["access", "function"] : join(" ", [
        "aws logs filter-log-events ${local.in_region}",
        "--log-group-name ${local.log_groups[name].name}",
        "--filter-pattern \"\\\"$REQUEST_ID\\\"\" --query 'events[].message' --output text",
      ])
    ])
    # Both tables to the same moment.
    restore = join(" && ", [
      for key, name in local.served_tables : join(" ", [
        "aws dynamodb restore-table-to-point-in-time ${local.in_region}",
        "--source-table-name ${name} --target-table-name ${local.restored_tables[key]}",
        "--restore-date-time \"$MOMENT\"",
      ])
    ])
    restore_deleted = join(" && ", [
      for key, arn in local.backup_of_table : join(" ", [
        "aws dynamodb restore-table-from-backup ${local.in_region}",
        "--target-table-name ${local.restored_tables[key]} --backup-arn ${arn}",
      ])
    ])
    roll_back = "terraform apply -var \"release={pinned_version=\\\"$VERSION\\\"}\""
    # `:` ignores its arguments, so the command can state its requirement.
    tail_logs = join(" ", [
      ": needs AWS CLI version 2;",
      "aws logs tail ${local.log_groups.function.name} ${local.in_region} --since 15m --follow",
    ])
    # All versions, those that serve, and self-tests that failed. A version that cannot load its
    # code logs only a line of the runtime; the name of its log stream contains the version in
    # brackets.
    versions = join(" && ", [
      join(" ", [
        "aws lambda list-versions-by-function ${local.in_region} --function-name ${local.service}",
        "--query 'Versions[].[Version,LastModified,Description]' --output table",
      ]),
      join(" ", [
        "aws lambda get-alias ${local.in_region} --function-name ${local.service} --name live",
        "--query '{live: FunctionVersion, canary: RoutingConfig.AdditionalVersionWeights}'",
        "--output table",
      ]),
      join(" ", [
        "aws logs filter-log-events ${local.in_region}",
        "--log-group-name ${local.log_groups.function.name}",
        "--filter-pattern",
        "'{ ($.message = \"self-test failed\") || ($.errorType = \"Runtime.*\") }'",
        "--query 'events[].[logStreamName,message]' --output text",
      ]),
    ])
    who_changed = join(" && ", [
      for name in distinct([local.service, local.table_name, local.history_name]) : join(" ", [
        "aws cloudtrail lookup-events ${local.in_region}",
        "--lookup-attributes AttributeKey=ResourceName,AttributeValue=${name}",
        "--query 'Events[?ReadOnly==`\"false\"`].[EventTime,EventName,Username]' --output table",
      ])
    ])
    who_touched = join(" ", [
      "aws logs filter-log-events ${local.in_region}",
      "--log-group-name ${local.log_groups.access.name}",
      "--filter-pattern \"\\\"$RECORD_ID\\\"\" --query 'events[].message' --output text",
    ])
  })
}
