"""Measures `records verify --all`: entries per second and memory, with synthetic histories.

The pages of the API are read from files, so the result is the time of the client alone.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from records_api import history
from records_cli import verification
from records_cli.client import Response

_PAGE = 1000
_BEGIN = datetime(2026, 1, 31, tzinfo=UTC)
_AUTHOR = history.Author("arn:aws:iam::123456789012:user/records-bench-writer", "Xy7zQhX1oAMEJ7w=")
_MEASURE = """
import sys, time, tracemalloc
from lib.bench.verification import Pages
from records_cli import verification
if sys.argv[2] == "memory":
    tracemalloc.start()
began = time.perf_counter()
outcome = verification.verify_all(Pages(sys.argv[1]))
seconds = time.perf_counter() - began
peak = tracemalloc.get_traced_memory()[1] if sys.argv[2] == "memory" else 0
print(outcome.entries, outcome.records, len(outcome.findings), seconds, peak)
"""


class Result(NamedTuple):
    """One measurement; `memory` is the most that Python allocated meanwhile, in MiB."""

    entries: int
    records: int
    seconds: float
    memory: float


class Pages:
    """An API whose responses are the lines of files in `folder`."""

    def __init__(self, folder: str) -> None:
        self._lines = {
            f"/{name}": (Path(folder) / name).open("rb") for name in ("changes", "records")
        }

    def get(self, path: str, query: Mapping[str, str]) -> Response:  # noqa: ARG002 (in order)
        """Return the next response of this path."""
        return Response(200, {}, self._lines[path].readline())


def measure(entries: int, records: int) -> Result:
    """Verify `entries` in histories of `records`, in new processes, and return the result.

    Memory is measured in a second run, because that slows it down.
    """
    with tempfile.TemporaryDirectory() as folder:
        _generate(Path(folder), entries, records)
        seconds, _ = _run(folder, "seconds", entries, records)
        _, memory = _run(folder, "memory", entries, records)
    return Result(entries, records, seconds, memory / 2**20)


def _run(folder: str, measured: str, entries: int, records: int) -> tuple[float, int]:
    command = [sys.executable, "-c", _MEASURE, folder, measured]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    verified, known, findings, seconds, peak = printed.split()
    if (int(verified), int(known), int(findings)) != (entries, records, 0):
        raise AssertionError(f"the synthetic histories were not verified: {printed}")
    return float(seconds), int(peak)


def _generate(folder: Path, entries: int, records: int) -> None:
    """Write the pages of the feed, in which the records change in turn, and of the list."""
    links: dict[str, history.Link] = {}
    texts: dict[str, str] = {}
    page: list[str] = []
    with (folder / "changes").open("w") as file:
        for number in range(entries):
            record_id = f"01a206a3-8211-7f1e-819d-{number % records:012x}"
            entry = _entry(record_id, links.get(record_id), number)
            links[record_id] = history.link(entry, 1)
            texts[record_id] = entry["record"]
            page.append(history.to_text(entry))
            is_last = number == entries - 1
            if len(page) == _PAGE or is_last:
                end = f'],"next":"x","caughtUp":{json.dumps(is_last)}}}\n'
                file.write('{"changes":[' + ",".join(page) + end)
                page.clear()
    with (folder / "records").open("w") as file:
        listed = list(texts.values())
        for start in range(0, len(listed), _PAGE):
            end = '],"next":"x"}\n' if start + _PAGE < len(listed) else "]}\n"
            file.write('{"records":[' + ",".join(listed[start : start + _PAGE]) + end)


def _entry(record_id: str, previous: history.Link | None, number: int) -> history.Entry:
    version = previous.version + 1 if previous else 1
    changed_at = verification.timestamp(_BEGIN + timedelta(milliseconds=number))
    record = {
        "recordID": record_id,
        "createdAt": "2026-01-31T00:00:00.000Z",
        "updatedAt": changed_at,
        "updatedBy": _AUTHOR.identity,
        "submittedBy": _AUTHOR.identity,
        "type": "health-check",
        "status": "ok",
        "message": "Third slow answer in a row",
        "attributes": {"target": "invoicing", "latencyMs": number, "thresholdMs": 800},
        "version": version,
    }
    change = history.UPDATE if previous else history.CREATE
    return history.entry(
        change,
        record_id,
        record,
        _AUTHOR,
        previous,
        version=version,
        changed_at=changed_at,
        expires_at=None,
    )


def table() -> str:
    """Measure histories of 100,000 entries; return one line for each number of records."""
    results = [measure(100_000, records) for records in (1_000, 10_000, 100_000)]
    return "\n".join(
        f"records verify --all   {result.entries / result.seconds:7,.0f} entries/s,"
        f" {result.memory:.0f} MiB   {result.entries:,} entries of {result.records:,} records,"
        " without the API's time"
        for result in results
    )
