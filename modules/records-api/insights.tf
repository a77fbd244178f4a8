# The dashboard resource, and saved queries for CloudWatch Logs Insights.
locals {
  # Column of a query => field of the access log. A query parses each field from the text of the
  # line, because CloudWatch discovers no fields in a line with invalid JSON; logs.tf describes what
  # can make it invalid. The columns need names that differ from those of discovered fields.
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
    contains(local.auth_modes, "JWT") ? { client = "clientId", tokenIssuer = "issuer" } : {},
  )

  parse_access_log = [
    for column, field in local.access_log_columns :
    "parse @message /\"${field}\":\"(?<${column}>[^\"]*)/"
  ]

  keeps_queries = coalesce(var.insights.saved_queries, local.profile != "local")

  # Each query is a list of the commands of its pipeline.
  saved_queries = {
    cold-starts = {
      logs = ["function"]
      commands = [
        "filter message = \"request\"",
        join(" ", [
          "stats count(*) as requests, avg(durationMs) as average, max(durationMs) as slowest",
          "by operation, coldStart",
        ]),
        "sort slowest desc",
      ]
    }
    errors-by-operation = {
      logs = ["function"]
      commands = [
        "filter message = \"request\" and status >= 400",
        join(" ", [
          "stats count(*) as failed, latest(cause) as lastCause, latest(requestId) as lastRequest",
          "by operation, status",
        ]),
        "sort failed desc",
      ]
    }
    one-request = {
      logs = ["access", "function"]
      commands = [
        "fields @timestamp, @log, @message",
        "filter @message like \"REQUEST-ID\"",
        "sort @timestamp asc",
      ]
    }
    slowest-requests = {
      logs = ["function"]
      commands = [
        "filter message = \"request\"",
        join(" ", [
          "fields @timestamp, durationMs, operation, status, coldStart, consumedReadUnits, caller,",
          "requestId",
        ]),
        "sort durationMs desc",
        "limit 50",
      ]
    }
    who-read-what = {
      logs = ["access"]
      commands = concat(local.parse_access_log, [
        "filter route like /^GET /",
        "display @timestamp, ${join(", ", keys(local.access_log_columns))}",
        "sort @timestamp desc",
        "limit 1000",
      ])
    }
  }
}

resource "aws_cloudwatch_dashboard" "service" {
  for_each = { for key in ["service"] : key => local.service if var.insights.dashboard }

  dashboard_name = each.value
  dashboard_body = local.dashboard
}

resource "aws_cloudwatch_query_definition" "saved" {
  for_each = {
    for name, saved in local.saved_queries : name => saved
    if local.keeps_queries
  }

  name            = "${local.service}/${each.key}"
  log_group_names = [for key in each.value.logs : aws_cloudwatch_log_group.service[key].name]
  query_string    = join("\n| ", each.value.commands)
}
