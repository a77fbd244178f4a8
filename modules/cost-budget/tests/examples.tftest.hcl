# The examples can be planned.

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
