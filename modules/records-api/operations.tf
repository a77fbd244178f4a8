# Every operation of the service. Routes and their authorization, the function's permissions and
# environment, the callers' policies and the invoke permissions are derived from this map. Use
# literals only: a contract test compares it with the OpenAPI document and the handler.
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

  # The enabled operations, each with the execute-api resource of its route ("GET/records/*").
  operations = {
    for name, operation in local.catalogue : name => merge(operation, {
      resource = replace(replace(operation.route_key, " ", ""), "/{[^}]+}/", "*")
    }) if contains(var.operations, name)
  }

  # The operations that each access level allows. Writers may read too.
  operations_by_level = {
    reader = {
      for name, operation in local.operations : name => operation if operation.access == "read"
    }
    writer = local.operations
  }

  # Query is used on indexes only, every other action on the table only. No operation uses Scan.
  actions       = toset(flatten([for operation in local.operations : operation.actions]))
  index_actions = [for action in local.actions : "dynamodb:${action}" if action == "Query"]
  table_actions = [for action in local.actions : "dynamodb:${action}" if action != "Query"]
  writes        = anytrue([for operation in local.operations : operation.access == "write"])
}
