provider "aws" {
  region = "us-east-1"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "orders"
  environment = "dev"
  alarms      = { emails = ["on-call@example.com"] }
}
