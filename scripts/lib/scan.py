"""Policy scan: checkov over the HCL of every module and environment, and over the plan of an applied local stack."""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

from lib import scratch, venvs
from lib.console import Failure, main, step
from lib.paths import ENVIRONMENT, ROOT, TOOLS, shown

_COUNTS = re.compile(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)")
_SKIP = re.compile(r"checkov:skip=\w+(:\s*\S.+)?")
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

    Raises Failure, after printing what it found, when a check fails or when nothing was checked at all.
    """
    command = [TOOLS / "scan" / "bin" / "checkov", "--compact", "--quiet", "--skip-download", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    counts = _COUNTS.search(result.stdout)
    passed, failed, skipped = map(int, counts.groups()) if counts else (0, 0, 0)
    if result.returncode != 0 or failed or not passed:
        print(f"\n{result.stdout}{result.stderr}")
        cause = f"checkov: {failed} checks fail" if failed else "checkov checked nothing"
        raise Failure(cause, "mend them, or skip one with its reason on its line: #checkov:skip=ID:reason")
    return f"{passed} passed, {skipped} skipped with a reason"


def scan_sources() -> str:
    """Scan the HCL as it is written; return the counts."""
    if places := unexplained_skips():
        raise Failure(f"skipped without a reason: {', '.join(places)}", "add it on that line: #checkov:skip=ID:reason")
    folders = [argument for folder in _HCL for argument in ("--directory", folder)]
    return checkov("--framework", "terraform", "--skip-path", r"\.terraform", *folders)


def scan_plan() -> str:
    """Scan the plan of environments/local after its apply, when every value is known; return the counts."""
    with tempfile.TemporaryDirectory(prefix="records-scan-") as folder, scratch.running(Path(folder)) as stack:
        plan, described = Path(folder) / "plan", Path(folder) / "plan.json"
        result = stack.call("plan", f"-out={plan}")
        if result.code != 0:
            raise Failure(f"terraform plan failed: {result.error}", "see the log", stack.terraform.log)
        answer = stack.terraform.read(ENVIRONMENT, "show", "-json", str(plan), env=stack.env)
        described.write_text(json.dumps(answer))
        # Without the sources beside it, checkov does not see the skips that are written there.
        return checkov("--framework", "terraform_plan", "--file", described, "--repo-root-for-plan-enrichment", ROOT)


def _verb() -> None:
    argparse.ArgumentParser(prog="scripts/scan", description=__doc__).parse_args()
    venvs.ensure("emulator")
    venvs.ensure("scan")
    with step("checkov: modules, environments") as this:
        this.note = scan_sources()
    with step("checkov: plan of an applied stack") as this:
        this.note = scan_plan()


if __name__ == "__main__":
    main(_verb)
