data "aws_regions" "enabled" {
  for_each = {
    for key in ["expected_regions"] : key => var.expected_regions
    if length(var.expected_regions) > 0
  }

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required", "opted-in"]
  }
}

locals {
  data_events = { for key, table in var.tables : key => table if table.events != "none" }

  # A trail covers the enabled regions of the account and silently skips all others.
  uncovered_regions = setsubtract(var.expected_regions, flatten([
    for regions in data.aws_regions.enabled : regions.names
  ]))
}

resource "aws_cloudtrail" "audit" {
  #checkov:skip=CKV_AWS_252:delivery_topic is opt-in; CloudWatch Logs has every event
  name                          = local.name
  s3_bucket_name                = aws_s3_bucket.trail.id
  kms_key_id                    = aws_kms_key.trail.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.trail.arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.delivery.arn
  tags                          = var.tags

  # The name and not the ARN: AWS returns the name, so an ARN would be a difference in every plan
  # (hashicorp/terraform-provider-aws issue 41263).
  sns_topic_name = one([for topic in aws_sns_topic.delivery : topic.name])

  # CIS checks look for a selector with exactly this name.
  dynamic "advanced_event_selector" {
    for_each = var.management_events ? ["Management events selector"] : []

    content {
      name = advanced_event_selector.value

      field_selector {
        field  = "eventCategory"
        equals = ["Management"]
      }
    }
  }

  dynamic "advanced_event_selector" {
    for_each = local.data_events

    content {
      name = "${advanced_event_selector.key}: ${advanced_event_selector.value.events}"

      field_selector {
        field  = "eventCategory"
        equals = ["Data"]
      }

      field_selector {
        field  = "resources.type"
        equals = ["AWS::DynamoDB::Table"]
      }

      field_selector {
        field  = "resources.ARN"
        equals = [advanced_event_selector.value.arn]
      }

      dynamic "field_selector" {
        for_each = advanced_event_selector.value.events == "write" ? ["readOnly"] : []

        content {
          field  = field_selector.value
          equals = ["false"]
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition = length(local.uncovered_regions) == 0
      error_message = format(
        "expected_regions has regions that are not enabled: enable %s in account %s, or remove it.",
        join(", ", local.uncovered_regions), local.account_id,
      )
    }
  }

  # CloudTrail checks all of these when the trail is created.
  depends_on = [
    aws_iam_role_policy.delivery,
    aws_s3_bucket_ownership_controls.trail,
    aws_s3_bucket_policy.trail,
    aws_sns_topic_policy.delivery,
  ]
}
