"""Recovery of deleted tables: section "The tables are gone" of docs/operate.md, step by step."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract import aws_cli
from e2e import isolated
from e2e.conftest import Aws
from e2e.instances import HEARTBEAT, Instances
from e2e.isolated import SERVICE, Service
from e2e.support import created, listed, log_lines, run_aws, wait_for

MODULE = "module.records_api"
SUFFIX = "-restored"
HISTORY = f"{SERVICE}-history"
RESTORED = [f"{HISTORY}{SUFFIX}", f"{SERVICE}{SUFFIX}"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with isolated.service(tmp_path) as service_:
        yield service_


def run_in_shell(service: Service, command: str, **variables: str) -> None:
    """Run a command of the runbook in the environment's folder."""
    terraform = service.stack.terraform
    path = f"{Path(terraform.binary).parent}:{os.environ['PATH']}"
    env = service.stack.env | variables | {"PATH": path}
    done = subprocess.run(
        ["sh", "-euc", command],
        cwd=service.stack.folder,
        env=env | {"TF_CLI_CONFIG_FILE": str(terraform.config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
def test_restored_tables_are_served_and_managed(service: Service) -> None:
    # The lost table's resource policy must not stand in the way of the restored one.
    protected = {"protect_history": True, "deletion_protection": False}
    service.apply_or_fail(table=protected)
    dynamodb, runbook = service.aws("dynamodb"), service.runbook()
    records = [created(service.writer, attributes={"number": number})[0] for number in range(3)]
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    commands = aws_cli.commands(runbook["restore"], ("aws",), MOMENT=moment, SUFFIX=SUFFIX)
    for _, *words in commands:
        run_aws(words, service.aws)
    dynamodb.delete_table(TableName=SERVICE)
    dynamodb.delete_table(TableName=HISTORY)
    assert service.reader.call("GET").status >= 500

    restored = protected | {"name_suffix": SUFFIX, "deletion_protection": True}
    variables = {"MODULE": MODULE, "SUFFIX": SUFFIX, "TF_VAR_table": json.dumps(restored)}
    run_in_shell(service, runbook["adopt_tables"], **variables)
    plan = service.planned(table=restored)
    for key in ("history", "records"):
        assert plan[f"aws_dynamodb_table.{key}"]["actions"] == ["update"]
    service.apply_or_fail(table=restored)

    assert service.live() == ("2", {})
    for record in records:
        assert service.reader.call("GET", f"/{record['recordID']}").json() == record
    newest_first = sorted(records, key=lambda record: record["recordID"], reverse=True)
    assert listed(service.reader, type="test") == newest_first
    path = f"/{records[0]['recordID']}"
    assert service.writer.call("PATCH", path, body={"status": "restored"}).json()["version"] == 2
    _, etag = created(service.writer)
    assert etag
    policy = json.loads(
        dynamodb.get_resource_policy(
            ResourceArn=dynamodb.describe_table(TableName=RESTORED[0])["Table"]["TableArn"]
        )["Policy"]
    )
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Deny"}

    for table in RESTORED:
        described = dynamodb.describe_table(TableName=table)["Table"]
        assert described["DeletionProtectionEnabled"]
        assert described["SSEDescription"]["Status"] == "ENABLED"
        ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expiresAt", "ENABLED")
        backups = dynamodb.describe_continuous_backups(TableName=table)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
        assert {"Key": "Service", "Value": SERVICE} in tags
    assert sorted(dynamodb.list_tables()["TableNames"]) == RESTORED
    assert service.planned(table=restored) == {}


@pytest.mark.full
def test_heartbeat_tests_the_live_version(extra_instances: Instances, aws: Aws) -> None:
    name = extra_instances.tokens.function
    schedule = aws("scheduler").get_schedule(GroupName=name, Name="heartbeat")
    assert schedule["ScheduleExpression"] == HEARTBEAT
    alias = aws("lambda").get_alias(FunctionName=name, Name="live")
    assert schedule["Target"]["Arn"] == alias["AliasArn"]
    since = schedule["CreationDate"].timestamp() + 30  # after the self-test of the release gate

    def passed() -> list[dict[str, object]]:
        every = log_lines(aws("logs"), since, extra_instances.tokens.log_group)
        return [line for line in every if line.get("message") == "self-test passed"]

    # It fires after an interval, on the emulator at a tick of 10 s.
    first, *_ = wait_for(passed, since + 60 + 20 - time.time())
    assert first["functionVersion"] == alias["FunctionVersion"]
    assert [
        line
        for line in log_lines(aws("logs"), since, extra_instances.tokens.log_group)
        if "_aws" in line
    ]
