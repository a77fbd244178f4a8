# The examples can be planned. In each, override.tf replaces the Git source by this checkout.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "basic" {
  command = plan
  module { source = "./examples/basic" }
}

run "management_account" {
  command = plan
  module { source = "./examples/management-account" }
}
