# The dashboard, as plain values: tests/dashboard renders this file for every set of operations.
locals {
  # Dimensions the way a dashboard writes them: name, value, name, value.
  of_history = ["TableName", local.history_name]
  of_live    = ["FunctionName", local.service, "Resource", "${local.service}:live"]
  of_service = ["Service", local.service]
  of_table   = ["TableName", local.table_name]

  # The metrics of the APIs, under the name of the metric. With a second API, the labels contain its
  # key.
  of_apis = {
    for metric in ["4xx", "5xx", "Count", "Latency"] : metric => {
      for key, id in local.api_ids :
      trimspace("${metric} ${trimprefix(key, "main")}") => ["AWS/ApiGateway", metric, "ApiId", id]
    }
  }

  # The tables and each index: a throttled index also throttles writes to its table.
  of_storage = concat(
    [local.of_table],
    [
      for index in keys(local.indexes) :
      concat(local.of_table, ["GlobalSecondaryIndexName", index])
    ],
    [
      local.of_history,
      concat(local.of_history, ["GlobalSecondaryIndexName", local.history_index_name]),
    ],
  )

  service_widgets = [
    {
      title   = "Requests"
      stat    = "Sum"
      metrics = [for label, of_api in local.of_apis["Count"] : concat(of_api, [{ label = label }])]
    },
    {
      title = "Errors"
      stat  = "Sum"
      metrics = concat(
        [
          for label, of_api in merge(local.of_apis["4xx"], local.of_apis["5xx"]) :
          concat(of_api, [{ label = label }])
        ],
        [for metric in ["Errors", "Throttles"] : concat(["AWS/Lambda", metric], local.of_live)],
        [for metric in ["ConfigurationErrors", "UnhandledExceptions"] :
          concat(["RecordsApi", metric], local.of_service)
        ],
      )
    },
    {
      title = "Latency (ms)"
      stat  = "p50"
      metrics = concat(
        [
          for pair in setproduct(["p50", "p90", "p99"], keys(local.of_apis["Latency"])) : concat(
            local.of_apis["Latency"][pair[1]],
            [{ label = replace(pair[1], "Latency", pair[0]), stat = pair[0] }],
          )
        ],
        [concat(
          ["AWS/Lambda", "Duration"],
          local.of_live,
          [{ label = "p99 of the function", stat = "p99" }],
        )],
      )
    },
    {
      title = "Cold starts"
      stat  = "Sum"
      metrics = [for name in keys(local.operations) : concat(
        ["RecordsApi", "ColdStarts"], local.of_service, ["Operation", name, { label = name }],
      )]
    },
    {
      title   = "Concurrent executions"
      stat    = "Maximum"
      metrics = [["AWS/Lambda", "ConcurrentExecutions", "FunctionName", local.service]]
    },
    {
      title = "Read units per request"
      stat  = "Average"
      metrics = [for name in keys(local.operations) : concat(
        ["RecordsApi", "ConsumedReadUnits"],
        local.of_service,
        ["Operation", name, { label = name }],
      )]
    },
    {
      title = "Consumed capacity units"
      stat  = "Sum"
      metrics = [
        for pair in setproduct(
          ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"], local.of_storage,
        ) : concat(["AWS/DynamoDB", pair[0]], pair[1])
      ]
    },
    {
      title = "Throttle events and transaction conflicts"
      stat  = "Sum"
      metrics = concat(
        [
          for pair in setproduct(["ReadThrottleEvents", "WriteThrottleEvents"], local.of_storage) :
          concat(["AWS/DynamoDB", pair[0]], pair[1])
        ],
        [
          for table in [local.of_table, local.of_history] :
          concat(["AWS/DynamoDB", "TransactionConflict"], table)
        ],
      )
    },
  ]

  # AWS publishes this metric in us-east-1, in accounts that receive billing alerts. The other
  # partitions have no such region.
  charges_widget = merge(
    {
      title   = "Estimated charges of the account this month (USD)"
      stat    = "Maximum"
      region  = "us-east-1"
      period  = 21600
      metrics = [["AWS/Billing", "EstimatedCharges", "Currency", "USD"]]
    },
    {
      for key in ["annotations"] : key => {
        horizontal = [{ label = "budget", value = local.budget_usd }]
      } if local.budget_usd != null
    },
  )

  account_widgets = [for widget in [local.charges_widget] : widget if local.partition == "aws"]

  # CloudWatch rejects a widget without metrics.
  widgets = [
    for widget in concat(local.service_widgets, local.account_widgets) : widget
    if length(widget.metrics) > 0
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
}
