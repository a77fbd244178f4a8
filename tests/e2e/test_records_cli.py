"""The command line `records` against the stack: as its callers, with AWS keys, and with tokens."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from e2e.instances import Instances
from e2e.support import created, unique, wait_for
from lib.client import Caller
from lib.paths import ROOT
from lib.stack import write_private
from records_cli.exit_codes import Exit


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def records(tmp_path: Path) -> Run:
    """A function that runs `records` in a folder of its own, with an environment of its own."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "records_cli", *arguments],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT / "scripts"),
                "HOME": str(tmp_path),
                "AWS_EC2_METADATA_DISABLED": "true",
                **environment,
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    return run


def test_life_of_a_record(records: Run, connection: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "connection.json"
    write_private(file, connection)
    kind = unique()

    def run(*arguments: str, stdin: str = "") -> Ended:
        return records(*arguments, stdin=stdin, RECORDS_CONNECTION=str(file))

    body = json.dumps({"type": kind, "status": "new", "message": "m"})
    created_ = run("create", "-f", "-", "--attr", "n:=1.10", "--attr", "a.b=c", stdin=body)
    assert created_.code == Exit.OK, created_.err
    record_id = created_.json()["recordID"]
    etag = created_.err.strip().removeprefix("etag: ").strip('"')
    updated = run("update", record_id, "--status", "done", "--remove", "message")
    assert updated.json()["status"] == "done"
    assert "message" not in updated.json()
    conflict = run("update", record_id, "--status", "x", "--if-match", etag)
    assert conflict.code == Exit.CONFLICT
    assert f"current {updated.err.strip().replace('etag', 'ETag')}\n" in conflict.err
    listing = ("list", "--type", kind, "--since", "1h", "-o", "csv")
    columns = ("--columns", "status,attributes.n,attributes.a.b")
    listed = wait_for(lambda: run(*listing, *columns).out)
    assert listed == "status,attributes.n,attributes.a.b\ndone,1.1,c\n"
    deleted = f"deleted: {record_id}; its versions: records history {record_id}\n"
    assert run("delete", record_id) == (Exit.OK, "", deleted)
    assert run("get", record_id).code == Exit.NOT_FOUND
    assert run("restore", record_id, "1").json()["message"] == "m"
    history = run("history", record_id, "-o", "table").out.splitlines()
    assert [line.split()[1] for line in history[1:]] == ["restore", "delete", "update", "create"]
    assert run("changes", "--since", "1h", "--limit", "1").code == Exit.OK
    assert run("verify", record_id).code == Exit.OK
    refused = run("create", "--type", "", "--status", "ok")
    assert refused.code == Exit.BAD_INPUT
    assert "\n  type: must be a string of 1 to 128 characters\n" in refused.err


def test_aws_keys_call_the_service_of_a_context(
    records: Run, reader: Caller, writer: Caller
) -> None:
    """A reader may list and not create, and `records doctor` says so."""
    record, _ = created(writer)
    keys = {
        "AWS_ACCESS_KEY_ID": reader.access_key_id,
        "AWS_SECRET_ACCESS_KEY": reader.secret_access_key,
    }
    add = ("context", "add", "here", "--region", reader.region, "--url")
    assert records(*add, reader.url.removesuffix("/records")).code == Exit.OK
    assert records("get", record["recordID"], **keys).json() == record
    refused = records("create", "--type", "a", "--status", "b", **keys)
    assert refused.code == Exit.REFUSED
    assert "fix: these credentials lack the permission" in refused.err
    checks = records("doctor", **keys)
    assert checks.code == Exit.OK, checks.err
    assert f"service      {reader.url}, from context here (the current one)" in checks.out
    lines = dict(line.split(maxsplit=1) for line in checks.out.splitlines())
    assert lines["list"] == lines["get"] == "allowed"
    assert all(lines[verb].startswith("not for") for verb in ("create", "delete", "changes"))
    assert lines["result"] == "no problem found: this caller may list, get"
    wrong = records("doctor", **keys | {"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert wrong.code == Exit.REFUSED
    assert "error: the credentials are not accepted" in wrong.err
    assert "list" not in wrong.out
    path = records("doctor", "--url", f"{reader.url}-wrong")
    assert path.code == Exit.BAD_INPUT
    assert "error: API Gateway has no such path" in path.err
    unsigned = records("list", "--auth", "none")
    assert unsigned.code == Exit.REFUSED
    assert "fix: sign in: omit --auth none" in unsigned.err


def test_tokens_call_a_service_with_an_issuer(records: Run, extra_instances: Instances) -> None:
    url, token = extra_instances.tokens.url, extra_instances.token()
    create = ("create", "--type", unique(), "--status", "ok", "--url", url)
    assert records(*create, RECORDS_TOKEN=token).code == Exit.OK
    listed = records("list", "--url", url, "--token-command", f"echo {token}", "--limit", "1")
    assert len(listed.json()["records"]) == 1
    expired = records("list", "--url", url, RECORDS_TOKEN=extra_instances.token(exp=1))
    assert expired.code == Exit.REFUSED
    assert "fix: sign in again" in expired.err
    assert token not in records("doctor", "--url", url, RECORDS_TOKEN=token).out
