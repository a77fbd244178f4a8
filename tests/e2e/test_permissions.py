"""Each operation needs each of its DynamoDB permissions, with IAM enforced by the emulator.

The self-test's probe makes the calls of an operation. It passes with the permissions of
modules/records-api/operations.tf, and fails if one of them is missing.
"""

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from e2e.support import TABLE
from lib.client import Caller
from lib.emulator import REGION
from lib.stack import Stack
from policy.hcl import ROOT, blocks
from records_api import config, dynamodb, probes, store

HISTORY = f"{TABLE}-history"
ARN = f"arn:aws:dynamodb:{REGION}:000000000000:table/"
RESOURCES = {
    "feed": f"{ARN}{HISTORY}/index/byChange",
    "history": f"{ARN}{HISTORY}",
    "indexes": f"{ARN}{TABLE}/index/*",
    "records": f"{ARN}{TABLE}",
}
[LOCALS] = blocks(ROOT / "modules" / "records-api" / "operations.tf", "locals")
PERMISSIONS: dict[str, list[tuple[str, str]]] = {
    name: [
        (f"dynamodb:{action}", RESOURCES[target])
        for target, actions in operation["actions"].items()
        for action in actions
    ]
    for name, operation in LOCALS.body["catalog"].items()
}

Aws = Callable[..., Any]


def policy(permissions: list[tuple[str, str]]) -> dict[str, Any]:
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": resource}
        for action, resource in permissions
    ]
    return {"Version": "2012-10-17", "Statement": statements}


@pytest.mark.parametrize("operation", sorted(PERMISSIONS))
def test_operation_needs_each_permission(
    operation: str,
    stack: Stack,
    aws: Aws,
    new_user: Callable[..., Caller],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    permissions = PERMISSIONS[operation]
    user = new_user(policy=policy(permissions))
    name = aws("iam").get_access_key_last_used(AccessKeyId=user.access_key_id)["UserName"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_access_key)
    client = dynamodb.Client(stack.url, REGION)
    table = store.Table(client, TABLE, HISTORY, config.FILTERS, math.inf)
    probes.probe(table, operation)
    for missing in permissions:
        others = [each for each in permissions if each != missing]
        # A policy must have a statement. This one allows nothing that a probe does.
        document = policy(others or [("dynamodb:ListTables", "*")])
        aws("iam").put_user_policy(
            UserName=name, PolicyName="test", PolicyDocument=json.dumps(document)
        )
        with pytest.raises(dynamodb.Refused, match="AccessDenied"):
            probes.probe(table, operation)
    client.close()
