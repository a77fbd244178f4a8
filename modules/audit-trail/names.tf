# ARNs that policies need, computed from names: trail, key, bucket, topic and role refer to one
# another, and references between the resources would be a cycle.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  region     = data.aws_region.current.id

  # Name of the trail and prefix of all other names.
  name = "${var.name}-${var.environment}-audit"

  # Bucket names are globally unique, and role names are unique in the account across regions.
  bucket_name    = "${local.name}-${local.account_id}-${local.region}"
  role_name      = "${local.name}-${local.region}"
  log_group_name = "/aws/cloudtrail/${local.name}"

  arn_prefix = {
    for service in ["cloudtrail", "logs", "sns"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account_id}"
  }

  bucket_arn    = "arn:${local.partition}:s3:::${local.bucket_name}"
  log_group_arn = "${local.arn_prefix.logs}:log-group:${local.log_group_name}"
  topic_arn     = "${local.arn_prefix.sns}:${local.name}"
  trail_arn     = "${local.arn_prefix.cloudtrail}:trail/${local.name}"

  # CloudWatch Logs, as principal and in kms:ViaService.
  logs_service = "logs.${local.region}.${local.dns_suffix}"
}
