# People log in at the company's identity provider and work in a page at another origin.
#
# Before the first apply:
# - an OpenID Connect provider at `auth.issuer`, which issues access tokens for `auth.audience` with
#   the scopes records/read and records/write. API Gateway reads its public keys over the internet;
# - an ACM certificate for records.example.com in this region, issued (not pending);
# - the public Route 53 hosted zone example.com in this account. If the zone is elsewhere, remove
#   `hosted_zone_id` and create the record for the output `domain_target`.
provider "aws" {
  region = "us-east-1"
}

data "aws_acm_certificate" "records" {
  domain      = "records.example.com"
  most_recent = true
}

data "aws_route53_zone" "public" {
  name = "example.com"
}

module "records" {
  source = "git::https://git.example.com/platform/records-api.git//modules/records-api?ref=<tag>"

  name        = "approvals"
  environment = "dev"
  alarms      = { emails = ["on-call@example.com"] }

  auth = {
    mode     = "JWT"
    issuer   = "https://login.example.com/"
    audience = ["records"]
  }

  api = {
    cors = { allow_origins = ["https://app.example.com", "http://localhost:5173"] }
    domain = {
      name            = "records.example.com"
      certificate_arn = data.aws_acm_certificate.records.arn
      hosted_zone_id  = data.aws_route53_zone.public.zone_id
    }
  }
}

output "records_url" {
  description = "URL of the records, for requests with a bearer token."
  value       = module.records.records_url_jwt
}
