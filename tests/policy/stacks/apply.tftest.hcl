# A mocked apply, with the provider-computed values that policies refer to.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }

  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      id            = "abc123"
      execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:abc123"
    }
  }

  mock_resource "aws_apigatewayv2_stage" {
    defaults = { invoke_url = "https://abc123.execute-api.eu-central-1.amazonaws.com/" }
  }

  mock_resource "aws_ce_anomaly_monitor" {
    defaults = { arn = "arn:aws:ce::111122223333:anomalymonitor/mock" }
  }

  mock_resource "aws_cloudtrail" {
    defaults = { arn = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/mock" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:mock" }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/mock" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }

  mock_resource "aws_lambda_alias" {
    defaults = {
      arn        = "arn:aws:lambda:eu-central-1:111122223333:function:records-dev:live"
      invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/mock/invocations"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = { version = "1" }
  }
}

override_resource {
  target = module.state_backend.aws_kms_key.state
  values = { arn = "arn:aws:kms:eu-central-1:111122223333:key/state" }
}

override_resource {
  target = module.audit_trail.aws_kms_key.trail
  values = { arn = "arn:aws:kms:eu-central-1:111122223333:key/trail" }
}

override_resource {
  target = module.audit_trail.aws_sns_topic.delivery
  values = { arn = "arn:aws:sns:eu-central-1:111122223333:records-dev-audit" }
}

override_resource {
  target = module.cost_budget.aws_kms_key.budget
  values = { arn = "arn:aws:kms:eu-central-1:111122223333:key/budget" }
}

override_resource {
  target = module.cost_budget.aws_sns_topic.budget
  values = { arn = "arn:aws:sns:eu-central-1:111122223333:records-dev-eu-central-1-budget" }
}

override_resource {
  target = module.records_api.aws_kms_key.service
  values = { arn = "arn:aws:kms:eu-central-1:111122223333:key/service" }
}

override_resource {
  target = module.records_api.aws_sns_topic.alarms
  values = { arn = "arn:aws:sns:eu-central-1:111122223333:records-dev-alarms" }
}

run "apply" {}
