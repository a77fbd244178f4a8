"""Policies of our own that checkov does not have, for the resources of a plan or a mocked apply.

Each rule takes the resources' values by address and returns one line per violation.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lib.policies import resources_of
from policy.iam import listed

Resources = Mapping[str, Mapping[str, Any]]
BLOCKS = (
    "block_public_acls",
    "block_public_policy",
    "ignore_public_acls",
    "restrict_public_buckets",
)


def of_type(resources: Resources, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the resources of one type, by address."""
    return {
        address: values
        for address, values in resources.items()
        if f".{address}".partition(f".{kind}.")[1]
    }


def statements(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each statement of each policy, with the address of its resource."""
    for address, values in resources.items():
        for name in ("policy", "assume_role_policy"):
            if isinstance(text := values.get(name), str) and text.startswith("{"):
                for statement in listed(json.loads(text)["Statement"]):
                    yield address, statement


def resources_by_address(plan: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values of each resource in the JSON of a plan or state."""
    root = (plan.get("planned_values") or plan["values"])["root_module"]
    return {each["address"]: each["values"] for each in resources_of(root)}


def violations(resources: Resources) -> list[str]:
    """Return the violations of all rules."""
    return [violation for rule in RULES for violation in rule(resources)]


def stages_are_throttled(resources: Resources) -> list[str]:
    """An API without limits can cost any amount."""
    return [
        f"{address} has no throttling limits"
        for address, stage in of_type(resources, "aws_apigatewayv2_stage").items()
        for limits in (stage["default_route_settings"] or [{}])
        if not (limits.get("throttling_burst_limit") and limits.get("throttling_rate_limit"))
    ]


def tables_are_protected(resources: Resources) -> list[str]:
    """In profile prod, a plan that somebody approves too quickly can't delete a table."""
    profiles = {
        address.rpartition("terraform_data.")[0]: values["input"]
        for address, values in of_type(resources, "terraform_data").items()
    }
    return [
        f"{address} has no deletion protection"
        for address, table in of_type(resources, "aws_dynamodb_table").items()
        if not table["deletion_protection_enabled"]
        and profiles[address.rpartition("aws_dynamodb_table.")[0]] == "prod"
    ]


def alarms_notify(resources: Resources) -> list[str]:
    """An alarm without an action is seen by nobody."""
    return [
        f"{address} has no action"
        for address, alarm in of_type(resources, "aws_cloudwatch_metric_alarm").items()
        if not alarm["alarm_actions"] or alarm["actions_enabled"] is False
    ]


def budgets_notify(resources: Resources) -> list[str]:
    """Each notification of a budget has a subscriber."""
    subscribers = ("subscriber_email_addresses", "subscriber_sns_topic_arns")
    return [
        f"{address} notifies nobody"
        for address, budget in of_type(resources, "aws_budgets_budget").items()
        for notification in (budget["notification"] or [{}])
        if not any(notification.get(name) for name in subscribers)
    ]


def buckets_are_closed(resources: Resources) -> list[str]:
    """Each bucket is private, versioned and encrypted with a KMS key, and refuses plain HTTP."""
    problems = []
    for address, bucket in of_type(resources, "aws_s3_bucket").items():
        settings = {
            kind: [
                values
                for values in of_type(resources, f"aws_s3_bucket_{kind}").values()
                if values["bucket"] == bucket["id"]
            ]
            for kind in (
                "policy",
                "public_access_block",
                "server_side_encryption_configuration",
                "versioning",
            )
        }
        problems += [f"{address} has no {kind}" for kind, found in settings.items() if not found]
        problems += [
            f"{address} is not private"
            for block in settings["public_access_block"]
            if not all(block[name] for name in BLOCKS)
        ]
        problems += [
            f"{address} is not encrypted with a KMS key"
            for encryption in settings["server_side_encryption_configuration"]
            for rule in encryption["rule"]
            for default in rule["apply_server_side_encryption_by_default"]
            if default["sse_algorithm"] != "aws:kms"
        ]
        problems += [
            f"{address} keeps no versions"
            for versioning in settings["versioning"]
            if versioning["versioning_configuration"][0]["status"] != "Enabled"
        ]
        problems += [
            f"{address} accepts requests without TLS"
            for policy in settings["policy"]
            if not any(map(_denies_plain_http, json.loads(policy["policy"])["Statement"]))
        ]
    return problems


def _denies_plain_http(statement: Mapping[str, Any]) -> bool:
    condition = statement.get("Condition", {}).get("Bool", {})
    return (
        statement["Effect"] == "Deny"
        and listed(statement["Action"]) == ["s3:*"]
        and statement["Principal"] in ("*", {"AWS": "*"})
        and condition == {"aws:SecureTransport": "false"}
    )


def nobody_is_everybody(resources: Resources) -> list[str]:
    """No statement allows every principal of AWS something without a condition."""
    return [
        f"{address} allows {statement['Action']} to everybody"
        for address, statement in statements(resources)
        if statement["Effect"] == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and not statement.get("Condition")
    ]


def actions_are_named(resources: Resources) -> list[str]:
    """No statement allows all actions of a service, except to a key's account.

    Without that statement, nobody could manage the key (AWS KMS Developer Guide, "Default key
    policy").
    """
    return [
        f"{address} allows {action}"
        for address, statement in statements(resources)
        for action in listed(statement["Action"])
        if statement["Effect"] == "Allow" and (action == "*" or action.endswith(":*"))
        if not (action == "kms:*" and _is_account(statement.get("Principal", {})))
    ]


def _is_account(principal: Any) -> bool:
    return isinstance(principal, dict) and str(principal.get("AWS", "")).endswith(":root")


def permissions_name_alias_and_route(resources: Resources) -> list[str]:
    """An API may invoke one alias, and through one route, not the function or any route."""
    aliases = {alias["name"] for alias in of_type(resources, "aws_lambda_alias").values()}
    return [
        f"{address} names no alias and route: {permission['source_arn']}"
        for address, permission in of_type(resources, "aws_lambda_permission").items()
        if permission["qualifier"] not in aliases
        or len(permission["source_arn"].split("/")) < 4
        or "*" in permission["source_arn"].split("/")[1:3]
    ]


RULES: tuple[Callable[[Resources], list[str]], ...] = (
    actions_are_named,
    alarms_notify,
    budgets_notify,
    buckets_are_closed,
    nobody_is_everybody,
    permissions_name_alias_and_route,
    stages_are_throttled,
    tables_are_protected,
)
