# The examples can be planned.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1" }
  }

  mock_data "aws_regions" {
    defaults = { names = ["us-east-1", "us-west-2"] }
  }
}

run "minimal" {
  command = plan
  module { source = "./examples/minimal" }
}

run "complete" {
  command = plan
  module { source = "./examples/complete" }
}
