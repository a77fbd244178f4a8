"""The shell blocks of the documents, run as a reader would: on the local stack, page by page."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from e2e.support import TABLE, created
from lib import documents
from lib.client import Caller
from lib.documents import Block
from lib.emulator import REGION
from lib.paths import ROOT
from lib.stack import Stack, write_private

TESTED = [
    (page, blocks)
    for page in documents.pages()
    if (blocks := [block for block in documents.blocks(page) if block.is_run])
]
# What ends the endless loops of programs that follow changes.
PRELUDE = "set -aeuo pipefail\nsleep() { exit 0; }\ntrap 'env -0 >\"$STATE\"' EXIT\n"
SECONDS = 60
PROGRAMS = ("curl", "jq")  # not needed otherwise, so a newcomer may lack them


class Reader:
    """A person with a shell, at the top of a checkout, with programs and credentials."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env, self.state = folder, env, folder / "state"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in bash; variables and functions stay for the next one."""
        done = subprocess.run(
            ["bash", "-c", PRELUDE + command],
            cwd=self.folder,
            env=self.env | {"STATE": str(self.state)},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        pairs = self.state.read_bytes().decode().rstrip("\0").split("\0")
        self.env = dict(pair.split("=", 1) for pair in pairs)
        return done


@pytest.fixture
def reader_of_pages(tmp_path: Path, stack: Stack, connection: dict[str, Any]) -> Reader:
    """A reader whose folder has links to the files of the repository."""
    for path in ROOT.iterdir():
        if path.name not in (".local", ".git", ".tools"):
            (tmp_path / path.name).symlink_to(path)
    write_private(tmp_path / "connection.json", connection)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, command in (
        ("records", f'"{ROOT}/scripts/records"'),
        ("python3", f'"{sys.executable}"'),
    ):
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return Reader(
        tmp_path,
        env
        | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_ENDPOINT_URL": stack.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "test",
            "PATH": f"{programs}:{env['PATH']}",
            "RECORDS_CONNECTION": str(tmp_path / "connection.json"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        },
    )


Values = Callable[[str], dict[str, str]]


@pytest.fixture
def values(connection: dict[str, Any], writer: Caller) -> Values:
    """What a reader fills in: a function from a page's path."""
    record, _ = created(writer)
    for number in range(4):
        writer.call("PATCH", f"/{record['recordID']}", body={"message": f"number {number}"})
    moment = datetime.fromisoformat(record["createdAt"]) - timedelta(milliseconds=1)
    since = quote(moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"), safe="")
    url, auditor = connection["records_url"], connection["auditor"]
    feed = Caller(url, connection["region"], **auditor).get("/changes", {"limit": "1"})

    def of_page(page: str) -> dict[str, str]:
        keys = auditor if page == "docs/follow-changes.md" else connection["reader"]
        return {
            "<key ID>": keys["access_key_id"],
            "<secret>": keys["secret_access_key"],
            "<the output records_url without /records>": url.removesuffix("/records"),
            "<url>": url,
            "$next": feed.json()["next"],
            "$ changes 'limit=1000'": f"$ changes 'limit=1&since={since}&unsettled=true'",
            "RECORD_ID": record["recordID"],
            "orders-prod": TABLE,
        }

    return of_page


def run_block(reader: Reader, block: Block, filled: str) -> str:
    """Run a block and compare its output; return what went wrong, or nothing."""
    allowed = set(map(int, re.findall(r"\d+", block.note))) or {0}
    for command, expected in documents.commands(block._replace(text=filled)):
        if names := documents.placeholders(command):
            return f"nobody fills in {', '.join(names)}: add them to `values` in this file"
        done = reader.run(command)
        output = done.stdout + done.stderr
        if done.returncode not in allowed:
            return f"$ {command}\n{output}\nexits with {done.returncode}"
        if expected and not documents.matches(expected, done.stdout):
            return f"$ {command}\n{output}\nexpected the form of:\n{expected}"
    return ""


@pytest.mark.parametrize(
    ("page", "blocks"), TESTED, ids=[str(page.relative_to(ROOT)) for page, _ in TESTED]
)
def test_shell_blocks_work(
    page: Path, blocks: list[Block], reader_of_pages: Reader, values: Values
) -> None:
    text = " ".join(block.text for block in blocks)
    if missing := [name for name in PROGRAMS if f"{name} " in text and not shutil.which(name)]:
        pytest.skip(f"needs {', '.join(missing)}")
    words = values(str(page.relative_to(ROOT)))
    for block in blocks:
        problem = run_block(reader_of_pages, block, documents.filled(block.text, words))
        assert not problem, f"{block.place}: {problem}"
