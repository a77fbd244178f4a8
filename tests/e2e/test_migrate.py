"""A table with the six documented attributes is migrated as docs/migrate.md says: both ways."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.conftest import Aws
from e2e.dev import Dev
from e2e.support import created, listed, unique
from lib import documents
from lib.paths import ROOT

PAGE = ROOT / "docs" / "migrate.md"
ITEMS = 25


def block(language: str, beginning: str) -> str:
    """Return the block of the page that begins like this."""
    texts = [each.text for each in documents.blocks(PAGE) if each.language == language]
    (text,) = [each for each in texts if each.startswith(beginning)]
    return text


@pytest.fixture
def old_table(aws: Aws) -> tuple[str, str]:
    """The name of a table that another program has filled, and the type of its items."""
    name, type_ = unique("old"), unique()
    aws("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "recordID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "recordID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(ITEMS):
        item = {
            "recordID": f"{name}-{number:02}",
            "createdAt": f"2025-11-03T09:{number:02}:00Z",
            "submittedBy": "ops-team",
            "type": type_,
            "status": "ok" if number % 3 else "failed",
            "message": f"check {number}: «done»",
        }
        aws("dynamodb").put_item(
            TableName=name, Item={key: {"S": value} for key, value in item.items()}
        )
    return name, type_


def run(commands: str, folder: Path, dev: Dev, **placeholders: str) -> str:
    """Run commands of the page as a reader does, at the top of a checkout."""
    for name in ("scripts", "lambda"):
        (folder / name).symlink_to(ROOT / name)
    programs = folder / "programs"
    programs.mkdir()
    url, region = dev.caller.url, dev.caller.region
    records = f'exec "{ROOT}/scripts/records" --url "{url}" --region {region} "$@"'
    for name, line in (("records", records), ("python3", f'exec "{sys.executable}" "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": region}
    env = os.environ | keys | {"AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": dev.url}
    env["PATH"] = f"{programs}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", documents.filled(commands, placeholders)],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def without_aws_cli(commands: str, name: str, folder: Path, aws: Aws) -> str:
    """Return the commands without the first pipe, whose output is in place already.

    A machine that runs the tests need not have the AWS CLI and jq.
    """
    items = aws("dynamodb").get_paginator("scan").paginate(TableName=name).build_full_result()
    lines = [{key: value["S"] for key, value in item.items()} for item in items["Items"]]
    (folder / "old.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    scan, _, rest = commands.partition(">old.ndjson\n")
    assert scan.startswith(f"aws dynamodb scan --table-name {name} ")
    return rest


def test_table_is_migrated_by_import(
    old_table: tuple[str, str], dev: Dev, aws: Aws, tmp_path: Path
) -> None:
    name, type_ = old_table
    commands = documents.filled(block("sh", "aws dynamodb scan"), {"<old table>": name})
    output = run(without_aws_cli(commands, name, tmp_path, aws), tmp_path, dev)
    assert f"rows: {ITEMS}, would be sent: {ITEMS}," in output
    assert f"rows: {ITEMS}, created: {ITEMS}," in output
    again = f"{commands.splitlines()[-1]} --journal other"
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "old.ndjson").symlink_to(tmp_path / "old.ndjson")
    assert f"created: 0, created earlier: {ITEMS}," in run(again, tmp_path / "again", dev)
    records = listed(dev.caller, type=type_, limit="10")
    assert sorted(each["attributes"]["recordID"] for each in records) == [
        f"{name}-{number:02}" for number in range(ITEMS)
    ]
    first = min(records, key=lambda each: str(each["attributes"]["recordID"]))
    assert first["message"] == "check 0: «done»"
    assert first["attributes"]["createdAt"] == "2025-11-03T09:00:00Z"
    history = dev.caller.call("GET", f"/{first['recordID']}/history").json()["history"]
    assert [each["change"] for each in history] == ["create"]


def test_table_is_migrated_by_copy_and_reindex(
    old_table: tuple[str, str], dev: Dev, tmp_path: Path
) -> None:
    name, type_ = old_table
    (tmp_path / "copy_items.py").write_text(block("python", "import sys"))
    places = {"<old table>": name, "<table_name>": dev.outputs["table_name"]}
    commands = block("sh", "python3 copy_items.py")
    first, second = commands.splitlines()
    assert listed(dev.caller, type=type_) == []
    output = run(f"{first}\n{first}\n{second}", tmp_path, dev, **places)
    assert output.count("is there already") == ITEMS
    records = listed(dev.caller, type=type_, limit="10", order="asc")
    assert [each["recordID"] for each in records] == [f"{name}-{n:02}" for n in range(ITEMS)]
    assert records[3]["createdAt"] == "2025-11-03T09:03:00.000Z"
    assert {each["submittedBy"] for each in records} == {"ops-team"}
    changed = dev.caller.call("PATCH", f"/{name}-03", body={"status": "seen"})
    assert changed.status == 200
    history = dev.caller.call("GET", f"/{name}-03/history").json()["history"]
    assert [each["change"] for each in history] == ["update", "adopt"]
    assert created(dev.caller)
