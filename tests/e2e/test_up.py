"""scripts/up and scripts/down in a clone of its own, as somebody at a terminal meets them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lib.paths import ROOT, TOOLS
from lib.seed import RECORDS

WHAT_UP_NEEDS = (
    ".terraform-version",
    "environments",
    "lambda",
    "modules",
    "pyproject.toml",
    "scripts",
    "uv.lock",
)
SECOND_UP_SECONDS = 25


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Clone(NamedTuple):
    folder: Path

    def run(self, verb: str, *arguments: str) -> Said:
        # The tools are shared with this checkout: to install them again would test uv.
        env = os.environ | {"RECORDS_TOOLS": str(TOOLS)}
        command: list[str | Path] = [self.folder / "scripts" / verb, *arguments]
        done = subprocess.run(
            command, env=env, cwd="/", capture_output=True, text=True, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def up(self) -> str:
        said = self.run("up")
        assert said.code == 0, said
        return said.out

    def records(self) -> list[dict[str, Any]]:
        said = self.run("records", "list", "--limit", "1000")
        assert said.code == 0, said
        return list(json.loads(said.out)["records"])

    @property
    def pid(self) -> int:
        return int((self.folder / ".local/emulator/pid").read_text())

    @property
    def port(self) -> int:
        return int((self.folder / ".local/emulator/port").read_text())


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    ignored = shutil.ignore_patterns(".terraform", "__pycache__", ".*_cache")
    for name in WHAT_UP_NEEDS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, tmp_path / name)
    made = Clone(tmp_path)
    yield made
    made.run("down", "--wipe")


def step_of(out: str, name: str) -> str:
    found = re.search(rf"^{name} .* s  (.*)$", out, re.MULTILINE)
    assert found, out
    return found.group(1)


def shell(command: str) -> dict[str, Any]:
    """Run what a person would paste, and return the JSON that it prints."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return dict(json.loads(done.stdout))


def test_the_life_of_a_stack(clone: Clone) -> None:
    first = clone.up()
    assert step_of(first, "records through the API") == f"{len(RECORDS)} created"
    seeded = clone.records()
    assert sorted((record["type"], record["status"]) for record in seeded) == sorted(
        (record["type"], record["status"]) for record in RECORDS
    )
    connection = clone.folder / ".local/connection.json"
    assert connection.stat().st_mode & 0o777 == 0o600

    # What is printed works when it is pasted.
    pasted = [
        command.replace("\\\n", "")
        for command in re.findall(r"^  (curl (?:.*\\\n)*.*)$", first, re.MULTILINE)
    ]
    read, mine = map(shell, pasted)
    assert [record["recordID"] for record in read["records"]] == [
        record["recordID"] for record in seeded[:3]
    ]
    assert mine["status"] == "ok"

    # Again, on the running stack: nothing changes, nothing is lost.
    before, keys, pid = clone.records(), connection.read_text(), clone.pid
    began = time.monotonic()
    again = clone.up()
    assert time.monotonic() - began < SECOND_UP_SECONDS
    assert step_of(again, "AWS emulator").startswith("already running")
    assert [step_of(again, name) for name in ("terraform apply", "records through the API")] == [
        "unchanged"
    ] * 2
    assert (clone.records(), connection.read_text(), clone.pid) == (before, keys, pid)
    assert mine in before

    # A deleted record stays deleted, also one of the first.
    assert clone.run("records", "delete", seeded[0]["recordID"]).code == 0

    assert clone.run("down").code == 0
    assert clone.run("records", "list").err.startswith("error: the API does not answer")
    clone.up()
    assert clone.records() == [
        record for record in before if record["recordID"] != seeded[0]["recordID"]
    ]

    # Killed: back at the last clean stop, and said so.
    assert clone.run("records", "create", "--type", "note", "--status", "new").code == 0
    os.kill(clone.pid, signal.SIGKILL)
    assert "it had been killed" in step_of(clone.up(), "AWS emulator")
    assert clone.records() == [
        record for record in before if record["recordID"] != seeded[0]["recordID"]
    ]

    # Killed with nothing ever saved: Terraform's state knows a stack that the emulator does not.
    os.kill(clone.pid, signal.SIGKILL)
    shutil.rmtree(clone.folder / ".local/emulator/state")
    assert step_of(clone.up(), "records through the API") == f"{len(RECORDS)} created"
    assert len(clone.records()) == len(RECORDS)

    assert clone.run("down", "--wipe").code == 0
    assert not (clone.folder / ".local").exists()


def test_a_port_in_use_is_one_line_with_a_remedy(clone: Clone) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = clone.run("up", "--port", str(port))
    assert said.code == 1
    assert said.err.splitlines() == [
        f"error: port {port} is in use by another program",
        "  fix: stop that program, or take another: --port N",
    ]


def test_a_failing_apply_names_cause_remedy_and_log_and_what_runs_can_be_stopped(
    clone: Clone,
) -> None:
    main = clone.folder / "environments/local/main.tf"
    sound = main.read_text()
    main.write_text(f'{sound}\nresource "aws_iam_group" "bad" {{\n  name = "not a name"\n}}\n')
    said = clone.run("up")
    assert said.code == 1
    cause, remedy, log = said.err.splitlines()
    assert cause.startswith("error: terraform apply failed: invalid value for name")
    assert remedy.endswith("scripts/up again: it continues where it stopped")
    assert "invalid value for name" in (clone.folder / log.removeprefix("  log: ")).read_text()

    os.kill(clone.pid, signal.SIGSTOP)
    said = clone.run("up")
    assert said.code == 1
    assert said.err.splitlines()[0].endswith(
        f"runs (pid {clone.pid}) but does not answer on port {clone.port}"
    )
