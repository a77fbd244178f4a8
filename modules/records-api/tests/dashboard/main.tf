# Renders the dashboard for every set of operations, and for all operations with and without a
# budget, in three partitions, with one API and with two. tests/contract/test_dashboard.py checks
# the result. No provider is needed: instance/ links to the files that define the dashboard and sets
# the values they refer to.
locals {
  operations = [
    "changes", "create", "delete", "get", "history", "list", "restore", "update",
  ]

  # Bit number i of a number from 1 to 255 says whether the set contains operation number i.
  operation_sets = [
    for number in range(1, pow(2, length(local.operations))) : [
      for index, name in local.operations : name if floor(number / pow(2, index)) % 2 == 1
    ]
  ]

  combinations = concat(
    setproduct(local.operation_sets, [null], ["aws"], ["main"]),
    setproduct(
      [local.operations], [null, 25], ["aws", "aws-cn", "aws-us-gov"], ["main", "main,jwt"],
    ),
  )

  instances = {
    for combination in distinct(local.combinations) : join(" ", [
      join(",", combination[0]),
      combination[1] == null ? "no budget" : "budget",
      combination[2],
      combination[3],
      ]) => {
      apis       = combination[3]
      operations = combination[0]
      budget_usd = combination[1]
      partition  = combination[2]
    }
  }
}

module "instance" {
  source   = "./instance"
  for_each = local.instances

  api_ids    = { for api in split(",", each.value.apis) : api => "id-of-${api}" }
  budget_usd = each.value.budget_usd
  operations = each.value.operations
  partition  = each.value.partition
}

output "dashboards" {
  description = "The dashboard of each instance, with the inputs that it was rendered for."
  value = {
    for key, instance in local.instances :
    key => merge(instance, { body = module.instance[key].dashboard })
  }
}
