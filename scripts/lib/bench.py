"""Measures what the documentation quotes: imports, package, lines, variables, verification."""

import argparse
import re
import statistics
import subprocess
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from lib import bench_verify, package, venvs
from lib.console import main
from lib.paths import ROOT
from records_api.config import OPERATIONS

_MODULE = ROOT / "modules" / "records-api"
_HANDLER = "import records_api.handler"
_BOTO3 = "import boto3; boto3.client('dynamodb')"
_FUNCTION = {
    "AUTH_MODE": "IAM",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_REGION": "us-east-1",
    "AWS_SECRET_ACCESS_KEY": "none",
    "FILTER_INDEXES": "status,submittedBy,type",
    "HISTORY_TABLE_NAME": "records-bench-history",
    "LOG_LEVEL": "INFO",
    "OPERATIONS": ",".join(sorted(OPERATIONS)),
    "RECORD_RETENTION_DAYS": "0",
    "SERVICE_NAME": "records-bench",
    "TABLE_NAME": "records-bench",
}


def milliseconds(
    python: str, code: str, path: Path | str, runs: int, *, bytecode: Path | None = None
) -> float:
    """Return the median time that `code` takes in a new interpreter, in milliseconds.

    The time excludes the start of the interpreter. `path` is on its import path. With `bytecode`, a
    folder, modules are compiled once; without it, at every start, as from a read-only package.
    """
    timed = f"import time; t = time.perf_counter(); {code}; print((time.perf_counter() - t) * 1000)"
    caching = (
        {"PYTHONPYCACHEPREFIX": str(bytecode)} if bytecode else {"PYTHONDONTWRITEBYTECODE": "1"}
    )
    environment = {
        **_FUNCTION,
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": str(path),
        **caching,
    }
    times = []
    for _ in range(runs + 1):
        result = subprocess.run(
            [python, "-c", timed], env=environment, capture_output=True, text=True, check=True
        )
        times.append(float(result.stdout.splitlines()[-1]))
    return statistics.median(times[1:])  # the first run fills caches


def lines(files: Iterable[Path]) -> int:
    """Return the number of lines in `files`."""
    return sum(len(file.read_text().splitlines()) for file in files)


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=15, help="interpreter starts per measurement (default: 15)"
    )
    runs = parser.parse_args().runs
    venvs.run_in("dev", "lib.bench")
    python = venvs.runtime_python()
    archive = package.PACKAGE / "records-api.zip"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        zipfile.ZipFile(archive).extractall(folder)
        handler = milliseconds(python, _HANDLER, folder, runs)
        compiled = milliseconds(python, _HANDLER, folder, runs, bytecode=Path(cache))
        boto3 = milliseconds(
            python, _BOTO3, sysconfig.get_path("purelib"), runs, bytecode=Path(cache)
        )
    sources = sorted((ROOT / "lambda" / "records_api").glob("*.py"))
    variables = re.findall(r'^variable "', (_MODULE / "variables.tf").read_text(), re.MULTILINE)
    version = subprocess.run(
        [python, "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(
        f"import of the handler        {handler:7.0f} ms   as shipped; median of {runs}, {version}"
    )
    print(f"  precompiled                {compiled:7.0f} ms")
    print(f"import of boto3, one client  {boto3:7.0f} ms   precompiled, as in the Lambda runtime")
    print(f"package                      {archive.stat().st_size:7,} bytes")
    print(f"handler                      {lines(sources):7,} lines in {len(sources)} files")
    for source in sources:
        print(f"  {source.name:<26} {lines([source]):7,}")
    module_lines = lines(_MODULE.glob("*.tf"))
    print(f"module records-api           {module_lines:7,} lines, {len(variables)} variables")
    for records in (1_000, 10_000, 100_000):
        result = bench_verify.measure(100_000, records)
        rate = result.entries / result.seconds
        print(
            f"records verify --all         {rate:7,.0f} entries/s, {result.memory:.0f} MiB   "
            f"{result.entries:,} entries of {records:,} records, without the API's time"
        )


if __name__ == "__main__":
    main(_verb)
