"""Policy scan: checkov on the HCL of all modules and environments, and on an applied stack."""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import scratch, venvs
from lib.console import Failure, main, step
from lib.paths import ENVIRONMENT, ROOT, TOOLS, shown

_COUNTS = re.compile(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)")
_SKIP = re.compile(r"checkov:skip=\w+(:\s*\S.+)?")
_APPLIED_CHECKS = ROOT / "tests" / "policy" / "applied_checks.py"
_HCL = [ROOT / "modules", ROOT / "environments"]


def unexplained_skips() -> list[str]:
    """Return `path:line` of each check that is skipped without a reason on the same line."""
    return [
        f"{shown(path)}:{number}"
        for folder in _HCL
        for path in sorted(folder.rglob("*.tf"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for skip in _SKIP.finditer(line)
        if not skip.group(1)
    ]


def checkov(*arguments: str | Path) -> str:
    """Run checkov; return the numbers of passed and skipped checks.

    Raises Failure, with checkov's report, if a check fails or if nothing was checked.
    """
    command = [
        TOOLS / "scan" / "bin" / "checkov",
        "--compact",
        "--quiet",
        "--skip-download",
        *arguments,
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    counts = _COUNTS.search(result.stdout)
    passed, failed, skipped = map(int, counts.groups()) if counts else (0, 0, 0)
    if result.returncode != 0 or failed or not passed:
        cause = f"checkov: {failed} checks failed" if failed else "checkov ran no checks"
        remedy = "fix the findings, or skip a check and state the reason: #checkov:skip=ID:reason"
        raise Failure(cause, remedy, report=result.stdout + result.stderr)
    return f"{passed} passed, {skipped} skipped"


def scan_sources() -> str:
    """Scan the HCL sources; return the counts.

    Raises Failure if a check fails, or is skipped without a reason.
    """
    if places := unexplained_skips():
        raise Failure(
            f"checks skipped without a reason: {', '.join(places)}",
            "add the reason on the same line: #checkov:skip=ID:reason",
        )
    options = ["--framework", "terraform", "--skip-path", "/[.]terraform", "--directory"]
    # One run per folder: with several folders, checkov counts the first one again in the next.
    return "; ".join(f"{folder.name}: {checkov(*options, folder)}" for folder in _HCL)


@contextmanager
def applied_plan() -> Iterator[Path]:
    """Yield a JSON file with the plan of environments/local after its apply.

    After the apply, every value is known. Raises Failure if Terraform fails.
    """
    with (
        tempfile.TemporaryDirectory(prefix="records-scan-") as folder,
        scratch.running(Path(folder)) as stack,
    ):
        plan, plan_json = Path(folder) / "plan", Path(folder) / "plan.json"
        result = stack.call("plan", f"-out={plan}")
        if result.code != 0:
            raise Failure(
                f"terraform plan failed: {result.error}", "see the log", stack.terraform.log
            )
        content = stack.terraform.read(ENVIRONMENT, "show", "-json", str(plan), env=stack.env)
        plan_json.write_text(json.dumps(content))
        yield plan_json


def scan_applied() -> str:
    """Scan the plan of an applied local stack with checkov and tests/policy; return the counts.

    Raises Failure if Terraform, checkov or a check in tests/policy fails.
    """
    with applied_plan() as plan:
        # checkov reads the skip comments from the sources.
        counts = checkov(
            "--framework", "terraform_plan", "--file", plan, "--repo-root-for-plan-enrichment", ROOT
        )
        return f"{counts}; applied checks: {applied_checks(plan)}"


def applied_checks(plan: Path) -> str:
    """Run tests/policy/applied_checks.py on the plan in JSON; return pytest's summary.

    These are rules of AWS that neither checkov nor the emulator checks. Raises Failure, with
    pytest's report, if one is violated.
    """
    command: list[str | Path] = [
        venvs.python("dev"),
        "-m",
        "pytest",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        _APPLIED_CHECKS,
    ]
    environment = {**os.environ, "RECORDS_PLAN_JSON": str(plan)}
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    if result.returncode != 0:
        cause = f"the applied stack violates a rule in {shown(_APPLIED_CHECKS)}"
        raise Failure(cause, "see the report above", report=result.stdout + result.stderr)
    return result.stdout.strip().splitlines()[-1]


def _verb() -> None:
    argparse.ArgumentParser(prog="scripts/scan", description=__doc__).parse_args()
    venvs.run_in("dev", "lib.scan", always_report=True)
    venvs.ensure("emulator")
    venvs.ensure("scan")
    with step("policy scan: sources") as line:
        line.note = scan_sources()
    with step("policy scan: applied stack") as line:
        line.note = scan_applied()


if __name__ == "__main__":
    main(_verb)
