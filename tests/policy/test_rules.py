"""The modules follow rules.py, and each rule catches a planted violation."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from policy import rules

Planted = dict[str, dict[str, Any]]
BUCKET = "state_backend.aws_s3_bucket"


def policy(resource: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first statement of a policy."""
    document = json.loads(resource["policy"])
    change(document["Statement"][0])
    resource["policy"] = json.dumps(document)


# The rule, the address of a resource, and what is done to it.
VIOLATIONS: dict[str, tuple[Any, str, Callable[[dict[str, Any]], object]]] = {
    "all actions": (
        rules.actions_are_named,
        "records_api.aws_iam_role_policy.function",
        lambda role: policy(role, lambda statement: statement.update(Action="dynamodb:*")),
    ),
    "alarm without an action": (
        rules.alarms_notify,
        'records_api.aws_cloudwatch_metric_alarm.catalog["api-5xx"]',
        lambda alarm: alarm.update(alarm_actions=[]),
    ),
    "alarm with its actions off": (
        rules.alarms_notify,
        'records_api.aws_cloudwatch_metric_alarm.catalog["api-5xx"]',
        lambda alarm: alarm.update(actions_enabled=False),
    ),
    "budget without a subscriber": (
        rules.budgets_notify,
        "cost_budget.aws_budgets_budget.monthly",
        lambda budget: [
            each.update(subscriber_email_addresses=[], subscriber_sns_topic_arns=[])
            for each in budget["notification"]
        ],
    ),
    "bucket without a policy": (
        rules.buckets_are_closed,
        f"{BUCKET}_policy.state",
        lambda resource: resource.update(bucket="another"),
    ),
    "plain HTTP": (
        rules.buckets_are_closed,
        f"{BUCKET}_policy.state",
        lambda resource: resource.update(
            policy=resource["policy"].replace("aws:SecureTransport", "aws:Other")
        ),
    ),
    "public bucket": (
        rules.buckets_are_closed,
        f"{BUCKET}_public_access_block.state",
        lambda block: block.update(block_public_policy=False),
    ),
    "AES256": (
        rules.buckets_are_closed,
        f"{BUCKET}_server_side_encryption_configuration.state",
        lambda resource: resource["rule"][0]["apply_server_side_encryption_by_default"][0].update(
            sse_algorithm="AES256"
        ),
    ),
    "no versions": (
        rules.buckets_are_closed,
        f"{BUCKET}_versioning.state",
        lambda resource: resource["versioning_configuration"][0].update(status="Suspended"),
    ),
    "everybody": (
        rules.nobody_is_everybody,
        'records_api.aws_sns_topic_policy.alarms["own"]',
        lambda topic: policy(
            topic, lambda statement: [statement.update(Principal="*"), statement.pop("Condition")]
        ),
    ),
    "any route": (
        rules.permissions_name_alias_and_route,
        'records_api.aws_lambda_permission.api["list"]',
        lambda permission: permission.update(
            source_arn=permission["source_arn"].partition("/")[0] + "/*/*/records"
        ),
    ),
    "the function in place of its alias": (
        rules.permissions_name_alias_and_route,
        'records_api.aws_lambda_permission.api["list"]',
        lambda permission: permission.update(qualifier=None),
    ),
    "no limits": (
        rules.stages_are_throttled,
        'records_api.aws_apigatewayv2_stage.serving["main"]',
        lambda stage: stage["default_route_settings"][0].update(throttling_rate_limit=0),
    ),
    "no deletion protection": (
        rules.tables_are_protected,
        "records_api.aws_dynamodb_table.history",
        lambda table: table.update(deletion_protection_enabled=False),
    ),
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_modules_follow_the_rule(rule: Any, resources: rules.Resources) -> None:
    assert not rule(resources)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_violation_is_found(name: str, resources: rules.Resources) -> None:
    rule, address, violate = VIOLATIONS[name]
    planted = copy.deepcopy({each: dict(values) for each, values in resources.items()})
    violate(planted[address])
    assert rule(planted)


def test_each_rule_has_a_violation() -> None:
    assert {rule for rule, *_ in VIOLATIONS.values()} == set(rules.RULES)
