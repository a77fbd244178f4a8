# Cross-origin requests from pages in browsers. API Gateway answers preflight requests itself, even
# without a route for OPTIONS, adds the headers to the responses of the function, and ignores CORS
# headers that the function returns ("Configure CORS for HTTP APIs in API Gateway"). That page does
# not say that API Gateway's own errors, such as 401 and 429, get the headers too.
#
# Credentials are not allowed: the API reads no cookies, and a token or a signature in the header
# Authorization is not a credential in the sense of CORS (Fetch Standard, "Credentials").
locals {
  # The request headers of the authentication, by the mode of the API.
  cors_auth_headers = {
    IAM  = ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
    JWT  = ["authorization"]
    NONE = []
  }

  cors = {
    for key in ["cors"] : key => {
      allow_headers = flatten([for operation in local.operations : operation.headers])
      allow_methods = [
        for operation in local.operations : split(" ", operation.route_key)[0]
      ]
      allow_origins   = var.api.cors.allow_origins
      max_age_seconds = var.api.cors.max_age_seconds

      # Every header of a response that a page cannot read otherwise and that a client may need.
      expose_headers = [
        "etag", "idempotency-replayed", "link", "location", "retry-after", "x-request-id",
      ]
    } if var.api.cors != null
  }
}
