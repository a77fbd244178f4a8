"""Proves the service: every stage runs, also after one failed; exit code 1 if any did."""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lib import package, scan, terraform, venvs
from lib.console import Failure, main, step
from lib.paths import LOGS, ROOT, TOOLS, shown
from lib.terraform import Terraform, environment

_BIN = TOOLS / "dev" / "bin"


def tool(*command: str | Path) -> str:
    """Run a linter; raises Failure after printing what it found."""
    result = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode != 0:
        print(f"\n{result.stdout}", end="")
        name = Path(command[0]).name
        raise Failure(f"{name} {command[1]} found something", "it is printed above")
    said = result.stdout.strip().splitlines()
    return said[-1] if said else ""


def pytest(*folders: str) -> str:
    """Run the tests in those folders of tests/ that exist, on two processes; their output is shown as it comes."""
    found = [f"tests/{folder}" for folder in folders if (ROOT / "tests" / folder).is_dir()]
    print(flush=True)
    result = subprocess.run([_BIN / "pytest", "-n", "2", "--no-header", *found], cwd=ROOT, check=False)
    if result.returncode != 0:
        raise Failure(f"pytest {' '.join(found)} failed", "its report is above")
    return ""


def check_package() -> str:
    """Build the package anew and compare it with the one in the module."""
    package.check()
    return "the committed one is what the sources give"


def roots() -> list[Path]:
    """Return every folder that Terraform can be run in: modules, their examples, environments."""
    patterns = ("modules/*/*.tf", "modules/*/examples/*/*.tf", "environments/*/*.tf")
    return sorted({file.parent for pattern in patterns for file in ROOT.glob(pattern)})


def check_root(runner: Terraform, folder: Path) -> str:
    """Validate one folder and run its tests; return what the tests said."""
    # Data of its own: the folder's may be somebody's, with a backend configured.
    env = environment(data=TOOLS / "terraform-data" / str(folder.relative_to(ROOT)).replace("/", "-"))
    locked = ["-lockfile=readonly"] if (folder / ".terraform.lock.hcl").exists() else []
    runner.run(folder, "init", "-backend=false", "-no-color", *locked, env=env)
    runner.run(folder, "validate", "-no-color", env=env)
    if not list(folder.glob("tests/*.tftest.hcl")):
        return "valid"
    result = runner.call(folder, "test", "-no-color", env=env)
    if result.code != 0:
        print(f"\n{result.output}", end="")
        raise Failure(f"terraform test in {shown(folder)} failed: {result.error}", "its report is above", runner.log)
    told = re.findall(r"^Success! (.*)\.$", result.output, re.MULTILINE)
    return f"valid; {told[-1] if told else 'no test ran'}"


def stages(*, fast: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield name and action of every stage, in order; an action returns the note of its line."""
    shell = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
    shell += [ROOT / "scripts" / "lib" / "run.sh", ROOT / ".ci" / "run"]
    yield "ruff check", lambda: tool(_BIN / "ruff", "check")
    yield "ruff format", lambda: tool(_BIN / "ruff", "format", "--check")
    yield "mypy --strict", lambda: tool(_BIN / "mypy")
    yield "shellcheck", lambda: tool(_BIN / "shellcheck", *shell)
    yield "Lambda package", check_package
    runner = terraform.ensure(LOGS / "test-terraform.log")
    yield "terraform fmt", lambda: tool(runner.binary, "fmt", "-check", "-recursive", "-diff")
    for folder in roots():
        yield f"terraform {shown(folder)}", lambda folder=folder: check_root(runner, folder)  # type: ignore[misc]
    yield "unit, contract, policy", lambda: pytest("unit", "contract", "policy")
    if not fast:
        yield "end to end", lambda: pytest("e2e")
        yield "checkov: sources", scan.scan_sources
        yield "checkov: applied plan", scan.scan_plan


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="without what needs the emulator")
    fast = parser.parse_args().fast
    venvs.run_in("dev", "lib.test", always_say=True)
    for name in () if fast else ("emulator", "scan"):
        venvs.ensure(name)
    began = time.monotonic()
    failures: list[tuple[str, Failure]] = []
    count = 0
    for count, (name, action) in enumerate(stages(fast=fast), start=1):  # noqa: B007 (counted)
        try:
            with step(name) as this:
                this.note = action()
        except Failure as failure:
            failures.append((name, failure))
    print(f"\n{count - len(failures)} of {count} stages passed in {time.monotonic() - began:.0f} s")
    if failures:
        for name, reason in failures:
            print(f"{name}: {reason}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(_verb)
