# One dashboard to look at first, and saved queries for what comes next.
locals {
  # Dimensions as a dashboard writes them: name, value, name, value.
  of_api     = ["ApiId", aws_apigatewayv2_api.records.id]
  of_live    = ["FunctionName", local.service, "Resource", "${local.service}:live"]
  of_service = ["Service", local.service]
  of_table   = ["TableName", local.service]

  readers = [for name, operation in local.operations : name if length(setsubtract(operation.actions, ["PutItem"])) > 0]

  # The table, and each index, which is throttled by itself and throttles the table's writes.
  of_storage = concat(
    [local.of_table],
    [for index in keys(local.indexes) : concat(local.of_table, ["GlobalSecondaryIndexName", index])],
  )

  widgets = [
    {
      title   = "Requests"
      stat    = "Sum"
      metrics = [concat(["AWS/ApiGateway", "Count"], local.of_api)]
    },
    {
      title = "Errors"
      stat  = "Sum"
      metrics = concat(
        [for metric in ["4xx", "5xx"] : concat(["AWS/ApiGateway", metric], local.of_api)],
        [for metric in ["Errors", "Throttles"] : concat(["AWS/Lambda", metric], local.of_live)],
        [for metric in ["ConfigurationErrors", "UnhandledExceptions"] :
          concat(["RecordsApi", metric], local.of_service)
        ],
      )
    },
    {
      title = "Latency, ms"
      stat  = "p50"
      metrics = concat(
        [for stat in ["p50", "p90", "p99"] :
          concat(["AWS/ApiGateway", "Latency"], local.of_api, [{ label = stat, stat = stat }])
        ],
        [concat(["AWS/Lambda", "Duration"], local.of_live, [{ label = "p99 of the function", stat = "p99" }])],
      )
    },
    {
      title = "Cold starts"
      stat  = "Sum"
      metrics = [for name in keys(local.operations) :
        concat(["RecordsApi", "ColdStarts"], local.of_service, ["Operation", name, { label = name }])
      ]
    },
    {
      title   = "Executions at once"
      stat    = "Maximum"
      metrics = [["AWS/Lambda", "ConcurrentExecutions", "FunctionName", local.service]]
    },
    {
      title = "Read units per request"
      stat  = "Average"
      metrics = [for name in local.readers :
        concat(["RecordsApi", "ConsumedReadUnits"], local.of_service, ["Operation", name, { label = name }])
      ]
    },
    {
      title = "Capacity units used"
      stat  = "Sum"
      metrics = [
        for pair in setproduct(["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"], local.of_storage) :
        concat(["AWS/DynamoDB", pair[0]], pair[1])
      ]
    },
    {
      title = "Throttled by the table"
      stat  = "Sum"
      metrics = [
        for pair in setproduct(["ReadThrottleEvents", "WriteThrottleEvents"], local.of_storage) :
        concat(["AWS/DynamoDB", pair[0]], pair[1])
      ]
    },
    {
      # Published in us-east-1 only, and only once the account has switched on billing alerts.
      title   = "The account's spend this month, $"
      stat    = "Maximum"
      region  = "us-east-1"
      period  = 21600
      metrics = [["AWS/Billing", "EstimatedCharges", "Currency", "USD"]]
      annotations = {
        horizontal = [for budget in local.budget[*] : { label = "budget", value = budget.monthly_usd }]
      }
    },
  ]

  dashboard = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type       = "metric"
        x          = index % 3 * 8
        y          = floor(index / 3) * 6
        width      = 8
        height     = 6
        properties = merge({ view = "timeSeries", region = local.region, period = 300 }, widget)
      }
    ]
  })

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
        | filter requestId = "REQUEST-ID" or functionRequestId = "REQUEST-ID" or apiRequestId = "REQUEST-ID"
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
        filter routeKey like /^GET /
        | fields @timestamp, caller, path, status, sourceIp, userAgent, requestId
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
