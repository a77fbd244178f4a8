"""Runs tests in a copy of the checkout, each time in a new process with new modules.

`lib.mutants` runs this file by its path, with -P. It has imported pytest and the packages that the
tests need, and forks for each run, which saves the seconds of these imports. It must not import
this project, whose modules the tests import from the copy. Requests and responses are lines of
JSON: `tests`, arguments of pytest, and `seconds`, the time limit; or `trace`, a file for the tests
by the lines of the handler that they run.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

# Not the plugins of pytest, whose assertions it must rewrite first.
_PRELOADED = ("boto3", "moto", "moto.dynamodb", "yaml", "jsonschema")
_ARGUMENTS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis")
_SOURCES = "*/lambda/records_api/*"


class FirstFailure:
    """A pytest plugin that writes the ID of the first failure to a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the ID of a test that failed."""
        self._write(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write the name of a file that could not be imported."""
        self._write(report)

    def _write(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            os.write(self._descriptor, f"{report.nodeid}\n".encode())


class Tracer:
    """A pytest plugin that records which tests run which lines of the handler."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seconds: dict[str, float] = defaultdict(float)
        self._coverage = coverage.Coverage(data_file=None, config_file=False, include=[_SOURCES])

    def pytest_sessionstart(self) -> None:
        """Try one example instead of many, after conftest.py has loaded its profile."""
        hypothesis = importlib.import_module("hypothesis")
        profile = hypothesis.settings.get_profile("unit")
        hypothesis.settings.register_profile("trace", profile, max_examples=1)
        hypothesis.settings.load_profile("trace")
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Record the lines that a test and its fixtures run."""
        name, began = item.nodeid.partition("[")[0], time.monotonic()
        self._coverage.switch_context(name)
        try:
            return (yield)
        finally:
            self._seconds[name] += time.monotonic() - began
            self._coverage.switch_context("")

    def pytest_sessionfinish(self) -> None:
        """Write the tests of each line, the fastest first."""
        self._coverage.stop()
        data = self._coverage.get_data()
        lines = {
            f"{Path(file).name}:{line}": sorted(set(names) - {""}, key=self._seconds.__getitem__)
            for file in data.measured_files()
            for line, names in data.contexts_by_lineno(file).items()
        }
        self._file.write_text(json.dumps(lines))


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return the exit `code` of pytest, negative after the time limit, and the first `failed`."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(request, writer)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        failed = pipe.readline().strip()
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "failed": failed}


def _child(request: dict[str, Any], writer: int) -> None:
    """Run pytest and end the process."""
    code = 1
    try:
        signal.alarm(request["seconds"])
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nothing, descriptor)
        plugins: list[Any] = [FirstFailure(writer)]
        if "trace" in request:
            plugins.append(Tracer(Path(request["trace"])))
        code = pytest.main([*_ARGUMENTS, *request["tests"]], plugins=plugins)
    finally:
        os._exit(code)


def main() -> None:
    """Serve requests until the input ends; the argument is the folder of the copy."""
    os.chdir(sys.argv[1])
    for name in _PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
