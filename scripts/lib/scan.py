"""Policy scan: checkov on the sources and on applied stacks, and rules of our own.

Writes the list of skipped checks to docs/scan-exceptions.md, and reports as SARIF and JUnit to
.local/scan/.
"""

import datetime as dt
import json
import os
import subprocess
import tempfile
from pathlib import Path

from lib import checkov, exceptions, scratch, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ENVIRONMENT, ROOT, shown
from lib.stack import Stack

_APPLIED_CHECKS = ROOT / "tests" / "policy" / "applied_checks.py"
_HCL = [ROOT / "modules", ROOT / "environments"]
_SECRETS = [ROOT / name for name in ("docs", "environments", "lambda", "modules", "scripts")]


def scan_sources() -> str:
    """Scan HCL, the OpenAPI document and all sources for secrets; return the counts.

    Raises Failure if a check fails, or if the skips are not those in the ledger.
    """
    reasons = exceptions.in_sources(_HCL)
    reviews = exceptions.reviews()
    exceptions.compare(reasons, reviews)
    # One run per folder: with several folders, checkov counts the first one again in the next.
    options = ["--framework", "terraform", "--skip-path", "/[.]terraform", "--skip-path", "/tests/"]
    # The sources in the examples have a placeholder for the tag or commit, which these checks read.
    options += ["--skip-check", "CKV_TF_1,CKV_TF_2"]
    results = {
        folder.name: checkov.run(folder.name, *options, "--directory", folder) for folder in _HCL
    }
    exceptions.compare(
        reasons, reviews, {skip for result in results.values() for skip in result.skips}
    )
    document = ROOT / "lambda" / "openapi.yaml"
    results["openapi"] = checkov.run("openapi", "--framework", "openapi", "--file", document)
    folders = [word for folder in _SECRETS for word in ("--directory", str(folder))]
    results["secrets"] = checkov.run("secrets", "--framework", "secrets", *folders)
    if (text := exceptions.page(reasons, reviews)) != exceptions.PAGE.read_text():
        exceptions.PAGE.write_text(text)
        raise Failure(f"{shown(exceptions.PAGE)} was out of date", "commit the new version")
    return "; ".join(f"{name}: {result}" for name, result in results.items())


def check_reviews() -> str:
    """Return how many skips are in the ledger. Raises Failure if a review is overdue."""
    reviews = exceptions.reviews()
    if lines := exceptions.overdue(reviews, dt.datetime.now(dt.UTC).date()):
        raise Failure(
            f"{len(lines)} reviews of skipped checks are overdue",
            f"confirm or remove them, and set the next date in {shown(exceptions.LEDGER)}",
            report="\n".join(lines) + "\n",
        )
    return f"{len(reviews)} skips, none overdue"


def scan_applied() -> str:
    """Apply environments/local to a temporary emulator and check it; return the counts.

    Raises Failure if Terraform, checkov or a check in tests/policy fails.
    """
    with (
        tempfile.TemporaryDirectory(prefix="records-scan-") as folder,
        scratch.running(Path(folder)) as stack,
    ):
        return check_applied(stack, Path(folder))


def check_applied(stack: Stack, folder: Path) -> str:
    """Check the plan of an applied local stack with checkov and tests/policy; return the counts.

    After the apply, every value is known. `folder` is for the plan. Raises Failure if Terraform,
    checkov or a check in tests/policy fails.
    """
    plan, plan_json = folder / "plan", folder / "plan.json"
    result = stack.call("plan", "-refresh=false", f"-out={plan}")
    if result.code != 0:
        raise Failure(f"terraform plan failed: {result.error}", "see the log", stack.terraform.log)
    content = stack.terraform.read(ENVIRONMENT, "show", "-json", str(plan), env=stack.env)
    plan_json.write_text(json.dumps(content))
    return f"{scan_plan('local', plan_json)}; applied checks: {applied_checks(plan_json)}"


def scan_plan(name: str, plan: Path) -> checkov.Result:
    """Scan a plan in JSON with checkov; its reports are called `name`.

    Raises Failure if a check fails.
    """
    # checkov reads the skip comments from the sources.
    options = ["--framework", "terraform_plan", "--repo-root-for-plan-enrichment", str(ROOT)]
    return checkov.run(name, *options, "--file", plan)


def applied_checks(plan: Path) -> str:
    """Run tests/policy/applied_checks.py on the plan in JSON; return pytest's summary.

    These are rules of AWS that neither checkov nor the emulator checks. Raises Failure, with
    pytest's report, if one is violated.
    """
    command: list[str | Path] = [venvs.python("dev"), "-m", "pytest", "-q", "--no-header"]
    command += ["-p", "no:cacheprovider", _APPLIED_CHECKS]
    environment = {**os.environ, "RECORDS_PLAN_JSON": str(plan)}
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    if result.returncode != 0:
        cause = f"the applied stack violates a rule in {shown(_APPLIED_CHECKS)}"
        raise Failure(cause, "see the report above", report=result.stdout + result.stderr)
    return result.stdout.strip().splitlines()[-1]


def _verb() -> None:
    parser = argument_parser(prog="scripts/scan", description=__doc__)
    parser.add_argument(
        "--overdue", action="store_true", help="only fail if the review of a skip is overdue"
    )
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.scan", always_report=True)
    if arguments.overdue:
        with step("reviews of skipped checks") as line:
            line.note = check_reviews()
        return
    venvs.ensure("emulator")
    venvs.ensure("scan")
    with step("policy scan: sources") as line:
        line.note = scan_sources()
    reviews = exceptions.reviews()
    for warning in exceptions.overdue(reviews, dt.datetime.now(dt.UTC).date()):
        print(f"warning: {warning}")
    with step("policy scan: applied stack") as line:
        line.note = scan_applied()
    print(exceptions.PAGE.read_text())


if __name__ == "__main__":
    main(_verb)
