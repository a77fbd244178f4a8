"""The permissions of whoever runs Terraform: complete by type, and known to AWS."""

import json
from importlib.metadata import files

import pytest

from lib import deployer
from lib.deployer_calls import requests
from policy.hcl import MODULES, blocks

CALLS = deployer.load()
# The emulator has no Cost Explorer: deployer.EXTRAS has their actions.
NOT_OBSERVED = {"aws_ce_anomaly_monitor", "aws_ce_anomaly_subscription"}
WITHOUT_CALLS = {"data.aws_default_tags", "data.aws_partition", "data.aws_region"}


def types(kind: str) -> set[str]:
    """Return the types of all blocks `resource` or `data` of the provider in the modules."""
    return {
        block.labels[0]
        for module in MODULES
        for path in module.glob("*.tf")
        for block in blocks(path, kind)
        if block.labels[0].startswith("aws_")
    }


def test_every_resource_type_is_listed() -> None:
    data = {f"data.{name}" for name in types("data")} - WITHOUT_CALLS
    assert CALLS.keys() - {""} == (types("resource") - NOT_OBSERVED) | data


@pytest.mark.parametrize("kind", sorted(types("resource") - NOT_OBSERVED))
def test_type_is_read_and_created(kind: str) -> None:
    names = {
        phase: [call.partition(".")[2] for call in CALLS[kind][phase]] for phase in CALLS[kind]
    }
    reads = ("Describe", "Get", "Head", "List")
    assert kind == "aws_lambda_invocation" or names["plan"]
    assert all(name.startswith(reads) for name in names["plan"])
    assert any(not name.startswith(reads) for name in names["apply"])


def test_every_action_exists() -> None:
    """In the definition of parliament, which comes from the Service Authorization Reference."""
    [file] = (each for each in files("parliament") or () if each.name == "iam_definition.json")
    known = {
        f"{service['prefix']}:{privilege['privilege']}"
        for service in json.loads(file.read_text())
        for privilege in service["privileges"]
    }
    [statement] = deployer.policy(CALLS, "apply")["Statement"]
    assert not set(statement["Action"]) - known
    assert set(deployer.policy(CALLS, "plan")["Statement"][0]["Action"]) < set(statement["Action"])


def test_page_is_current() -> None:
    assert deployer.PAGE.read_text() == deployer.page(CALLS), "run scripts/deployer --write"


def test_requests_are_read_from_the_debug_log() -> None:
    """The provider splits large entries, and bodies have line breaks."""
    sent = "[DEBUG] provider.terraform-provider-aws: "
    log = (
        f"2026-01-01T00:00:00.000Z {sent}HTTP Request Sent: tf_resource_type=aws_sns_topic "
        "tf_rpc=ApplyResourceChange\n"
        '  body="a\n  b" rpc.method=CreateTopic rpc.service=SNS\n'
        f"2026-01-01T00:00:00.001Z {sent}HTTP Response Received: rpc.method=CreateTopic\n"
        f'2026-01-01T00:00:00.002Z {sent}{{"@message":"HTTP Request Sent","body":"x\n'
        f'2026-01-01T00:00:00.003Z {sent}y","rpc.method":"GetLogEvents",'
        '"rpc.service":"CloudWatch Logs","tf_data_source_type":"aws_x","tf_rpc":"ReadDataSource"}\n'
    )
    assert list(requests(log)) == [
        ("aws_sns_topic", "SNS.CreateTopic", True),
        ("data.aws_x", "CloudWatch Logs.GetLogEvents", False),
    ]
