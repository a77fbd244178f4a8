"""Runs checkov, and keeps its reports as SARIF and JUnit for CI."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lib.console import Failure
from lib.paths import LOCAL, ROOT, TOOLS, shown

REPORTS = LOCAL / "scan"
_REPORTS = {"results_sarif.sarif": "sarif", "results_junitxml.xml": "xml"}


class Skip(NamedTuple):
    """A check that checkov skipped: its ID, the resource without its module, and its folder."""

    rule: str
    folder: str
    resource: str


class Result(NamedTuple):
    """The number of checks that passed, and those that were skipped."""

    passed: int
    skips: frozenset[Skip]

    def __str__(self) -> str:
        """Return the numbers, as a note of a step."""
        return f"{self.passed} passed, {len(self.skips)} skipped"


def run(name: str, *arguments: str | Path) -> Result:
    """Run checkov with `arguments`; keep its reports in .local/scan/`name`.sarif and .xml.

    Raises Failure, with the findings, if a check fails, or if checkov can't parse a file, because
    it would skip that file without a word.
    """
    with tempfile.TemporaryDirectory(prefix="records-scan-") as folder:
        command = [TOOLS / "scan" / "bin" / "checkov", "--skip-download", *arguments]
        for report in ("json", "sarif", "junitxml"):
            command += ["-o", report]
        process = subprocess.run(
            [*command, "--output-file-path", folder],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        file = Path(folder) / "results_json.json"
        if not file.exists():
            raise Failure(
                f"checkov exited with {process.returncode} and no report",
                "see its output above",
                report=process.stdout + process.stderr,
            )
        REPORTS.mkdir(parents=True, exist_ok=True)
        for source, suffix in _REPORTS.items():
            shutil.copy(Path(folder) / source, REPORTS / f"{name}.{suffix}")
        content = json.loads(file.read_text())
    return summarized(content if isinstance(content, list) else [content])


def summarized(reports: Sequence[dict[str, Any]]) -> Result:
    """Return the result of checkov's JSON reports. Raises Failure if there is a problem."""
    passed, skips, problems = 0, set(), []
    for report in reports:
        results = report.get("results", {})  # absent if there was nothing to check
        passed += report.get("summary", report)["passed"]
        skips |= {_skip(check) for check in results.get("skipped_checks", [])}
        problems += [f"{path}: can't be parsed" for path in results.get("parsing_errors", [])]
        problems += [
            f"{check['check_id']} {check['resource']}: {check['check_name']}"
            f" ({check['file_path']}:{check['file_line_range'][0]})"
            for check in results.get("failed_checks", [])
        ]
    if problems:
        raise Failure(
            f"checkov reports {len(problems)} problem{'s' * (len(problems) > 1)}",
            f"fix them, or skip a check: see {shown(ROOT / 'docs' / 'scan-exceptions.md')}",
            report="\n".join(problems) + "\n",
        )
    return Result(passed, frozenset(skips))


def _skip(check: dict[str, Any]) -> Skip:
    # An address, such as module.records.aws_s3_bucket.trail["own"].
    kind, label = check["resource"].split(".")[-2:]
    folder = Path(check["file_path"]).parent.name
    return Skip(check["check_id"], folder, f"{kind}.{label.partition('[')[0]}")
