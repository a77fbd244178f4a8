# Every operation of the service. Derived from this map are: the routes and their authorization, the
# permissions to invoke the function, the actions in the function's role, its variable OPERATIONS,
# the callers' policies, the CORS settings, and the widgets and alarms per operation and table call.
#
# Written by hand elsewhere: the names that var.operations accepts (a validation cannot read
# locals), the KMS actions that reads and writes need (function.tf), the Deny for everything below a
# record (access.tf), the handler and the OpenAPI document. Tests compare the names in all of these
# places. Use literals only, because the tests read this file without Terraform.
locals {
  # `actions`: the DynamoDB actions of an operation, by what they act on: `records` (the table),
  # `indexes` (the table's indexes), `history` (the history table) and `feed` (its index byChange).
  # A write is one transaction, which DynamoDB authorizes as its parts ("Using IAM with DynamoDB
  # transactions"). `headers`: the request headers that a page in a browser must be allowed to send.
  catalog = {
    changes = {
      route_key = "GET /changes"
      actions   = { feed = ["Query"] }
      access    = "audit"
      headers   = []
    }
    create = {
      route_key = "POST /records"
      actions   = { history = ["GetItem", "PutItem"], records = ["GetItem", "PutItem"] }
      access    = "write"
      headers   = ["content-type", "idempotency-key"]
    }
    delete = {
      route_key = "DELETE /records/{recordID}"
      actions = {
        history = ["GetItem", "PutItem", "Query"]
        records = ["DeleteItem", "GetItem", "PutItem"]
      }
      access  = "write"
      headers = ["if-match", "if-none-match"]
    }
    get = {
      route_key = "GET /records/{recordID}"
      actions   = { records = ["GetItem"] }
      access    = "read"
      headers   = ["if-match", "if-none-match"]
    }
    history = {
      route_key = "GET /records/{recordID}/history"
      actions   = { history = ["Query"], records = ["GetItem"] }
      access    = "audit"
      headers   = []
    }
    list = {
      route_key = "GET /records"
      actions   = { indexes = ["Query"] }
      access    = "read"
      headers   = []
    }
    restore = {
      route_key = "POST /records/{recordID}/restore"
      actions   = { history = ["GetItem", "PutItem", "Query"], records = ["GetItem", "PutItem"] }
      access    = "write"
      headers   = ["content-type", "if-match", "if-none-match"]
    }
    update = {
      route_key = "PATCH /records/{recordID}"
      actions   = { history = ["GetItem", "PutItem", "Query"], records = ["GetItem", "PutItem"] }
      access    = "write"
      headers   = ["content-type", "if-match", "if-none-match"]
    }
  }

  # The enabled operations, each with the execute-api resource of its route ("GET/records/*").
  operations = {
    for name, operation in local.catalog : name => merge(operation, {
      resource = replace(replace(operation.route_key, " ", ""), "/{[^}]+}/", "*")
    }) if contains(var.operations, name)
  }

  # The operations that each access level allows. Writers and auditors may read too.
  access_of_level = {
    auditor = ["audit", "read"]
    reader  = ["read"]
    writer  = ["read", "write"]
  }
  operations_by_level = {
    for level, access in local.access_of_level : level => {
      for name, operation in local.operations : name => operation
      if contains(access, operation.access)
    }
  }

  # The actions of all enabled operations. No operation uses Scan.
  actions = {
    for target in ["feed", "history", "indexes", "records"] : target => sort(distinct(flatten([
      for operation in local.operations : lookup(operation.actions, target, [])
    ])))
  }
  writes = anytrue([for operation in local.operations : operation.access == "write"])
}
