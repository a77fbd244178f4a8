output "bucket_name" {
  description = "Name of the bucket that holds the log files, available once the trail exists."
  value       = aws_s3_bucket.this.id
  depends_on  = [aws_cloudtrail.this]
}

output "delivery_topic_arn" {
  description = "ARN of the topic that announces every delivered file; null without delivery_topic."
  value       = one(aws_sns_topic.delivery[*].arn)
  depends_on  = [aws_sns_topic_policy.delivery]
}

output "kms_key_arn" {
  description = "ARN of the key. Reading the files or the log group requires kms:Decrypt on it."
  value       = aws_kms_key.this.arn
}

output "log_group_name" {
  description = "Name of the CloudWatch log group that receives every event of the trail."
  value       = aws_cloudwatch_log_group.this.name
}

output "trail_arn" {
  description = "ARN of the trail."
  value       = aws_cloudtrail.this.arn
}

output "trail_name" {
  description = "Name of the trail, unique in its account and region."
  value       = aws_cloudtrail.this.name
}
