"""records import and export, killed in the middle and started again, on the local stack."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from e2e.conftest import Connection
from e2e.support import listed, unique
from lib.client import Caller
from lib.paths import ROOT
from lib.stack import write_private

ROWS = 200
TEXT = "x" * 60_000  # an export of all rows needs three pages


class Shell:
    """Runs the command line for a person who is in a folder."""

    def __init__(self, folder: Path, connection: Connection) -> None:
        write_private(folder / "connection.json", connection)
        self._folder = folder
        self._env = os.environ | {"RECORDS_CONNECTION": str(folder / "connection.json")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [str(ROOT / "scripts" / "records"), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._env,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> str:
        """Run a command that succeeds; return its output."""
        process = self.start(*arguments)
        out, err = process.communicate()
        assert process.returncode == 0, out + err
        return out

    def kill(self, process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
        """Kill a command and its children as soon as the condition holds."""
        while not condition() and process.poll() is None:
            time.sleep(0.002)
        assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def shell(tmp_path: Path, connection: Connection) -> Shell:
    return Shell(tmp_path, connection)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def exported(progress: Path) -> int:
    """Return how many records an export has counted."""
    return int(json.loads(progress.read_text())["records"]) if progress.exists() else 0


def has_more(journal: Path, confirmed: int) -> bool:
    """Return whether a journal has more lines than this."""
    return lines(journal) > confirmed


def test_killed_import_and_export_lose_and_repeat_nothing(
    shell: Shell, tmp_path: Path, reader: Caller
) -> None:
    type_ = unique()
    rows = [
        {"type": type_, "status": "ok", "attributes": {"row": n, "text": TEXT}} for n in range(ROWS)
    ]
    (tmp_path / "rows.ndjson").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    journal = tmp_path / "rows.ndjson.journal"
    for confirmed in (30, 90):
        process = shell.start("import", "rows.ndjson")
        shell.kill(process, partial(has_more, journal, confirmed))
    assert len(listed(reader, type=type_)) < ROWS
    assert shell.run("import", "rows.ndjson").startswith(f"rows: {ROWS}, created: ")
    records = listed(reader, type=type_, order="asc")
    assert sorted(each["attributes"]["row"] for each in records) == list(range(ROWS))
    assert f"created: 0, created earlier: {ROWS}," in shell.run("import", "rows.ndjson")

    target, progress = tmp_path / "all.ndjson", tmp_path / "all.ndjson.progress"
    process = shell.start("export", "all.ndjson", "--type", type_)
    shell.kill(process, lambda: exported(progress) > 0)
    assert 0 < exported(progress) < ROWS
    assert not target.exists()
    done = shell.run("export", "all.ndjson", "--type", type_)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    assert done == f"all.ndjson: {ROWS} records, SHA-256 {sha256}\n"
    assert [json.loads(line) for line in target.read_text().splitlines()] == records
