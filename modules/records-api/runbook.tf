# What to type when something is wrong, with every name filled in. $REQUEST_ID, $RECORD_ID, $MOMENT and $VERSION are
# what only the person at the terminal knows. The commands take credentials from the environment.
locals {
  in_region = "--region ${local.region}"

  smoke_credentials = {
    IAM = join(" ", [
      "--aws-sigv4 aws:amz:${local.region}:execute-api --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"",
      "--header \"x-amz-security-token: $AWS_SESSION_TOKEN\"",
    ])
    JWT  = "--header \"Authorization: Bearer $RECORDS_TOKEN\""
    NONE = ""
  }

  runbook = {
    alarms = join(" ", [
      "aws cloudwatch describe-alarms ${local.in_region} --alarm-name-prefix ${local.service}-",
      "--query 'MetricAlarms[].[AlarmName,StateValue,StateReason]' --output table",
    ])
    canary = format(
      "terraform apply -var 'release={pinned_version=\"%s\",canary={weight=0.1}}'",
      aws_lambda_alias.live.function_version,
    )
    request = join(" && ", [
      for name in ["access", "function"] : join(" ", [
        "aws logs filter-log-events ${local.in_region} --log-group-name ${local.log_groups[name].name}",
        "--filter-pattern \"\\\"$REQUEST_ID\\\"\" --query 'events[].message' --output text",
      ])
    ])
    restore = join(" ", [
      "aws dynamodb restore-table-to-point-in-time ${local.in_region} --source-table-name ${local.service}",
      "--target-table-name ${local.service}-restored --restore-date-time \"$MOMENT\"",
    ])
    roll_back = "terraform apply -var \"release={pinned_version=\\\"$VERSION\\\"}\""
    smoke = join(" ", compact([
      "curl --silent --show-error --fail-with-body",
      local.smoke_credentials[var.auth.mode],
      "'${local.records_url}?limit=1'",
    ]))
    tail_logs = "aws logs tail ${local.log_groups.function.name} ${local.in_region} --since 15m --follow"
    versions = join(" ", [
      "aws lambda list-versions-by-function ${local.in_region} --function-name ${local.service}",
      "--query 'Versions[].[Version,LastModified,CodeSha256]' --output table",
    ])
    who_changed = join(" ", [
      "aws cloudtrail lookup-events ${local.in_region}",
      "--lookup-attributes AttributeKey=ResourceName,AttributeValue=${local.service}",
      "--query 'Events[?ReadOnly==`\"false\"`].[EventTime,EventName,Username]' --output table",
    ])
    who_touched = join(" ", [
      "aws logs filter-log-events ${local.in_region} --log-group-name ${local.log_groups.access.name}",
      "--filter-pattern \"\\\"$RECORD_ID\\\"\" --query 'events[].message' --output text",
    ])
  }
}
