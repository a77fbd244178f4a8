# Values derived from the variables, after an apply with a mocked provider (tests/mocks): among
# them those that AWS rejects but the emulator accepts.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "orders"
  environment    = "dev"
  lambda_package = { s3 = { bucket = "packages", key = "records-api.zip", version = "1" } }
  alarms         = { topic_arns = ["arn:aws:sns:eu-west-1:123456789012:pager"] }
}

run "defaults" {
  variables {
    alarms = {}
  }

  # It warns that there is no alarm recipient.
  expect_failures = [check.alarms]

  assert {
    condition = {
      for name, route in aws_apigatewayv2_route.operation :
      name => "${route.authorization_type} ${route.route_key}"
      } == {
      create = "AWS_IAM POST /records"
      get    = "AWS_IAM GET /records/{recordID}"
      list   = "AWS_IAM GET /records"
      update = "AWS_IAM PATCH /records/{recordID}"
    }
    error_message = "Each enabled operation must have a route that requires IAM."
  }

  assert {
    condition = {
      for name, permission in aws_lambda_permission.api : name => permission.source_arn
      } == {
      create = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/POST/records"
      get    = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*"
      list   = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records"
      update = "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/PATCH/records/*"
    }
    error_message = "The API must be allowed to invoke the function for its own routes only."
  }

  assert {
    condition = alltrue([
      for permission in aws_lambda_permission.api :
      permission.qualifier == aws_lambda_alias.live.name
      && permission.principal == "apigateway.amazonaws.com"
      && permission.function_name == aws_lambda_function.records.function_name
    ])
    error_message = "The permissions must allow API Gateway to invoke the alias that it calls."
  }

  assert {
    condition = (
      aws_apigatewayv2_integration.live["main"].integration_uri == aws_lambda_alias.live.invoke_arn
    )
    error_message = "The integration must call the alias that the permissions are for."
  }

  assert {
    condition = (
      !aws_apigatewayv2_api.records["main"].disable_execute_api_endpoint
      && length(aws_apigatewayv2_domain_name.records) == 0 && output.domain_target == null
    )
    error_message = "Without api.domain, callers must reach the default endpoint."
  }

  assert {
    condition     = length(aws_apigatewayv2_api.records["main"].cors_configuration) == 0
    error_message = "Without api.cors, API Gateway must not allow pages of other origins."
  }

  assert {
    condition = (
      alltrue([
        for stage in aws_apigatewayv2_stage.serving :
        one(stage.default_route_settings).throttling_burst_limit == 100
        && one(stage.default_route_settings).throttling_rate_limit == 50
      ])
    )
    error_message = "Default limits must be set if the caller sets none."
  }

  assert {
    condition = length(setsubtract(
      [
        "authorizerError", "caller", "integrationLatency", "integrationStatus", "requestId",
        "responseLatency", "responseLength", "routeKey", "sourceIp", "status", "userAgent",
      ],
      keys(jsondecode(one(aws_apigatewayv2_stage.serving["main"].access_log_settings).format))
    )) == 0
    error_message = "The access log must contain the caller, the route, the status and the latency."
  }

  assert {
    condition = (
      jsondecode(one(aws_apigatewayv2_stage.serving["main"].access_log_settings).format).caller
      == "$context.identity.userArn"
    )
    error_message = "With IAM, the caller in the access log must be the ARN of the principal."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      statement.Sid => { actions = statement.Action, resources = statement.Resource }
      } == {
      QueryIndexes = {
        actions = ["dynamodb:Query"]
        resources = [
          "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/index/byCreated",
          "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/index/byStatus",
          "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/index/bySubmittedBy",
          "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/index/byType",
        ]
      }
      RecordsInTable = {
        actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev"]
      }
      ReadHistory = {
        actions   = ["dynamodb:GetItem", "dynamodb:Query"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-history"]
      }
      AddToHistoryInTransactions = {
        actions   = ["dynamodb:PutItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-history"]
      }
      KeyForTables = {
        actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        resources = [aws_kms_key.service["own"].arn]
      }
      KeyForEnvironment = {
        actions   = ["kms:Decrypt"]
        resources = [aws_kms_key.service["own"].arn]
      }
      KeyForLogs = {
        actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        resources = [aws_kms_key.service["own"].arn]
      }
      DescribeKeyForLogs = {
        actions   = ["kms:DescribeKey"]
        resources = [aws_kms_key.service["own"].arn]
      }
      WriteLogs = {
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/orders-dev:*"]
      }
    }
    error_message = "The role must have the permissions that its operations need, and no others."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      statement.Sid => statement.Condition if can(statement.Condition)
      } == {
      AddToHistoryInTransactions = {
        "ForAnyValue:StringEquals" = { "dynamodb:EnclosingOperation" = ["TransactWriteItems"] }
      }
      KeyForTables = { StringEquals = { "kms:ViaService" = "dynamodb.eu-west-1.amazonaws.com" } }
      KeyForEnvironment = {
        StringLike = {
          "kms:EncryptionContext:aws:lambda:FunctionArn" = [
            "arn:aws:lambda:eu-west-1:123456789012:function:orders-dev",
            "arn:aws:lambda:eu-west-1:123456789012:function:orders-dev:*",
          ]
        }
      }
      KeyForLogs = {
        StringEquals = {
          "kms:EncryptionContext:aws:logs:arn" = (
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/orders-dev"
          )
          "kms:ViaService" = "logs.eu-west-1.amazonaws.com"
        }
      }
      DescribeKeyForLogs = { StringEquals = { "kms:ViaService" = "logs.eu-west-1.amazonaws.com" } }
    }
    error_message = "Entries must be added in transactions only; the key's use must be limited."
  }

  assert {
    condition = jsondecode(aws_kms_key.service["own"].policy).Statement == [
      {
        Sid       = "AccountDecidesByIamPolicies"
        Effect    = "Allow"
        Action    = ["kms:*"]
        Resource  = "*"
        Principal = { AWS = "arn:aws:iam::123456789012:root" }
      },
      {
        Sid    = "LogGroupsOfThisService"
        Effect = "Allow"
        Action = [
          "kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*",
        ]
        Resource  = "*"
        Principal = { Service = "logs.eu-west-1.amazonaws.com" }
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [
              "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/orders-dev/access",
              "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/orders-dev",
            ]
          }
        }
      },
    ]
    error_message = "The key policy must allow the account, and CloudWatch for two log groups."
  }

  assert {
    condition = {
      for level, policy in aws_iam_policy.caller : level => jsondecode(policy.policy).Statement[0]
      if level != "auditor"
      } == {
      reader = {
        Effect = "Allow"
        Action = ["execute-api:Invoke"]
        Resource = [
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*",
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records",
        ]
      }
      writer = {
        Effect = "Allow"
        Action = ["execute-api:Invoke"]
        Resource = [
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/POST/records",
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*",
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records",
          "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/PATCH/records/*",
        ]
      }
    }
    error_message = "A reader must be able to call the read routes, a writer all of these."
  }

  assert {
    condition = (
      jsondecode(aws_iam_policy.caller["auditor"].policy).Statement
      == [jsondecode(aws_iam_policy.caller["reader"].policy).Statement[0]]
      && alltrue([
        for level in ["reader", "writer"] :
        jsondecode(aws_iam_policy.caller[level].policy).Statement[1] == {
          Effect   = "Deny"
          Action   = ["execute-api:Invoke"]
          Resource = ["arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*/*"]
        }
      ])
      && length(local.history_policies) == 0
    )
    error_message = "An auditor reads too; * in GET/records/* must not let others read the history."
  }

  assert {
    condition = (
      aws_dynamodb_table.history.name == "orders-dev-history"
      && aws_dynamodb_table.history.hash_key == "recordID"
      && aws_dynamodb_table.history.range_key == "version"
      && {
        for attribute in aws_dynamodb_table.history.attribute : attribute.name => attribute.type
      }
      == { feed = "S", position = "S", recordID = "S", version = "N" }
      && [for index in aws_dynamodb_table.history.global_secondary_index :
        "${index.name} ${index.hash_key} ${index.range_key} ${index.projection_type}"
      ] == ["byChange feed position ALL"]
      && aws_dynamodb_table.history.deletion_protection_enabled
      && one(aws_dynamodb_table.history.point_in_time_recovery).enabled
      && one(aws_dynamodb_table.history.ttl).enabled
      && one(aws_dynamodb_table.history.ttl).attribute_name == "expiresAt"
      && (
        one(aws_dynamodb_table.history.server_side_encryption).kms_key_arn
        == aws_kms_key.service["own"].arn
      )
    )
    error_message = "The history table must have its keys, its feed and the records' protection."
  }

  assert {
    condition = (
      {
        for index in aws_dynamodb_table.records.global_secondary_index :
        index.name => index.hash_key
        } == {
        byCreated     = "feed"
        byStatus      = "status"
        bySubmittedBy = "submittedBy"
        byType        = "type"
      }
      && alltrue([
        for index in aws_dynamodb_table.records.global_secondary_index :
        index.range_key == "position" && index.projection_type == "ALL"
      ])
      && toset(aws_dynamodb_table.records.attribute[*].name)
      == toset(["feed", "position", "recordID", "status", "submittedBy", "type"])
    )
    error_message = "Each index must sort by position, and every key attribute must be defined."
  }

  assert {
    condition = (
      aws_dynamodb_table.records.deletion_protection_enabled
      && one(aws_dynamodb_table.records.point_in_time_recovery).enabled
      && one(aws_dynamodb_table.records.ttl).attribute_name == "expiresAt"
      && (
        one(aws_dynamodb_table.records.server_side_encryption).kms_key_arn
        == aws_kms_key.service["own"].arn
      )
      && alltrue([
        for group in aws_cloudwatch_log_group.service :
        group.retention_in_days == 365 && group.kms_key_id == aws_kms_key.service["own"].arn
      ])
    )
    error_message = "By default, data must be protected and encrypted, and logs kept for a year."
  }

  assert {
    condition = one(aws_lambda_function.records.environment).variables == tomap({
      AUTH_MODE             = "IAM"
      CONFIGURATION_HASH    = local.configuration_hash
      FILTER_INDEXES        = "status,submittedBy,type"
      HISTORY_TABLE_NAME    = "orders-dev-history"
      LOG_LEVEL             = "INFO"
      OPERATIONS            = "create,get,list,update"
      RECORD_RETENTION_DAYS = "0"
      SERVICE_NAME          = "orders-dev"
      TABLE_NAME            = "orders-dev"
    })
    error_message = "The environment must contain the variables that the handler reads."
  }

  assert {
    condition = (
      { for name, gate in aws_lambda_invocation.gate : name => gate.qualifier } == { live = "8" }
      && aws_lambda_alias.live.function_version == "8"
      && length(aws_lambda_alias.live.routing_config) == 0
    )
    error_message = "The new version must be tested, and `live` must point to it."
  }

  assert {
    condition = (
      aws_iam_role.function.tags == tomap({ Environment = "dev", Service = "orders-dev" })
    )
    error_message = "Without other tags, resources must have the module's."
  }

  assert {
    condition = (
      jsondecode(aws_lambda_invocation.gate["live"].input)
      == { configurationHash = local.configuration_hash, selfTest = true, sourceDigest = null }
      && aws_lambda_function.records.description
      == "package 1 configuration ${substr(local.configuration_hash, 0, 12)}"
      && aws_lambda_invocation.gate["live"].triggers.serves == "newest"
      && aws_lambda_invocation.gate["live"].triggers.runs == aws_lambda_function.records.description
    )
    error_message = "The self-test's input and the description must identify the same package."
  }

  assert {
    condition = local.configuration == {
      architecture = one(aws_lambda_function.records.architectures)
      environment = {
        for name, value in one(aws_lambda_function.records.environment).variables : name => value
        if name != "CONFIGURATION_HASH"
      }
      handler     = aws_lambda_function.records.handler
      kms_key_arn = aws_lambda_function.records.kms_key_arn
      log_format  = one(aws_lambda_function.records.logging_config).log_format
      log_group   = one(aws_lambda_function.records.logging_config).log_group
      log_level   = one(aws_lambda_function.records.logging_config).application_log_level
      memory_mb   = aws_lambda_function.records.memory_size
      role_arn    = aws_lambda_function.records.role
      runtime     = aws_lambda_function.records.runtime
      timeout     = aws_lambda_function.records.timeout
    }
    error_message = "The hash must cover every setting that Lambda stores with a version."
  }

  assert {
    condition = (
      length(aws_scheduler_schedule.heartbeat) == 0 && length(aws_iam_role.heartbeat) == 0
      && length(aws_lambda_function_event_invoke_config.live) == 0
    )
    error_message = "Outside prod, there must be no heartbeat unless it is configured."
  }

  assert {
    condition = (
      length(aws_iam_role.caller) == 0
      && output.reader_role_arn == null && output.writer_role_arn == null
    )
    error_message = "Without trusted principals, there must be no caller roles."
  }

  assert {
    condition = (
      length(aws_cloudwatch_metric_alarm.catalog) == 0 && length(aws_sns_topic.alarms) == 0
      && length(module.audit_trail) == 0 && length(module.cost_budget) == 0
      && output.alarm_topic_arn == null && output.trail_arn == null && output.budget_name == null
    )
    error_message = "Without recipients there must be no alarms; trail and budget are optional."
  }

  assert {
    condition = (
      output.settings.profile == "dev" && output.settings.audit.mode == "off"
      && output.settings.function.memory_mb == 256 && output.settings.insights.saved_queries
      && output.settings.lambda_package == var.lambda_package && output.settings.tags == local.tags
    )
    error_message = "The output must show the settings in effect, with defaults applied."
  }

  assert {
    condition = output.fixed_monthly_cost_usd == {
      as_of = "2025"
      items = { alarms = 0, custom_metrics = 2.4, dashboard = 3, keys = 1, log_storage = 0.03 }
      total = 6.43
    }
    error_message = "The cost must include a key, a dashboard, logs, and the metrics."
  }
}

run "one_read_operation" {
  variables {
    operations = ["get"]
  }

  assert {
    condition = (
      keys(aws_apigatewayv2_route.operation) == ["get"]
      && keys(aws_lambda_permission.api) == ["get"]
      && one(aws_lambda_function.records.environment).variables.OPERATIONS == "get"
    )
    error_message = "A disabled operation must have no route and no invoke permission."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      statement.Sid => statement.Action
      if statement.Sid == "KeyForTables" || startswith(statement.Action[0], "dynamodb:")
    } == { RecordsInTable = ["dynamodb:GetItem"], KeyForTables = ["kms:Decrypt"] }
    error_message = "The role must not query, write or encrypt for operations that are disabled."
  }

  assert {
    condition = (
      aws_iam_policy.caller["reader"].policy == aws_iam_policy.caller["writer"].policy
      && strcontains(aws_iam_policy.caller["writer"].policy, "/GET/records/*")
    )
    error_message = "Without write operations, writers must have the permissions of readers."
  }
}

run "one_write_operation" {
  variables {
    operations = ["delete"]
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      statement.Sid => statement.Action
      if statement.Sid == "KeyForTables" || startswith(statement.Action[0], "dynamodb:")
      } == {
      AddToHistoryInTransactions = ["dynamodb:PutItem"]
      ReadHistory                = ["dynamodb:GetItem", "dynamodb:Query"]
      RecordsInTable             = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      KeyForTables = [
        "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*",
      ]
    }
    error_message = "Delete must have its actions on both tables and may encrypt with the key."
  }

  assert {
    condition     = keys(aws_iam_policy.caller) == ["writer"] && output.reader_policy_arn == null
    error_message = "A policy that would allow nothing must not exist."
  }
}

run "auditing_only" {
  variables {
    operations = ["history", "changes"]
    table      = { protect_history = true }
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.function.policy).Statement :
      statement.Sid => { actions = statement.Action, resources = statement.Resource }
      if statement.Sid == "KeyForTables" || startswith(statement.Action[0], "dynamodb:")
      } == {
      QueryFeed = {
        actions = ["dynamodb:Query"]
        resources = [
          "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-history/index/byChange",
        ]
      }
      ReadHistory = {
        actions   = ["dynamodb:Query"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-history"]
      }
      RecordsInTable = {
        actions   = ["dynamodb:GetItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev"]
      }
      KeyForTables = { actions = ["kms:Decrypt"], resources = [aws_kms_key.service["own"].arn] }
    }
    error_message = "Audit operations must have read access to the history and no write access."
  }

  assert {
    condition = {
      for level, policy in aws_iam_policy.caller :
      level => one(jsondecode(policy.policy).Statement).Resource
      } == {
      auditor = [
        "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/changes",
        "arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*/history",
      ]
    }
    error_message = "Only auditors must be able to call the audit routes."
  }

  assert {
    condition = (
      aws_dynamodb_resource_policy.history["history"].resource_arn == aws_dynamodb_table.history.arn
      && aws_lambda_invocation.gate["live"].triggers.history_policy
      == sha256(aws_dynamodb_resource_policy.history["history"].policy)
      && local.function_role_name == aws_iam_role.function.name
    )
    error_message = "The table policy must name the role; changing it must repeat the self-test."
  }
}

run "bearer_tokens_and_debug_lines" {
  variables {
    operations = ["list", "get", "create", "update", "history", "changes", "restore"]
    function   = { log_level = "DEBUG" }

    auth = {
      mode        = "JWT"
      issuer      = "https://login.example.com"
      audience    = ["records"]
      read_scopes = ["r"]
    }
  }

  assert {
    condition = (
      keys(aws_apigatewayv2_api.records) == ["main"]
      && output.api_id_jwt == output.api_id && output.records_url_jwt == output.records_url
      && one(aws_lambda_function.records.environment).variables.AUTH_MODE == "JWT"
      && strcontains(output.runbook.smoke, "Bearer $RECORDS_TOKEN")
    )
    error_message = "With tokens alone there must be one API."
  }

  assert {
    condition = {
      for name, route in aws_apigatewayv2_route.operation :
      name => join(",", route.authorization_scopes)
      if route.authorization_type == "JWT"
      && route.authorizer_id == aws_apigatewayv2_authorizer.jwt["jwt"].id
      } == {
      changes = "records/audit"
      create  = "records/write"
      get     = "r"
      history = "records/audit"
      list    = "r"
      restore = "records/write"
      update  = "records/write"
    }
    error_message = "Every route must require a token with the scope of its access level."
  }

  assert {
    condition = (
      length(aws_iam_policy.caller) == 0
      && {
        for name, value in jsondecode(
          one(aws_apigatewayv2_stage.serving["main"].access_log_settings).format
        ) : name => value if contains(["caller", "clientId", "issuer"], name)
        } == {
        caller   = "$context.authorizer.claims.sub"
        clientId = "$context.authorizer.claims.client_id"
        issuer   = "$context.authorizer.claims.iss"
      }
    )
    error_message = "No IAM policy must exist; the log must show subject, client and issuer."
  }

  assert {
    condition = alltrue([
      for field in ["caller", "clientId", "issuer"] :
      strcontains(
        aws_cloudwatch_query_definition.saved["who-read-what"].query_string, "\"${field}\":"
      )
    ])
    error_message = "The query who-read-what must show the client of a token without a subject."
  }

  assert {
    condition     = one(aws_lambda_function.records.logging_config).application_log_level == "DEBUG"
    error_message = "With DEBUG, Lambda must keep the debug lines of the handler."
  }
}

run "signatures_and_tokens" {
  variables {
    api  = { cors = { allow_origins = ["https://app.example.com"] } }
    auth = { issuer = "https://login.example.com", audience = ["records"] }
  }

  override_resource {
    target = aws_apigatewayv2_api.records["jwt"]
    values = { id = "jwt456", execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:jwt456" }
  }

  override_resource {
    target = aws_apigatewayv2_integration.live["jwt"]
    values = { id = "jwt-live" }
  }

  override_resource {
    target = aws_apigatewayv2_stage.serving["jwt"]
    values = { invoke_url = "https://jwt456.execute-api.eu-west-1.amazonaws.com/" }
  }

  assert {
    condition = {
      for key, route in aws_apigatewayv2_route.operation : key => join(" ", concat(
        [route.api_id, route.authorization_type, route.route_key],
        tolist(coalesce(route.authorization_scopes, [])),
      ))
      } == {
      create     = "abc123 AWS_IAM POST /records"
      get        = "abc123 AWS_IAM GET /records/{recordID}"
      list       = "abc123 AWS_IAM GET /records"
      update     = "abc123 AWS_IAM PATCH /records/{recordID}"
      jwt-create = "jwt456 JWT POST /records records/write"
      jwt-get    = "jwt456 JWT GET /records/{recordID} records/read"
      jwt-list   = "jwt456 JWT GET /records records/read"
      jwt-update = "jwt456 JWT PATCH /records/{recordID} records/write"
    }
    error_message = "Both APIs must have the same routes, each with one kind of authorization."
  }

  assert {
    condition = (
      aws_apigatewayv2_authorizer.jwt["jwt"].api_id == "jwt456"
      && alltrue([
        for key, route in aws_apigatewayv2_route.operation : startswith(key, "jwt-") == (
          route.authorizer_id == aws_apigatewayv2_authorizer.jwt["jwt"].id
        )
      ])
      && alltrue([
        for key, route in aws_apigatewayv2_route.operation :
        startswith(key, "jwt-") == (route.target == "integrations/jwt-live")
      ])
      && alltrue([
        for integration in aws_apigatewayv2_integration.live :
        integration.integration_uri == aws_lambda_alias.live.invoke_arn
      ])
    )
    error_message = "Each route must use authorizer and integration of its own API, and the alias."
  }

  assert {
    condition = {
      for key, permission in aws_lambda_permission.api :
      key => "${permission.statement_id} ${permission.qualifier} ${permission.source_arn}"
      if contains(["get", "jwt-get", "jwt-list"], key)
      } == {
      get = join(" ", [
        "api-get live arn:aws:execute-api:eu-west-1:123456789012:abc123/$default/GET/records/*",
      ])
      jwt-get = join(" ", [
        "api-jwt-get live",
        "arn:aws:execute-api:eu-west-1:123456789012:jwt456/$default/GET/records/*",
      ])
      jwt-list = join(" ", [
        "api-jwt-list live",
        "arn:aws:execute-api:eu-west-1:123456789012:jwt456/$default/GET/records",
      ])
    }
    error_message = "Each API may invoke the alias for its own routes."
  }

  assert {
    condition = (
      length(aws_lambda_permission.api) == 8
      && length(aws_iam_policy.caller) == 3
      && !anytrue([for policy in aws_iam_policy.caller : strcontains(policy.policy, "jwt456")])
    )
    error_message = "The policies of callers must name only the API that accepts signatures."
  }

  assert {
    condition = (
      alltrue([
        for stage in aws_apigatewayv2_stage.serving :
        one(stage.default_route_settings).throttling_burst_limit == 100
        && one(stage.default_route_settings).throttling_rate_limit == 50
        && one(stage.access_log_settings).destination_arn
        == aws_cloudwatch_log_group.service["access"].arn
      ])
      && {
        for key, stage in aws_apigatewayv2_stage.serving :
        key => jsondecode(one(stage.access_log_settings).format).caller
        } == {
        main = "$context.identity.userArn"
        jwt  = "$context.authorizer.claims.sub"
      }
    )
    error_message = "Both APIs must have limits, and an access log with the caller."
  }

  assert {
    condition = (
      toset([
        for key in ["api-5xx", "api-5xx-jwt", "api-latency", "api-latency-jwt"] : key
        if contains(keys(aws_cloudwatch_metric_alarm.catalog), key)
      ]) == toset(["api-5xx", "api-5xx-jwt", "api-latency", "api-latency-jwt"])
      && aws_cloudwatch_metric_alarm.catalog["api-latency"].dimensions.ApiId == "abc123"
      && aws_cloudwatch_metric_alarm.catalog["api-latency-jwt"].dimensions.ApiId == "jwt456"
    )
    error_message = "Each API must have its alarms."
  }

  assert {
    condition = {
      for key, api in aws_apigatewayv2_api.records :
      key => join(" ", one(api.cors_configuration).allow_headers)
      } == {
      main = join(" ", [
        "authorization content-type idempotency-key if-match if-none-match",
        "x-amz-content-sha256 x-amz-date x-amz-security-token",
      ])
      jwt = "authorization content-type idempotency-key if-match if-none-match"
    }
    error_message = "CORS must allow the headers of each kind of authentication."
  }

  assert {
    condition = (
      one(aws_lambda_function.records.environment).variables.AUTH_MODE == "IAM,JWT"
      && output.api_id == "abc123" && output.api_id_jwt == "jwt456"
      && output.records_url == "https://abc123.execute-api.eu-west-1.amazonaws.com/records"
      && output.records_url_jwt == "https://jwt456.execute-api.eu-west-1.amazonaws.com/records"
      && strcontains(output.runbook.smoke, "--aws-sigv4")
      && strcontains(output.runbook.smoke, "'${output.records_url}?")
      && strcontains(output.runbook.smoke_jwt, "Bearer $RECORDS_TOKEN")
      && strcontains(output.runbook.smoke_jwt, "'${output.records_url_jwt}?")
    )
    error_message = "The function must accept both kinds of callers; outputs and runbook name both."
  }
}

run "domain_of_two_apis" {
  variables {
    api = {
      stage_name = "v1"
      domain = {
        name            = "records.example.com"
        certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/a"
        hosted_zone_id  = "Z0123456789ABCDEFGHIJ"
      }
    }
    auth = { issuer = "https://login.example.com", audience = ["records"] }
  }

  override_resource {
    target = aws_apigatewayv2_api.records["jwt"]
    values = { id = "jwt456", execution_arn = "arn:aws:execute-api:eu-west-1:123456789012:jwt456" }
  }

  assert {
    condition = (
      output.records_url == "https://records.example.com/records"
      && output.records_url_jwt == "https://records.example.com/jwt/records"
      && strcontains(output.runbook.smoke, "'https://records.example.com/records?")
      && strcontains(output.runbook.smoke_jwt, "'https://records.example.com/jwt/records?")
    )
    error_message = "The URLs must follow the domain."
  }

  assert {
    condition = alltrue([
      for api in aws_apigatewayv2_api.records : api.disable_execute_api_endpoint
    ])
    error_message = "With a domain, both default endpoints must be disabled."
  }

  assert {
    condition = (
      {
        for key, mapping in aws_apigatewayv2_api_mapping.records :
        key => "${mapping.api_id} ${coalesce(mapping.api_mapping_key, "-")}"
      } == { main = "abc123 -", jwt = "jwt456 jwt" }
      && alltrue([
        for key, mapping in aws_apigatewayv2_api_mapping.records :
        mapping.stage == aws_apigatewayv2_stage.serving[key].id
        && mapping.domain_name == aws_apigatewayv2_domain_name.records["api"].id
      ])
    )
    error_message = "The domain must map each API under its own path."
  }

  assert {
    condition = (
      aws_apigatewayv2_domain_name.records["api"].domain_name == "records.example.com"
      && one(
        aws_apigatewayv2_domain_name.records["api"].domain_name_configuration[*].security_policy
      ) == "TLS_1_2"
      && one(
        aws_apigatewayv2_domain_name.records["api"].domain_name_configuration[*].endpoint_type
      ) == "REGIONAL"
      && one(aws_route53_record.domain["api"].alias).name == output.domain_target.name
      && aws_route53_record.domain["api"].name == "records.example.com"
      && aws_route53_record.domain["api"].zone_id == "Z0123456789ABCDEFGHIJ"
    )
    error_message = "The domain must be regional, require TLS 1.2, and have its DNS record."
  }
}

run "domain_with_dns_elsewhere" {
  variables {
    api = {
      domain = {
        name            = "records.example.com"
        certificate_arn = "arn:aws:acm:eu-west-1:123456789012:certificate/a"
      }
    }
  }

  assert {
    condition = (
      length(aws_route53_record.domain) == 0
      && keys(aws_apigatewayv2_api_mapping.records) == ["main"]
      && output.domain_target.name == "d-abc.execute-api.eu-west-1.amazonaws.com"
    )
    error_message = "Without a hosted zone, the output must say where DNS must point."
  }
}

run "pages_in_browsers" {
  command = plan

  variables {
    api        = { cors = { allow_origins = ["https://app.example.com", "http://localhost:5173"] } }
    auth       = { mode = "JWT", issuer = "https://login.example.com", audience = ["records"] }
    operations = ["get", "create"]
  }

  assert {
    condition = one(aws_apigatewayv2_api.records["main"].cors_configuration) == {
      allow_credentials = false
      allow_headers = toset([
        "authorization", "content-type", "idempotency-key", "if-match", "if-none-match",
      ])
      allow_methods = toset(["GET", "POST"])
      allow_origins = toset(["http://localhost:5173", "https://app.example.com"])
      expose_headers = toset([
        "etag", "idempotency-replayed", "link", "location", "retry-after", "x-request-id",
      ])
      max_age = 600
    }
    error_message = "CORS must allow the methods and headers of the enabled operations only."
  }
}

run "pages_that_sign_requests" {
  command = plan

  variables {
    api        = { cors = { allow_origins = ["https://app.example.com"], max_age_seconds = 60 } }
    operations = ["list"]
  }

  assert {
    condition = (
      one(aws_apigatewayv2_api.records["main"].cors_configuration).allow_headers == toset([
        "authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token",
      ])
      && one(aws_apigatewayv2_api.records["main"].cors_configuration[*].allow_methods)
      == toset(["GET"])
      && one(aws_apigatewayv2_api.records["main"].cors_configuration).max_age == 60
    )
    error_message = "CORS must allow the headers of AWS Signature Version 4."
  }
}

run "trusted_principals_and_own_key" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/mine"
    access = {
      trusted_principals = {
        auditor   = { arn = "arn:aws:iam::444455556666:role/audit", level = "auditor" }
        dashboard = { arn = "arn:aws:iam::210987654321:role/dashboard" }
        importer  = { arn = "arn:aws:iam::210987654321:role/importer", level = "writer" }
        vendor = {
          arn         = "arn:aws:iam::333344445555:root"
          level       = "writer"
          external_id = "orders-1"
        }
      }
    }
    function                 = { heartbeat = "rate(3 days)" }
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition = {
      for level, role in aws_iam_role.caller : level => [
        for statement in jsondecode(role.assume_role_policy).Statement : {
          principals = statement.Principal.AWS
          condition  = jsonencode(try(statement.Condition, null))
        }
      ]
      } == {
      auditor = [{ principals = ["arn:aws:iam::444455556666:role/audit"], condition = "null" }]
      reader  = [{ principals = ["arn:aws:iam::210987654321:role/dashboard"], condition = "null" }]
      writer = [
        { principals = ["arn:aws:iam::210987654321:role/importer"], condition = "null" },
        {
          principals = ["arn:aws:iam::333344445555:root"]
          condition  = jsonencode({ StringEquals = { "sts:ExternalId" = "orders-1" } })
        },
      ]
    }
    error_message = "Each principal must be able to assume its level's role, with its external ID."
  }

  assert {
    condition = alltrue([
      for role in concat(
        values(aws_iam_role.caller), values(aws_iam_role.heartbeat), [aws_iam_role.function]
      ) : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    ])
    error_message = "Every role must have the permissions boundary."
  }

  assert {
    condition     = "${local.heartbeat_periods}x${local.heartbeat_period}" == "6x86400"
    error_message = "The alarm must evaluate twice the interval, within CloudWatch's seven days."
  }

  assert {
    condition = (
      length(aws_kms_key.service) == 0 && length(aws_kms_alias.service) == 0
      && one(aws_dynamodb_table.records.server_side_encryption).kms_key_arn == var.kms_key_arn
      && aws_lambda_function.records.kms_key_arn == var.kms_key_arn
      && strcontains(aws_iam_role_policy.function.policy, var.kms_key_arn)
      && jsondecode(output.kms_key_policy_statements)[1].Sid == "LogGroupsOfThisService"
    )
    error_message = "The caller's key must encrypt everything; the output must show its policy."
  }
}

run "one_filter_index_and_other_settings" {
  variables {
    api = { stage_name = "v1", throttle_burst = 7, throttle_rate = 3 }
    function = {
      dynamodb_endpoint_url = "https://dynamodb-fips.us-east-1.amazonaws.com"
      log_level             = "WARNING"
    }
    release = { commit = "0a1b2c3" }
    table   = { filter_indexes = ["type"], name_suffix = "-restored", record_retention_days = 30 }
  }

  assert {
    condition = (
      aws_dynamodb_table.records.name == "orders-dev-restored"
      && one(aws_lambda_function.records.environment).variables.TABLE_NAME == "orders-dev-restored"
      && one(aws_lambda_function.records.environment).variables.SERVICE_NAME == "orders-dev"
      && local.table_arn == "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-restored"
      && strcontains(aws_iam_role_policy.function.policy, "\"${local.table_arn}\"")
      && strcontains(aws_iam_role_policy.function.policy, "\"${local.table_arn}/index/byCreated\"")
      && strcontains(
        aws_cloudwatch_dashboard.service["service"].dashboard_body, "orders-dev-restored"
      )
      && local.of_table_calls["GetItem"].TableName == "orders-dev-restored"
      && aws_dynamodb_table.history.name == "orders-dev-history-restored"
      && one(aws_lambda_function.records.environment).variables.HISTORY_TABLE_NAME
      == "orders-dev-history-restored"
      && strcontains(aws_iam_role_policy.function.policy, "\"${local.history_arn}\"")
      && strcontains(
        aws_cloudwatch_dashboard.service["service"].dashboard_body, "orders-dev-history-restored"
      )
      && local.of_table_calls["history-GetItem"].TableName == "orders-dev-history-restored"
    )
    error_message = "Function, policy, alarms and dashboard must use the restored tables."
  }

  assert {
    condition = (
      strcontains(output.runbook.restore, "--source-table-name orders-dev-restored ")
      && strcontains(output.runbook.restore, "--target-table-name \"orders-dev$SUFFIX\"")
      && strcontains(output.runbook.restore, "--source-table-name orders-dev-history-restored ")
      && strcontains(output.runbook.restore, "--target-table-name \"orders-dev-history$SUFFIX\"")
      && strcontains(output.runbook.who_changed, "AttributeValue=orders-dev-restored ")
      && strcontains(output.runbook.who_changed, "AttributeValue=orders-dev-history-restored ")
      && strcontains(output.runbook.who_changed, "AttributeValue=orders-dev ")
    )
    error_message = "The runbook must name the tables in use; suffixes must not accumulate."
  }

  assert {
    condition     = endswith(aws_lambda_function.records.description, " commit 0a1b2c3")
    error_message = "The version's description must name the commit."
  }

  assert {
    condition = (
      toset(aws_dynamodb_table.records.global_secondary_index[*].name)
      == toset(["byCreated", "byType"])
      && toset(aws_dynamodb_table.records.attribute[*].name)
      == toset(["feed", "position", "recordID", "type"])
      && jsondecode(aws_iam_role_policy.function.policy).Statement[0].Resource == [
        "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-restored/index/byCreated",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev-restored/index/byType",
      ]
    )
    error_message = "A disabled index must have no permissions and no attribute definitions."
  }

  assert {
    condition = (
      one(aws_lambda_function.records.environment).variables.FILTER_INDEXES == "type"
      && one(aws_lambda_function.records.environment).variables.RECORD_RETENTION_DAYS == "30"
      && one(aws_lambda_function.records.environment).variables.AWS_ENDPOINT_URL_DYNAMODB
      == "https://dynamodb-fips.us-east-1.amazonaws.com"
      && one(aws_lambda_function.records.environment).variables.LOG_LEVEL == "WARNING"
      && one(aws_lambda_function.records.logging_config).application_log_level == "INFO"
    )
    error_message = "The settings must reach the function; Lambda must keep lines with metrics."
  }

  assert {
    condition = (
      alltrue([
        for stage in aws_apigatewayv2_stage.serving :
        one(stage.default_route_settings).throttling_burst_limit == 7
        && one(stage.default_route_settings).throttling_rate_limit == 3
      ])
      && aws_lambda_permission.api["list"].source_arn
      == "arn:aws:execute-api:eu-west-1:123456789012:abc123/v1/GET/records"
    )
    error_message = "The caller's limits and stage must apply, also to the permissions."
  }
}

run "tags_of_the_caller" {
  command = plan

  variables {
    tags = { Team = "orders", SERVICE = "ledger" }
  }

  override_data {
    target = data.aws_default_tags.current
    values = { tags = { environment = "production", CostCenter = "4711" } }
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_iam_role.function.tags,
        aws_dynamodb_table.records.tags,
        aws_lambda_function.records.tags,
      ] :
      tags == tomap({ SERVICE = "ledger", Team = "orders" })
    ])
    error_message = "The caller's and the provider's tags must replace the module's in any case."
  }
}

run "pinned" {
  variables {
    release = { pinned_version = "7" }
  }

  assert {
    condition = (
      { for name, gate in aws_lambda_invocation.gate : name => gate.qualifier } == { live = "7" }
      && aws_lambda_alias.live.function_version == "7"
      && length(aws_lambda_alias.live.routing_config) == 0
    )
    error_message = "Only the pinned version must be tested, and `live` must point to it."
  }

  assert {
    condition = (
      jsondecode(aws_lambda_invocation.gate["live"].input)
      == { configurationHash = null, selfTest = true, sourceDigest = null }
      && aws_lambda_invocation.gate["live"].triggers.serves == "version 7 (pinned)"
      && aws_lambda_invocation.gate["live"].triggers.runs
      == "source 0123456789ab configuration ba9876543210"
    )
    error_message = "A pinned version must not be compared; the plan must show what it runs."
  }
}

run "canary" {
  variables {
    release = { pinned_version = "7", canary = { weight = 0.05 } }
  }

  assert {
    condition = (
      { for name, gate in aws_lambda_invocation.gate : name => gate.qualifier }
      == { canary = "8", live = "7" }
      && aws_lambda_alias.live.function_version == "7"
      && one(aws_lambda_alias.live.routing_config).additional_version_weights
      == tomap({ "8" = 0.05 })
    )
    error_message = "Both versions must be tested, and the new one must get its weight."
  }

  assert {
    condition = (
      jsondecode(aws_lambda_invocation.gate["canary"].input).configurationHash
      == local.configuration_hash
      && jsondecode(aws_lambda_invocation.gate["live"].input).configurationHash == null
      && aws_lambda_invocation.gate["canary"].triggers.serves == "newest (canary)"
    )
    error_message = "Only the canary must be compared with the new configuration."
  }
}

run "canary_of_the_pinned_version" {
  command = plan

  variables {
    release = { pinned_version = "8", canary = {} }
  }

  override_data {
    target = data.aws_lambda_function.pinned
    values = { version = "8" }
  }

  expect_failures = [aws_lambda_alias.live]
}
