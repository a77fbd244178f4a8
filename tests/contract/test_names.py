"""The longest names that the inputs allow are within AWS's limits in every region."""

from typing import Any

import pytest
from botocore.session import get_session

from contract import mocked
from lib.policies import resources_of
from policy.hcl import ROOT

# The attribute that holds the name, and the most characters that the service accepts, according to
# the API reference of each service (the operation that creates the resource).
LIMITS = {
    "aws_apigatewayv2_api": ("name", 128),
    "aws_apigatewayv2_authorizer": ("name", 128),
    "aws_budgets_budget": ("name", 100),
    "aws_cloudtrail": ("name", 128),
    "aws_cloudwatch_dashboard": ("dashboard_name", 255),
    "aws_cloudwatch_log_group": ("name", 512),
    "aws_cloudwatch_metric_alarm": ("alarm_name", 255),
    "aws_cloudwatch_query_definition": ("name", 255),
    "aws_dynamodb_table": ("name", 255),
    "aws_iam_policy": ("name", 128),
    "aws_iam_role": ("name", 64),
    "aws_iam_role_policy": ("name", 128),
    "aws_kms_alias": ("name", 256),
    "aws_lambda_alias": ("name", 128),
    "aws_lambda_function": ("function_name", 64),
    "aws_lambda_permission": ("statement_id", 100),
    "aws_s3_bucket": ("bucket", 63),
    "aws_scheduler_schedule": ("name", 64),
    "aws_scheduler_schedule_group": ("name", 64),
    "aws_sns_topic": ("name", 256),
}
# They have no name, or refer to another resource by its name.
NAMELESS = {
    "aws_apigatewayv2_integration",
    "aws_apigatewayv2_route",
    "aws_apigatewayv2_stage",
    "aws_dynamodb_resource_policy",
    "aws_iam_role_policy_attachment",
    "aws_kms_key",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_invocation",
    "aws_sns_topic_policy",
    "aws_sns_topic_subscription",
    "terraform_data",
}


def regions() -> set[str]:
    """Return the names of all regions of all partitions that botocore knows."""
    session = get_session()
    endpoints = session.get_component("data_loader").load_data("endpoints")
    return {region for partition in endpoints["partitions"] for region in partition["regions"]}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return mocked.applied("names", tmp_path_factory.mktemp("names"))


def test_no_name_is_too_long(state: dict[str, Any]) -> None:
    resources = list(resources_of(state["root_module"]))
    kinds = {each["type"] for each in resources}
    kinds = {kind for kind in kinds if not kind.startswith("aws_s3_bucket_")} - NAMELESS
    assert kinds == set(LIMITS), "add the new type to LIMITS or NAMELESS"
    names = [
        (each["values"][attribute], limit)
        for each in resources
        if each["type"] in LIMITS
        for attribute, limit in [LIMITS[each["type"]]]
    ]
    assert [(name, limit) for name, limit in names if len(name) > limit] == []


@pytest.mark.parametrize("module", ["audit-trail", "records-api", "state-backend"])
def test_tests_use_the_longest_region_name(module: str) -> None:
    longest = max(regions(), key=len)
    files = (ROOT / "modules" / module / "tests").glob("*.tftest.hcl")
    assert any(f'id = "{longest}"' in file.read_text() for file in files), longest
