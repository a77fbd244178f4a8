# The examples can be planned. In each, override.tf replaces the Git source by this checkout.

mock_provider "aws" {
  source = "./tests/mocks"

  mock_data "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0f0f0f" }
  }

  mock_data "aws_kms_alias" {
    defaults = { target_key_arn = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1" }
  }

  mock_data "aws_regions" {
    defaults = { names = ["us-east-1", "us-west-2"] }
  }

  mock_data "aws_route53_zone" {
    defaults = { zone_id = "Z0123456789ABCDEFGHIJ" }
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

run "jwt_browser" {
  command = plan
  module { source = "./examples/jwt-browser" }
}

run "own_key" {
  command = plan
  module { source = "./examples/own-key" }
}

run "read_only" {
  command = plan
  module { source = "./examples/read-only" }
}

run "staging" {
  command = plan
  module { source = "./examples/staging" }
}

run "two_instances" {
  command = plan
  module { source = "./examples/two-instances" }
}
