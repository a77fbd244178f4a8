# The single source of truth for what this service can do. Everything else is derived from this map: routes and
# their authorization, the function's permissions, the callers' policies, the invoke permissions and the
# function's dispatch. Keep it literal: a contract test holds it equal to the OpenAPI document and the handler.
locals {
  catalogue = {
    create = {
      route_key = "POST /records"
      actions   = ["PutItem"]
      access    = "write"
    }
    delete = {
      route_key = "DELETE /records/{recordID}"
      actions   = ["DeleteItem", "GetItem", "PutItem"]
      access    = "write"
    }
    get = {
      route_key = "GET /records/{recordID}"
      actions   = ["GetItem"]
      access    = "read"
    }
    list = {
      route_key = "GET /records"
      actions   = ["Query"]
      access    = "read"
    }
    update = {
      route_key = "PATCH /records/{recordID}"
      actions   = ["GetItem", "PutItem"]
      access    = "write"
    }
  }

  # The enabled operations, each with the execute-api resource its route answers to ("GET/records/*").
  operations = {
    for name, operation in local.catalogue : name => merge(operation, {
      resource = replace(replace(operation.route_key, " ", ""), "/{[^}]+}/", "*")
    }) if contains(var.operations, name)
  }

  # What each level of caller may reach. A writer reads too.
  operations_by_level = {
    reader = { for name, operation in local.operations : name => operation if operation.access == "read" }
    writer = local.operations
  }

  # Query works on indexes only; every other action works on the table only. No operation scans.
  actions       = toset(flatten([for operation in local.operations : operation.actions]))
  index_actions = [for action in local.actions : "dynamodb:${action}" if action == "Query"]
  table_actions = [for action in local.actions : "dynamodb:${action}" if action != "Query"]
  writes        = anytrue([for operation in local.operations : operation.access == "write"])
}
