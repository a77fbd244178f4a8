"""What AWS rejects but the emulator accepts, checked on the plan of an applied stack.

pytest does not collect this file by itself, because it needs such a stack. Run it by name, with
RECORDS_PLAN_JSON set to the path of the output of `terraform show -json` for a state or plan.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from policy import rules
from policy.iam import Request, is_allowed, listed

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # it leaves the files of its definitions open
    from parliament import analyze_policy_string

VARIABLE = "RECORDS_PLAN_JSON"
IN_TRANSACTION = {
    "ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}
}
Resource = dict[str, Any]  # the values of one resource, as the provider names them


def statements(document: str) -> list[dict[str, Any]]:
    """Return the statements of a policy, which can have one statement or a list."""
    content = json.loads(document)["Statement"]
    return [content] if isinstance(content, dict) else list(content)


@pytest.fixture(scope="session")
def applied() -> dict[str, Resource]:
    """Return all resources by address."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.fail(f"{VARIABLE} must be the path of the output of `terraform show -json`")
    return rules.resources_by_address(json.loads(Path(path).read_text()))


def of_type(applied: dict[str, Resource], kind: str) -> dict[str, Resource]:
    """Return the resources of one type. Fails if there are none."""
    resources = {
        address: values
        for address, values in applied.items()
        if f".{address}".rpartition(".")[0].endswith(kind)
    }
    assert resources, f"no {kind} in this stack"
    return resources


def identity_policies(applied: dict[str, Resource]) -> dict[str, str]:
    """Return the documents of identity policies, by address."""
    return {
        address: values["policy"]
        for kind in ("aws_iam_policy", "aws_iam_role_policy")
        for address, values in of_type(applied, f".{kind}").items()
    }


def test_policies_have_no_findings(applied: dict[str, Resource]) -> None:
    assert not [
        f"{address}: {finding}"
        for address, document in identity_policies(applied).items()
        for finding in analyze_policy_string(document).findings
    ]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_stack_follows_the_rule(rule: Any, applied: dict[str, Resource]) -> None:
    assert not rule(applied)


def test_no_policy_names_any_resource(applied: dict[str, Resource]) -> None:
    for address, document in identity_policies(applied).items():
        for statement in statements(document):
            assert "*" not in listed(statement["Resource"]), address
            assert "logs:CreateLogGroup" not in listed(statement["Action"]), address


def test_routes_may_invoke_the_alias(applied: dict[str, Resource]) -> None:
    """API Gateway returns 500 if a permission has another qualifier, stage, method or path."""
    (alias,) = of_type(applied, ".aws_lambda_alias").values()
    (integration,) = of_type(applied, ".aws_apigatewayv2_integration").values()
    (api,) = of_type(applied, ".aws_apigatewayv2_api").values()
    (stage,) = of_type(applied, ".aws_apigatewayv2_stage").values()
    assert integration["integration_uri"] == alias["invoke_arn"]
    permitted = set()
    for permission in of_type(applied, ".aws_lambda_permission").values():
        assert permission["qualifier"] == alias["name"]
        assert permission["function_name"] == alias["function_name"]
        permitted.add(permission["source_arn"])
    expected = set()
    for route in of_type(applied, ".aws_apigatewayv2_route").values():
        method, _, path = route["route_key"].partition(" ")
        resource = "/".join("*" if part.startswith("{") else part for part in path.split("/"))
        expected.add(f"{api['execution_arn']}/{stage['name']}/{method}{resource}")
        assert route["target"] == f"integrations/{integration['id']}"
    assert permitted == expected


def test_stage_has_a_log(applied: dict[str, Resource]) -> None:
    (stage,) = of_type(applied, ".aws_apigatewayv2_stage").values()
    (log,) = stage["access_log_settings"]
    groups = of_type(applied, ".aws_cloudwatch_log_group").values()
    assert log["destination_arn"] in {group["arn"] for group in groups}
    for value in json.loads(log["format"]).values():
        assert isinstance(value, str), "API Gateway writes - for missing values: quote them"


def test_key_policy_allows_the_logs_of_this_stack_only(applied: dict[str, Resource]) -> None:
    """Without a condition, the logs of every account could use the key."""
    (key,) = of_type(applied, ".aws_kms_key").values()
    root, *services = statements(key["policy"])
    assert root["Principal"]["AWS"].endswith(":root")
    assert services
    for statement in services:
        assert statement["Condition"], statement["Sid"]
    groups = of_type(applied, ".aws_cloudwatch_log_group").values()
    (logs,) = [
        statement for statement in services if statement["Principal"]["Service"].startswith("logs.")
    ]
    named = logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
    assert sorted(listed(named)) == sorted(group["arn"] for group in groups)
    for group in groups:
        assert group["kms_key_id"] == key["arn"]


def test_roles_may_use_the_keys_of_their_log_groups(
    applied: dict[str, Resource],
) -> None:
    """Amazon CloudWatch Logs User Guide, "Encrypt log data in CloudWatch Logs using AWS KMS"."""
    keys = {
        group["arn"]: group["kms_key_id"]
        for group in of_type(applied, ".aws_cloudwatch_log_group").values()
        if group["kms_key_id"]
    }
    written = []
    for address, values in of_type(applied, ".aws_iam_role_policy").items():
        allowed = statements(values["policy"])
        for group in log_groups_written(allowed) & keys.keys():
            written.append(address)
            via = f"logs.{group.split(':')[3]}."
            for action in ("Decrypt", "Encrypt", "GenerateDataKey*", "ReEncrypt*"):
                assert [
                    statement
                    for statement in using_key(allowed, f"kms:{action}", keys[group], via)
                    if group in encryption_context(statement)
                ], (address, action)
            # DescribeKey has no encryption context, so a condition on it is never true.
            assert [
                statement
                for statement in using_key(allowed, "kms:DescribeKey", keys[group], via)
                if not encryption_context(statement)
            ], address
    assert written


def log_groups_written(allowed: list[dict[str, Any]]) -> set[str]:
    """Return the ARNs of the log groups that a policy allows to write to."""
    return {
        resource.removesuffix(":*")
        for statement in allowed
        if "logs:PutLogEvents" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def using_key(
    allowed: list[dict[str, Any]], action: str, key: str, via: str
) -> list[dict[str, Any]]:
    """Return the statements that allow an action on a key through a service."""
    return [
        statement
        for statement in allowed
        if action in listed(statement["Action"])
        and key in listed(statement["Resource"])
        and statement.get("Condition", {})
        .get("StringEquals", {})
        .get("kms:ViaService", "")
        .startswith(via)
    ]


def encryption_context(statement: dict[str, Any]) -> list[str]:
    """Return the log groups in the encryption context that a statement requires."""
    return [
        arn
        for operator in ("ArnEquals", "StringEquals")
        for arn in listed(
            statement["Condition"].get(operator, {}).get("kms:EncryptionContext:aws:logs:arn", [])
        )
    ]


def test_function_may_use_its_tables_and_indexes(
    applied: dict[str, Resource],
) -> None:
    """Entries of the history are only added, and only in transactions.

    Amazon DynamoDB Developer Guide, "Using IAM with DynamoDB transactions", example 2: a request
    outside a transaction has no `dynamodb:EnclosingOperation`, and ForAnyValue does not match it.
    """
    tables = {
        address.rpartition(".")[2]: table
        for address, table in of_type(applied, ".aws_dynamodb_table").items()
    }
    records, history = tables["records"], tables["history"]
    (policy,) = [
        policy
        for policy in of_type(applied, ".aws_iam_role_policy").values()
        if policy["name"] == "records"
    ]
    allowed: dict[str, set[str]] = {}
    for statement in statements(policy["policy"]):
        for action in listed(statement["Action"]):
            service, _, name = action.partition(":")
            if service == "dynamodb":
                for resource in listed(statement["Resource"]):
                    allowed.setdefault(resource, set()).add(name)
                    conditions = statement.get("Condition")
                    assert (conditions == IN_TRANSACTION) == (
                        resource == history["arn"] and name == "PutItem"
                    )
                    assert conditions in (None, IN_TRANSACTION)
    assert allowed == {
        records["arn"]: {"DeleteItem", "GetItem", "PutItem"},
        history["arn"]: {"GetItem", "PutItem", "Query"},
        **{
            f"{table['arn']}/index/{index['name']}": {"Query"}
            for table in tables.values()
            for index in table["global_secondary_index"]
        },
    }


def test_both_tables_are_encrypted_and_recoverable(
    applied: dict[str, Resource],
) -> None:
    (key,) = of_type(applied, ".aws_kms_key").values()
    tables = of_type(applied, ".aws_dynamodb_table").values()
    assert len(tables) == 2
    for table in tables:
        (encryption,) = table["server_side_encryption"]
        assert (encryption["enabled"], encryption["kms_key_arn"]) == (True, key["arn"])
        (ttl,) = table["ttl"]
        assert (ttl["enabled"], ttl["attribute_name"]) == (True, "expiresAt")
        (recovery,) = table["point_in_time_recovery"]
        assert recovery["enabled"]


def test_only_auditors_may_read_histories(applied: dict[str, Resource]) -> None:
    """`*` matches slashes: GET records/* allows GET records/*/history, too, unless it is denied."""
    (api,) = of_type(applied, ".aws_apigatewayv2_api").values()
    (stage,) = of_type(applied, ".aws_apigatewayv2_stage").values()
    history = Request(
        "arn:aws:iam::000000000000:user/caller",
        "execute-api:Invoke",
        f"{api['execution_arn']}/{stage['name']}/GET/records/1/history",
    )
    policies = {
        address.rpartition(".")[2]: policy["policy"]
        for address, policy in of_type(applied, ".aws_iam_policy").items()
    }
    auditors = [
        key
        for key, policy in policies.items()
        if is_allowed(history, "000000000000", identity_policies=[policy])
    ]
    assert len(policies) == 3
    assert auditors == ['caller["auditor"]']


def test_heartbeat_invokes_the_alias_once(applied: dict[str, Resource]) -> None:
    """AWS Lambda Developer Guide, "Invoke a Lambda function on a schedule": it is asynchronous."""
    (alias,) = of_type(applied, ".aws_lambda_alias").values()
    (schedule,) = of_type(applied, ".aws_scheduler_schedule").values()
    (target,) = schedule["target"]
    assert target["arn"] == alias["arn"]
    (role,) = [
        role
        for role in of_type(applied, ".aws_iam_role").values()
        if role["arn"] == target["role_arn"]
    ]
    (policy,) = [
        policy
        for policy in of_type(applied, ".aws_iam_role_policy").values()
        if policy["role"] == role["id"]
    ]
    (permission,) = statements(policy["policy"])
    assert listed(permission["Action"]) == ["lambda:InvokeFunction"]
    assert listed(permission["Resource"]) == [alias["arn"]]
    # "Confused deputy prevention in EventBridge Scheduler": SourceArn must be the group.
    (group,) = of_type(applied, ".aws_scheduler_schedule_group").values()
    assert schedule["group_name"] == group["name"]
    (trust,) = statements(role["assume_role_policy"])
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "ArnEquals": {"aws:SourceArn": group["arn"]},
        "StringEquals": {"aws:SourceAccount": group["arn"].split(":")[4]},
    }
    (invocations,) = of_type(applied, ".aws_lambda_function_event_invoke_config").values()
    assert invocations["function_name"] == alias["function_name"]
    assert invocations["qualifier"] == alias["name"]
    (retries,) = target["retry_policy"]
    assert (invocations["maximum_retry_attempts"], retries["maximum_retry_attempts"]) == (0, 0)
