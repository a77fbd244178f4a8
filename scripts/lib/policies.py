"""Reads the policies that Terraform renders, from the JSON of a state or of a mocked apply."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lib import terraform

IDENTITY_POLICIES = frozenset(("aws_iam_policy", "aws_iam_role_policy"))
# Where a resource keeps its policy. Identity policies come first, then policies of resources.
_ATTRIBUTES = {
    **dict.fromkeys(IDENTITY_POLICIES, "policy"),
    "aws_dynamodb_resource_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_kms_key": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue_policy": "policy",
}


def resources_of(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every managed resource in a module and below it."""
    yield from (each for each in module.get("resources", []) if each["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from resources_of(child)


def policies_of(resources: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the policy document of each resource that has one, by address."""
    return {
        resource["address"]: json.loads(resource["values"][attribute])
        for resource in resources
        if (attribute := _ATTRIBUTES.get(resource["type"]))
    }


def function_policies(resources: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the resource policies of functions, by the address of their aws_lambda_permission.

    Each resource of that type adds a statement to the policy of its function or alias. Resources
    of one block, which differ in their key, are one policy here.
    """
    statements: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        if resource["type"] == "aws_lambda_permission":
            address = re.sub(r'\["[^"]*"\]$', "", resource["address"])
            statements.setdefault(address, []).append(_invocation(resource["values"]))
    return {
        address: {"Version": "2012-10-17", "Statement": each}
        for address, each in statements.items()
    }


def _invocation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the statement that Lambda makes of a permission (API Reference, "AddPermission")."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": values["principal"]},
        "Action": values["action"],
        "Resource": f"{values['function_name']}:{values['qualifier']}",
        "Condition": {"ArnLike": {"AWS:SourceArn": values["source_arn"]}},
    }


def render(folder: Path, work: Path) -> list[dict[str, Any]]:
    """Return the resources of the mocked apply in `folder`: address, type and values.

    `work` is for temporary files. Addresses do not begin with `module.`. Raises Failure if
    Terraform fails.
    """
    runner = terraform.ensure(work / "log")
    env = terraform.environment(data=work / "data")
    runner.run(folder, "init", "-backend=false", "-no-color", env=env)
    output = runner.run(folder, "test", "-json", "-verbose", env=env)  # verbose prints the state
    messages = map(json.loads, output.splitlines())
    (state,) = (each["test_state"] for each in messages if each["type"] == "test_state")
    return [
        {
            "address": resource["address"].removeprefix("module."),
            "type": resource["type"],
            "values": resource["values"],
        }
        for resource in resources_of(state["root_module"])
    ]
