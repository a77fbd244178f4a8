# The examples can be planned.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "basic" {
  command = plan
  module { source = "./examples/basic" }
}
