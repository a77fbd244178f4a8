"""scripts/up, down, env, logs and smoke in a separate clone, as a user runs them."""

import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from e2e.support import wait_for
from lib import documents, terraform
from lib.client import Caller
from lib.emulator import Emulator
from lib.paths import ROOT, TOOLS
from lib.seed import RECORDS

REQUIRED_BY_UP = (
    ".terraform-version",
    "environments",
    "lambda",
    "modules",
    "pyproject.toml",
    "scripts",
    "uv.lock",
)
SECOND_UP_CPU_SECONDS = 25


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Clone(NamedTuple):
    folder: Path

    def run(self, verb: str, *arguments: str) -> Result:
        # The tools are shared with the checkout, because installing them again would only test uv.
        env = os.environ | {"RECORDS_TOOLS": str(TOOLS)}
        command: list[str | Path] = [self.folder / "scripts" / verb, *arguments]
        completed = subprocess.run(
            command, env=env, cwd="/", capture_output=True, text=True, check=False
        )
        return Result(completed.returncode, completed.stdout, completed.stderr)

    def up(self) -> str:
        result = self.run("up")
        assert result.code == 0, result
        return result.out

    def records(self) -> list[dict[str, Any]]:
        result = self.run("records", "list", "--limit", "1000")
        assert result.code == 0, result
        return list(json.loads(result.out)["records"])

    @property
    def emulator(self) -> Emulator:
        return Emulator(self.folder / ".local/emulator", self.folder / ".local/logs/emulator.log")

    @property
    def pid(self) -> int:
        pid = self.emulator.pid()
        assert pid is not None
        return pid

    def copied(self) -> None:
        """Wait until a copy of the emulator's state contains all previous changes."""
        began = datetime.now(UTC)
        self.records()  # without a request after `began`, there may be nothing left to copy
        assert wait_for(lambda: (self.emulator.last_copy() or began) > began, 60)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert wait_for(self.emulator.was_killed, 10)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    ignored = shutil.ignore_patterns(".terraform", "__pycache__", ".*_cache")
    for name in REQUIRED_BY_UP:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, tmp_path / name)
    copy = Clone(tmp_path)
    yield copy
    copy.run("down", "--wipe")


def cpu_seconds() -> float:
    """Return the CPU time of child processes, which depends little on other load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def step_of(out: str, name: str) -> str:
    line = re.search(rf"^{name} .* s  (.*)$", out, re.MULTILINE)
    assert line, out
    return line.group(1)


def shell(command: str) -> dict[str, Any]:
    """Run a pasted command and return the JSON that it prints."""
    completed = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed
    return dict(json.loads(completed.stdout))


def test_stack_can_be_started_stopped_and_removed(clone: Clone) -> None:
    seeded = check_first_start(clone)
    check_second_start(clone)

    # A deleted sample record is not created again.
    before = clone.records()
    assert clone.run("records", "delete", seeded[0]["recordID"]).code == 0

    check_logs(clone)
    apply_minimal_example(clone)
    assert clone.run("down").code == 0
    check_commands_without_a_stack(clone)
    clone.up()
    assert clone.records() == [
        record for record in before if record["recordID"] != seeded[0]["recordID"]
    ]
    check_starts_after_a_kill(clone)
    assert clone.run("down", "--wipe").code == 0
    assert not (clone.folder / ".local").exists()


def check_first_start(clone: Clone) -> list[dict[str, Any]]:
    """Start the stack, run the commands that it prints, and return the sample records."""
    output = clone.up()
    assert step_of(output, "records through the API") == f"{len(RECORDS)} created"
    seeded = clone.records()
    assert sorted((record["type"], record["status"]) for record in seeded) == sorted(
        (record["type"], record["status"]) for record in RECORDS
    )
    assert (clone.folder / ".local/connection.json").stat().st_mode & 0o777 == 0o600
    commands = [
        command.replace("\\\n", "")
        for command in re.findall(r"^  (curl (?:.*\\\n)*.*)$", output, re.MULTILINE)
    ]
    read, created = map(shell, commands)
    assert [record["recordID"] for record in read["records"]] == [
        record["recordID"] for record in seeded[:3]
    ]
    assert created["status"] == "ok"
    assert created in clone.records()
    return seeded


def check_second_start(clone: Clone) -> None:
    """On a running stack, scripts/up changes nothing."""
    connection = clone.folder / ".local/connection.json"
    before = clone.records(), connection.read_text(), clone.pid
    began = cpu_seconds()
    output = clone.up()
    assert cpu_seconds() - began < SECOND_UP_CPU_SECONDS
    assert step_of(output, "AWS emulator").startswith("already running")
    for name in ("terraform apply", "records through the API"):
        assert step_of(output, name) == "unchanged"
    assert (clone.records(), connection.read_text(), clone.pid) == before


def check_commands_without_a_stack(clone: Clone) -> None:
    stopped = ["error: the local stack is not running", "  fix: run scripts/up"]
    url = json.loads((clone.folder / ".local/connection.json").read_text())["records_url"]
    assert clone.run("records", "list").err.startswith(f"error: no response from {url}: ")
    for command in (["smoke"], ["smoke", "--write"]):
        assert clone.run(*command).err.splitlines() == stopped
    for verb in ("env", "logs"):
        failed = clone.run(verb)
        assert (failed.code, failed.out) == (1, "")
        assert failed.err.startswith("\n".join(stopped))


def check_starts_after_a_kill(clone: Clone) -> None:
    # The last copy is restored.
    assert clone.run("records", "create", "--type", "note", "--status", "new").code == 0
    kept = clone.records()
    clone.copied()
    clone.kill()
    note = step_of(clone.up(), "AWS emulator")
    assert "The emulator was killed; restored its last copy, from " in note
    assert clone.records() == kept

    # Before the first copy, Terraform's state lists a stack that does not exist.
    clone.kill()
    for folder in ("copies", "state"):
        shutil.rmtree(clone.folder / ".local/emulator" / folder)
    output = clone.up()
    assert "The emulator was killed before its first copy" in step_of(output, "AWS emulator")
    assert step_of(output, "records through the API") == f"{len(RECORDS)} created"
    assert len(clone.records()) == len(RECORDS)


def log_of(clone: Clone, request_id: str) -> str:
    """Return the log lines of a request, or "" before they can be read."""
    return clone.run("logs", request_id).out


def check_logs(clone: Clone) -> None:
    connection = json.loads((clone.folder / ".local/connection.json").read_text())
    reader = Caller(connection["records_url"], connection["region"], **connection["reader"])
    ids = [reader.call("GET", "/absent").headers["x-request-id"] for _ in range(2)]
    shown = [wait_for(partial(log_of, clone, each), 10) for each in ids]
    for request_id, other, lines in zip(ids, reversed(ids), shown, strict=True):
        assert f"requestId={request_id}" in lines
        assert "operation=get  status=404" in lines
        assert other not in lines
    latest = clone.run("logs", "--lines", "2").out.splitlines()
    assert [each for each in ids if each in latest[0] or each in latest[1]] == ids
    assert clone.run("logs", "absent").err.startswith("error: no log lines for request absent")

    follow = [str(clone.folder / "scripts/logs"), "--follow", "--lines", "0"]
    env = os.environ | {"RECORDS_TOOLS": str(TOOLS)}
    with subprocess.Popen(follow, env=env, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        line, deadline = "", time.monotonic() + 60
        while not line and time.monotonic() < deadline:
            reader.call("GET", "/absent")  # repeated, because --follow may not have started
            if select.select([following.stdout], [], [], 1)[0]:
                line = following.stdout.readline()
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=60)
    assert "status=404" in line
    assert following.returncode == 0


def apply_minimal_example(clone: Clone) -> None:
    """Apply it as the README of the module says, in a shell with other AWS credentials."""
    root = clone.folder / "example"
    shutil.copytree(clone.folder / "modules/records-api/examples/minimal", root)
    override = (root / "override.tf").read_text()
    (root / "override.tf").write_text(override.replace('"../.."', '"../modules/records-api"'))
    page = documents.blocks(ROOT / "modules/records-api/README.md")
    [settings] = [block.text for block in page if "allowed_account_ids" in block.text]
    (root / "emulator_override.tf").write_text(settings)
    [commands] = [block.text for block in page if "scripts/env" in block.text]
    places = {"<checkout>": str(clone.folder), "<root module>": str(root)}
    programs = clone.folder / "programs"
    programs.mkdir()
    (programs / "records").write_text(f'exec "{clone.folder}/scripts/records" "$@"\n')
    (programs / "records").chmod(0o755)
    runner = terraform.ensure(clone.folder / "terraform.log")
    env = os.environ | {
        "AWS_PROFILE": "absent",
        "AWS_SESSION_TOKEN": "of-another-account",
        "PATH": f"{programs}:{Path(runner.binary).parent}:{os.environ['PATH']}",
        "RECORDS_TOOLS": str(TOOLS),
        "TF_CLI_ARGS_apply": "-auto-approve",
    }
    completed = subprocess.run(
        ["sh", "-euc", documents.filled(commands, places)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed
    assert completed.stdout.endswith('{\n  "records": []\n}\n')


def test_failed_apply_and_unresponsive_emulator_are_reported(
    clone: Clone,
) -> None:
    main = clone.folder / "environments/local/main.tf"
    original = main.read_text()
    main.write_text(f'{original}\nresource "aws_iam_group" "bad" {{\n  name = "not a name"\n}}\n')
    result = clone.run("up")
    assert result.code == 1
    cause, remedy, log = result.err.splitlines()
    assert cause.startswith("error: terraform apply failed: invalid value for name")
    assert remedy.endswith("run scripts/up again; it continues where it stopped")
    assert "invalid value for name" in (clone.folder / log.removeprefix("  log: ")).read_text()

    os.kill(clone.pid, signal.SIGSTOP)
    result = clone.run("up")
    assert result.code == 1
    assert result.err.splitlines()[0].endswith(
        f"is running (pid {clone.pid}) but does not respond on port {clone.emulator.port}"
    )
