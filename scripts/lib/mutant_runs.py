"""Runs tests against copies of the handler that have one fault each, the likeliest tests first."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lib import venvs
from lib.console import Failure
from lib.paths import ROOT

SOURCES = Path("lambda") / "records_api"
TESTS = ("tests/unit", "tests/contract")
# Test files that say by these texts that they run the handler.
_MARKS = ("records_api", "unit.support")
# They compare the package with the sources, or need Terraform, so they fail in every copy.
_DESELECTED = (
    *("--deselect", "tests/unit/test_package.py"),
    *("--deselect", "tests/contract/test_on_call.py"),
)
_WORKER = ROOT / "scripts" / "lib" / "mutant_worker.py"
_FIRST_TESTS = 25
_SECONDS = 300
_TRACE_SECONDS = 1200
_NOTHING_RUN = 5  # pytest's exit code

# Tests by `file:line` of the handler, the fastest first.
Coverage = Mapping[str, Sequence[str]]


class Fault(NamedTuple):
    """The text from `start` to `end` (characters) of `file` becomes `new`."""

    name: str
    file: str
    start: int
    end: int
    new: str

    def lines(self, source: str) -> range:
        """Return the numbers of the source lines that it changes."""
        return range(source.count("\n", 0, self.start) + 1, source.count("\n", 0, self.end) + 2)

    def applied(self, source: str) -> str:
        """Return the source with the fault."""
        return source[: self.start] + self.new + source[self.end :]


class Outcome(NamedTuple):
    """The result of a fault: `caught_by` is the first test that failed, or None."""

    fault: Fault
    caught_by: str | None
    seconds: float


class Workplace:
    """A copy of the checkout, and the process that runs tests in it."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self._folder = folder
        self._process = process

    def coverage(self) -> Coverage:
        """Return which tests run which lines. Raises Failure if a test fails without a fault."""
        trace = self._folder / "trace.json"
        response = self._run([*handler_tests(), *_DESELECTED], _TRACE_SECONDS, trace=str(trace))
        if response["code"] != 0:
            raise Failure(
                f"the tests fail without a fault: {response['failed'] or 'time limit'}",
                "correct that first: scripts/test tests/unit tests/contract",
            )
        covered: Coverage = json.loads(trace.read_text())
        return covered

    def run(self, fault: Fault, coverage: Coverage) -> Outcome:
        """Apply the fault, run tests until one fails, and restore the source."""
        broken, began = self._folder / SOURCES / fault.file, time.monotonic()
        source = broken.read_text()
        broken.write_text(fault.applied(source))
        try:
            for tests in selected(fault, source, coverage):
                response = self._run(tests, _SECONDS)
                if response["code"] not in (0, _NOTHING_RUN):
                    caught_by = response["failed"] or f"exit code {response['code']}"
                    return Outcome(fault, caught_by, time.monotonic() - began)
        finally:
            broken.write_text(source)
        return Outcome(fault, None, time.monotonic() - began)

    def _run(self, tests: Sequence[str], seconds: int, **more: str) -> dict[str, Any]:
        # Bytecode of a source with another fault could look current: same second, same size.
        shutil.rmtree(self._folder / SOURCES / "__pycache__", ignore_errors=True)
        assert self._process.stdin  # noqa: S101 (a pipe)
        assert self._process.stdout  # noqa: S101 (a pipe)
        request = {"tests": list(tests), "seconds": seconds, **more}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        response: dict[str, Any] = json.loads(self._process.stdout.readline())
        return response


@contextmanager
def workplace() -> Iterator[Workplace]:
    """Yield a new workplace; end its process and delete its copy at the end."""
    with tempfile.TemporaryDirectory(prefix="records-mutant-") as name:
        copy = Path(name)
        for entry in ROOT.iterdir():
            if entry.name not in (".git", "lambda", "scripts", "tests"):
                (copy / entry.name).symlink_to(entry)
        for folder in ("lambda", "scripts", "tests"):
            shutil.copytree(ROOT / folder, copy / folder, symlinks=True)
        with subprocess.Popen(
            [venvs.python("dev"), "-P", _WORKER, copy],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            text=True,
        ) as process:
            try:
                yield Workplace(copy, process)
            finally:
                process.kill()


def handler_tests() -> list[str]:
    """Return the test files that run the handler."""
    return [
        str(file.relative_to(ROOT))
        for folder in TESTS
        for file in sorted((ROOT / folder).glob("test_*.py"))
        if any(mark in file.read_text() for mark in _MARKS)
    ]


def selected(fault: Fault, source: str, coverage: Coverage) -> list[Sequence[str]]:
    """Return the tests to run, in groups of which the next runs if the one before catches nothing.

    First the fastest tests that run a changed line, those in the test file of the same name before
    the others; then the rest of these. No test runs a line at the top level, so all tests follow.
    """
    names: dict[str, None] = {}
    for line in fault.lines(source):
        names |= dict.fromkeys(coverage.get(f"{fault.file}:{line}", ()))
    nearest = f"tests/unit/test_{Path(fault.file).stem}.py"
    ordered = sorted(names, key=lambda name: not name.startswith(f"{nearest}::"))
    groups = [ordered[:_FIRST_TESTS], ordered[_FIRST_TESTS:]]
    if not ordered:
        groups = [[nearest] if (ROOT / nearest).exists() else [], handler_tests()]
    return [[*group, *_DESELECTED] for group in groups if group]
