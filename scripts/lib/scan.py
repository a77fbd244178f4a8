"""Policy scan: checkov over the HCL of every module and environment, and over the plan of an applied local stack."""

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
_OWN_RULES = ROOT / "tests" / "policy" / "applied_checks.py"
_HCL = [ROOT / "modules", ROOT / "environments"]


def unexplained_skips() -> list[str]:
    """Return where a check is skipped without a reason on the same line."""
    return [
        f"{shown(path)}:{number}"
        for folder in _HCL
        for path in sorted(folder.rglob("*.tf"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for skip in _SKIP.finditer(line)
        if not skip.group(1)
    ]


def checkov(*arguments: str | Path) -> str:
    """Run checkov and return how many checks passed and were skipped.

    Raises Failure, with what it found, when a check fails or when nothing was checked at all.
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
        cause = f"checkov: {failed} checks fail" if failed else "checkov checked nothing"
        remedy = "mend them, or skip one with its reason on its line: #checkov:skip=ID:reason"
        raise Failure(cause, remedy, report=result.stdout + result.stderr)
    return f"{passed} passed, {skipped} skipped"


def scan_sources() -> str:
    """Scan the HCL as it is written; return the counts."""
    if places := unexplained_skips():
        raise Failure(
            f"skipped without a reason: {', '.join(places)}",
            "add it on that line: #checkov:skip=ID:reason",
        )
    # One run for each: given several folders at once, checkov counts the first again in the next.
    counts = [
        f"{folder.name}: {checkov('--framework', 'terraform', '--skip-path', '/[.]terraform', '--directory', folder)}"
        for folder in _HCL
    ]
    return "; ".join(counts)


@contextmanager
def applied_plan() -> Iterator[Path]:
    """Have a file with the plan of environments/local after its apply, when every value is known, as JSON."""
    with (
        tempfile.TemporaryDirectory(prefix="records-scan-") as folder,
        scratch.running(Path(folder)) as stack,
    ):
        plan, described = Path(folder) / "plan", Path(folder) / "plan.json"
        result = stack.call("plan", f"-out={plan}")
        if result.code != 0:
            raise Failure(
                f"terraform plan failed: {result.error}", "see the log", stack.terraform.log
            )
        answer = stack.terraform.read(ENVIRONMENT, "show", "-json", str(plan), env=stack.env)
        described.write_text(json.dumps(answer))
        yield described


def scan_applied() -> str:
    """Scan the plan of an applied local stack, with checkov and with the rules of our own; return the counts."""
    with applied_plan() as plan:
        # Without the sources beside it, checkov does not see the skips that are written there.
        counts = checkov(
            "--framework", "terraform_plan", "--file", plan, "--repo-root-for-plan-enrichment", ROOT
        )
        return f"{counts}; own rules: {own_rules(plan)}"


def own_rules(plan: Path) -> str:
    """Hold what AWS demands and neither checkov nor the emulator looks at; return pytest's summary."""
    command: list[str | Path] = [
        venvs.python("dev"),
        "-m",
        "pytest",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        _OWN_RULES,
    ]
    environment = {**os.environ, "RECORDS_PLAN_JSON": str(plan)}
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    if result.returncode != 0:
        cause = f"the applied stack breaks a rule of {shown(_OWN_RULES)}"
        raise Failure(cause, "its report is above", report=result.stdout + result.stderr)
    return result.stdout.strip().splitlines()[-1]


def _verb() -> None:
    argparse.ArgumentParser(prog="scripts/scan", description=__doc__).parse_args()
    venvs.run_in("dev", "lib.scan", always_say=True)
    venvs.ensure("emulator")
    venvs.ensure("scan")
    with step("policy scan: sources") as this:
        this.note = scan_sources()
    with step("policy scan: applied stack") as this:
        this.note = scan_applied()


if __name__ == "__main__":
    main(_verb)
