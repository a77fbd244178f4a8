"""The errors and warnings of modules/records-api/profile.tf.

tests/inputs of the module contains its variables and profile.tf, and needs no provider.
"""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from botocore.session import get_session

from lib import terraform
from policy.hcl import ROOT

INPUTS = ROOT / "modules/records-api/tests/inputs"
LOOPBACK = "http://127.0.0.1:8080"

PROD: dict[str, Any] = {
    "environment": "prod",
    "alarms": {"emails": ["on-call@example.com"]},
    "audit": {"mode": "off"},
    "budget": {"monthly_usd": 25},
}
UNSAFE: dict[str, Any] = {
    "audit": {"force_destroy": True},
    "auth": {"mode": "NONE"},
    "function": {"dynamodb_endpoint_url": LOOPBACK},
    "log_retention_days": 180,
    "table": {"deletion_protection": False, "point_in_time_recovery": False},
}
REJECTED_IN_PROD = [
    'function.dynamodb_endpoint_url may use http only in profile "local": set an https URL.',
    'prod refuses auth.mode "NONE", which lets anyone in: use "IAM" or "JWT".',
    "prod requires at least one alarm recipient: set alarms.emails or alarms.topic_arns.",
    'prod requires audit.mode: use "create", or "off" if another trail covers the table.',
    "prod requires audit.force_destroy = false: audit evidence must outlive the service.",
    'prod requires budget: set monthly_usd in it, or mode = "off" and a reason.',
    "prod requires log_retention_days of at least 365, to trace changes for a year.",
    "prod requires table.deletion_protection = true.",
    "prod requires table.point_in_time_recovery = true.",
]

WARNINGS = [
    "alarms.tune has no effect without alarms.emails or alarms.topic_arns: check the spelling.",
    'audit has settings but no mode, so there is no trail: set audit.mode to "create" or "off".',
    "orders-dev has no alarms: set alarms.emails or alarms.topic_arns; check the spelling.",
]

Messages = list[tuple[str, str]]  # severity and text
Plan = Callable[..., Messages]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Plan these inputs and return all errors and warnings, sorted."""
    folder = tmp_path_factory.mktemp("inputs")
    shutil.copytree(INPUTS, folder, dirs_exist_ok=True)
    runner = terraform.ensure(folder / "terraform.log")
    env = terraform.environment(data=folder / ".terraform")
    runner.run(folder, "init", "-no-color", env=env)

    def planned(**inputs: Any) -> Messages:
        (folder / "inputs.auto.tfvars.json").write_text(json.dumps({"name": "orders"} | inputs))
        lines = runner.call(folder, "plan", "-json", env=env).output.splitlines()
        reports = [report for line in lines if (report := json.loads(line).get("diagnostic"))]
        return sorted((report["severity"], report["detail"].strip()) for report in reports)

    return planned


@pytest.mark.parametrize(
    "names", [{"environment": "prod"}, {"environment": "x", "profile": "prod"}]
)
def test_one_plan_reports_all_that_prod_rejects(plan: Plan, names: dict[str, str]) -> None:
    assert plan(**UNSAFE, **names) == [("error", text) for text in sorted(REJECTED_IN_PROD)]


def test_other_environments_have_the_profile_prod(plan: Plan) -> None:
    messages = plan(**UNSAFE, environment="staging")
    assert len(messages) == len(REJECTED_IN_PROD)
    prod = 'prod (the default profile for environment "staging")'
    assert any(text.startswith(f"{prod} requires budget: ") for _, text in messages)


@pytest.mark.parametrize(
    "inputs",
    [
        PROD,
        PROD | {"environment": "staging", "log_retention_days": 365},
        PROD | {"budget": {"mode": "off", "reason": "GovCloud"}, "partition": "aws-us-gov"},
        PROD | {"alarms": {"topic_arns": ["arn:aws:sns:eu-west-1:444455556666:pager"]}},
        PROD | {"kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/0f"},
        PROD | {"partition": "aws-cn", "auth": {"mode": "JWT"} | {
            "issuer": "https://login.example.com", "audience": ["records"]}},
        {"environment": "local", "budget": {"monthly_usd": 5, "emails": ["a@example.com"]}},
        UNSAFE | {"environment": "local", "audit": {"mode": "create", "force_destroy": True}},
        UNSAFE | PROD | {"environment": "staging", "profile": "dev", "function": {}},
    ],
)  # fmt: skip
def test_allowed_inputs_are_planned(plan: Plan, inputs: dict[str, Any]) -> None:
    assert plan(**inputs) == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"auth": {"mode": "JWT", "issuer": LOOPBACK, "audience": ["records"]}},
            'auth.issuer may use http only in profile "local": set an https URL.',
        ),
        (
            {"budget": {"monthly_usd": 25}},
            "budget notifies nobody: set budget.emails, alarms.emails or alarms.topic_arns.",
        ),
        (
            {"budget": PROD["budget"], "alarms": PROD["alarms"], "partition": "aws-us-gov"},
            'Partition aws-us-gov has no AWS Budgets: set budget.mode = "off" and budget.reason.',
        ),
        *(
            (
                {"kms_key_arn": f"arn:aws:kms:{place}:key/0f"},
                (
                    "kms_key_arn must be a key of this account and region: "
                    "arn:aws:kms:eu-west-1:111122223333:key/<id>."
                ),
            )
            for place in ("eu-west-2:111122223333", "eu-west-1:444455556666")
        ),
        (
            {"alarms": {"topic_arns": ["arn:aws:sns:eu-west-2:111122223333:pager"]}},
            (
                "alarms.topic_arns must be topics in eu-west-1, the region of the alarms. "
                "Invalid: arn:aws:sns:eu-west-2:111122223333:pager"
            ),
        ),
    ],
)
def test_dev_and_prod_reject(plan: Plan, inputs: dict[str, Any], message: str) -> None:
    assert ("error", message) in plan(**inputs, environment="dev")


def test_partitions_without_budgets_are_those_of_botocore() -> None:
    data = get_session().get_component("data_loader")
    rules = json.dumps(data.load_service_model("budgets", "endpoint-rule-set-1"))
    without = [
        partition["partition"]
        for partition in data.load_data("endpoints")["partitions"]
        if "budgets" not in partition["services"] and f'"{partition["partition"]}"' not in rules
    ]
    code = (INPUTS / "profile.tf").read_text()
    assert f"partitions_without_budgets = {json.dumps(without)}" in code


def test_settings_without_effect_cause_warnings(plan: Plan) -> None:
    misspelled = {
        "alarms": {"email": ["on-call@example.com"], "tune": {"api_5xx": {"enabled": False}}},
        "audit": {"mdoe": "create", "data_events": "all"},
    }
    assert plan(**misspelled, environment="dev") == [("warning", text) for text in WARNINGS]
