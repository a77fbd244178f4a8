"""Lists the permissions that the identity that runs Terraform needs, in docs/deployer.md.

The list comes from the calls that Terraform was observed to make on the emulator, which are in
tests/policy/deployer/calls.json. --observe records them again.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from lib import deployer_calls, venvs
from lib.console import Failure, argument_parser, main, step
from lib.deployer_calls import STACK, Calls
from lib.paths import ROOT, shown

PAGE = ROOT / "docs" / "deployer.md"
CALLS = STACK / "calls.json"

_PREFIXES = {"apigatewayv2": "apigateway", "cloudwatchlogs": "logs"}
# S3 calls whose action has another name (Service Authorization Reference, "Actions, resources, and
# condition keys for Amazon S3").
_S3 = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_BUDGETS = {"Create": "Modify", "Delete": "Modify", "Describe": "View", "Update": "Modify"}
# "No permissions are required" (AWS STS API Reference, "GetCallerIdentity").
_FREE = frozenset({"STS.GetCallerIdentity"})


class Extra(NamedTuple):
    """Actions that AWS checks although Terraform does not call them: what for, and the source."""

    actions: tuple[str, ...]
    purpose: str
    source: str


EXTRAS = (
    Extra(
        ("iam:PassRole",),
        "the roles of the function, the heartbeat and the trail's log delivery",
        "Service Authorization Reference: dependent action of `lambda:CreateFunction` and "
        "`scheduler:CreateSchedule`; AWS CloudTrail User Guide",
    ),
    Extra(
        ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"),
        "on the key of the tables and of the function's environment",
        'Amazon DynamoDB Developer Guide, "DynamoDB encryption at rest"; AWS Lambda Developer '
        'Guide, "Securing Lambda environment variables"',
    ),
    Extra(
        (
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ),
        "the access log of the API",
        '"Configure logging for HTTP APIs in API Gateway"',
    ),
    Extra(
        ("iam:CreateServiceLinkedRole",),
        "API Gateway's role, if the account has none yet",
        '"Using service-linked roles for API Gateway"',
    ),
    Extra(
        ("cloudtrail:RemoveTags",),
        "a tag removed from the trail, because the emulator does not return its tags",
        'AWS CloudTrail API Reference, "RemoveTags"',
    ),
    Extra(
        ("apigateway:PUT",),
        "tags: for some resources AWS checks `PUT` on `/tags/*`, beside the verb of the call",
        "github.com/iann0036/iam-dataset, pull request 39, tested against AWS",
    ),
    Extra(
        (
            "ce:CreateAnomalyMonitor",
            "ce:CreateAnomalySubscription",
            "ce:DeleteAnomalyMonitor",
            "ce:DeleteAnomalySubscription",
            "ce:GetAnomalyMonitors",
            "ce:GetAnomalySubscriptions",
            "ce:ListTagsForResource",
            "ce:TagResource",
            "ce:UntagResource",
            "ce:UpdateAnomalyMonitor",
            "ce:UpdateAnomalySubscription",
        ),
        "`anomaly_monitor` of cost-budget, which the emulator does not have",
        "the calls of the same names in the AWS Cost Explorer API",
    ),
)

_HEAD = """\
# Who runs Terraform

The permissions that the identity that applies the modules needs, such as a CI role. Terraform
applied all modules with their options to the emulator, changed and destroyed them; the AWS provider
logged its calls. The first column of actions is what `terraform plan` needs for resources that
exist, the second what `terraform apply` and `terraform destroy` need as well. Leave out the types
that your plan does not contain.

`scripts/deployer --policy plan` and `scripts/deployer --policy apply` print both as an IAM policy
for all resources (`*`). To narrow it:

- the names of most resources begin with `<name>-<environment>`, those of roles and policies with
  `<name>-<environment>-<region>`: limit `Resource` to them. KMS keys and API IDs have no names;
- allow `iam:CreateRole` only with your permissions boundary (`iam:PermissionsBoundary`), and set
  `permissions_boundary_arn` of the module;
- allow `iam:PassRole` only to `lambda.amazonaws.com`, `scheduler.amazonaws.com` and
  `cloudtrail.amazonaws.com` (`iam:PassedToService`).

Not covered:

- calls of configurations that were not applied, such as `force_destroy` of a bucket with files, a
  package in S3 (`s3:GetObject` and `s3:GetObjectVersion` on it) and your own KMS key;
- what AWS checks beside the action itself. The [last section](#actions-without-a-call) lists what
  is known; the emulator checks nothing, so only an apply in AWS proves the list complete;
- access to Terraform's state: see [state-backend](../modules/state-backend/README.md);
- calls that the provider makes only after an error, or in other versions than 5.100.

`scripts/deployer --write` generates this page; `--observe` first records the calls again, which
takes several minutes. `scripts/test` fails if a resource type of the modules is missing.

## Actions by resource type

| type | `terraform plan` | also `apply` and `destroy` |
| --- | --- | --- |
"""
_TAIL = """
## Actions without a call

| actions | for | source |
| --- | --- | --- |
"""


def action(call: str) -> str:
    """Return the IAM action of a call such as `Lambda.Invoke`. Raises ValueError if unknown."""
    service, _, operation = call.partition(".")
    prefix = service.lower().replace(" ", "")
    prefix = _PREFIXES.get(prefix, prefix)
    if prefix == "apigateway":
        return f"apigateway:{_verbs()[operation]}"
    if prefix == "s3":
        return f"s3:{_S3.get(operation, operation)}"
    if call == "Lambda.Invoke":
        return "lambda:InvokeFunction"
    if prefix == "budgets" and not operation.endswith("Resource"):
        [verb] = {kind for name, kind in _BUDGETS.items() if operation.startswith(name)}
        return f"budgets:{verb}Budget"
    return f"{prefix}:{operation}"


@cache
def _verbs() -> dict[str, str]:
    """Return the HTTP verb of each operation of HTTP APIs, which is its IAM action."""
    from botocore.session import get_session

    model = get_session().get_service_model("apigatewayv2")
    return {name: model.operation_model(name).http["method"] for name in model.operation_names}


def actions(calls: Iterable[str]) -> list[str]:
    """Return the actions of these calls, sorted, without calls that need no permission."""
    return sorted({action(call) for call in calls if call not in _FREE})


def policy(calls: Calls, phase: str) -> dict[str, Any]:
    """Return an IAM policy with all actions: of a plan, or of a plan and an apply."""
    needed = {each for kind in calls.values() for each in actions(kind["plan"])}
    if phase == "apply":
        needed |= {each for kind in calls.values() for each in actions(kind["apply"])}
        needed |= {each for extra in EXTRAS for each in extra.actions}
    statement = {"Effect": "Allow", "Action": sorted(needed), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def page(calls: Calls) -> str:
    """Return the text of docs/deployer.md."""
    return "".join([_HEAD, *_rows(calls), _TAIL, *(_extra_row(extra) for extra in EXTRAS)])


def _rows(calls: Calls) -> Iterator[str]:
    for kind, phases in sorted(calls.items()):
        plan, apply = (actions(phases[phase]) for phase in ("plan", "apply"))
        if plan or apply:
            later = [each for each in apply if each not in plan]
            yield f"| `{kind}` | {_listed(plan)} | {_listed(later)} |\n"


def _extra_row(extra: Extra) -> str:
    return f"| {_listed(extra.actions)} | {extra.purpose} | {extra.source} |\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def load() -> Calls:
    """Return the committed calls."""
    calls: Calls = json.loads(CALLS.read_text())
    return calls


def _verb() -> None:
    parser = argument_parser(prog="scripts/deployer", description=__doc__)
    parser.add_argument("--observe", action="store_true", help=f"write {shown(CALLS)}; slow")
    parser.add_argument("--write", action="store_true", help=f"write {shown(PAGE)}")
    parser.add_argument("--policy", choices=["plan", "apply"], help="print an IAM policy")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.deployer")
    if arguments.observe:
        venvs.ensure("emulator")
        deployer_calls.write(deployer_calls.observe(), CALLS)
    text = page(load())
    if arguments.policy:
        print(json.dumps(policy(load(), arguments.policy), indent=2))
    elif arguments.write:
        with step(f"{shown(PAGE)} written"):
            PAGE.write_text(text)
    elif text != PAGE.read_text():
        raise Failure(f"{shown(PAGE)} is out of date", "run scripts/deployer --write")


if __name__ == "__main__":
    main(_verb)
