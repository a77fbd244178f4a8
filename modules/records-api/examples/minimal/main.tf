provider "aws" {
  region = "us-east-1"
}

module "records" {
  source = "../.."

  name        = "orders"
  environment = "dev"
  alarms      = { emails = ["on-call@example.com"] }
}
