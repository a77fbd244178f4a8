# Every ARN that a policy needs is computed here from names. Trail, key, bucket, topic and role all mention one
# another; references between the resources would be a cycle.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account    = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  dns_suffix = data.aws_partition.this.dns_suffix
  region     = data.aws_region.this.id

  # The trail's name, and the stem of every other name.
  name = "${var.name}-${var.environment}-audit"

  # Bucket names are unique in the world and role names in the account, so both carry what tells two trails apart.
  bucket_name    = "${local.name}-${local.account}-${local.region}"
  role_name      = "${local.name}-${local.region}"
  log_group_name = "/aws/cloudtrail/${local.name}"

  bucket_arn    = "arn:${local.partition}:s3:::${local.bucket_name}"
  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_group_name}"
  topic_arn     = "arn:${local.partition}:sns:${local.region}:${local.account}:${local.name}"
  trail_arn     = "arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${local.name}"
}
