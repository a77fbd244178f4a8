# The dashboard itself, and queries for CloudWatch Logs Insights.
locals {
  # Column of a query => field of the access log. A query reads each field from the text of the line:
  # CloudWatch discovers no fields in a line whose JSON is broken, and logs.tf says what may break it.
  # The columns have names of their own, as those of discovered fields are taken.
  access_log_columns = merge(
    {
      address   = "sourceIp"
      agent     = "userAgent"
      outcome   = "status"
      principal = "caller"
      request   = "requestId"
      route     = "routeKey"
      target    = "path"
    },
    var.auth.mode == "JWT" ? { client = "clientId", tokenIssuer = "issuer" } : {},
  )

  parse_access_log = join("\n| ", [
    for column, field in local.access_log_columns : "parse @message /\"${field}\":\"(?<${column}>[^\"]*)/"
  ])

  keeps_queries = coalesce(var.insights.saved_queries, local.profile != "local")

  saved_queries = {
    cold-starts = {
      logs  = ["function"]
      query = <<-EOT
        filter message = "request"
        | stats count(*) as requests, avg(durationMs) as average, max(durationMs) as slowest by operation, coldStart
        | sort slowest desc
      EOT
    }
    errors-by-operation = {
      logs  = ["function"]
      query = <<-EOT
        filter message = "request" and status >= 400
        | stats count(*) as failed, latest(cause) as lastCause, latest(requestId) as lastRequest by operation, status
        | sort failed desc
      EOT
    }
    one-request = {
      logs  = ["access", "function"]
      query = <<-EOT
        fields @timestamp, @log, @message
        | filter @message like "REQUEST-ID"
        | sort @timestamp asc
      EOT
    }
    slowest-requests = {
      logs  = ["function"]
      query = <<-EOT
        filter message = "request"
        | fields @timestamp, durationMs, operation, status, coldStart, consumedReadUnits, caller, requestId
        | sort durationMs desc
        | limit 50
      EOT
    }
    who-read-what = {
      logs  = ["access"]
      query = <<-EOT
        ${local.parse_access_log}
        | filter route like /^GET /
        | display @timestamp, ${join(", ", keys(local.access_log_columns))}
        | sort @timestamp desc
        | limit 1000
      EOT
    }
  }
}

resource "aws_cloudwatch_dashboard" "service" {
  for_each = { for name in [local.service] : "service" => name if var.insights.dashboard }

  dashboard_name = each.value
  dashboard_body = local.dashboard
}

resource "aws_cloudwatch_query_definition" "saved" {
  for_each = {
    for name, saved in local.saved_queries : name => saved
    if local.keeps_queries
  }

  name            = "${local.service}/${each.key}"
  log_group_names = [for purpose in each.value.logs : aws_cloudwatch_log_group.service[purpose].name]
  query_string    = each.value.query
}
