output "bucket_name" {
  description = "Name of the bucket that holds the log files, available once the trail exists."
  value       = aws_s3_bucket.trail.id
  depends_on  = [aws_cloudtrail.audit]
}

output "delivery_topic_arn" {
  description = "ARN of the topic that announces every delivered file; null without delivery_topic."
  value       = one([for topic in aws_sns_topic.delivery : topic.arn])
  depends_on  = [aws_sns_topic_policy.delivery]
}

output "kms_key_arn" {
  description = "ARN of the key. Reading the files or the log group requires kms:Decrypt on it."
  value       = aws_kms_key.trail.arn
}

output "log_group_name" {
  description = "Name of the CloudWatch log group that receives every event of the trail."
  value       = aws_cloudwatch_log_group.trail.name
}

output "trail_arn" {
  description = "ARN of the trail."
  value       = aws_cloudtrail.audit.arn
}

output "trail_name" {
  description = "Name of the trail, unique in its account and region."
  value       = aws_cloudtrail.audit.name
}
