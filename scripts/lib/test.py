"""Proves the service: every stage runs, also after one failed; exit code 1 if any did."""

import argparse
import dataclasses
import functools
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib import package, scan, terraform, venvs
from lib.console import Failure, main, step
from lib.paths import LOGS, ROOT, TOOLS, shown
from lib.terraform import Terraform, environment

Action = Callable[[], str]
_BIN = TOOLS / "dev" / "bin"


def tool(*command: str | Path) -> str:
    """Run a linter; raises Failure with what it found."""
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        cause = f"{Path(command[0]).name} found something to mend"
        raise Failure(cause, "its report is above", report=result.stdout)
    return (result.stdout.strip().splitlines() or [""])[-1]


def pytest(*folders: str, shown_late: bool = False) -> str:
    """Run the tests in those folders of tests/ on two processes; return their last line.

    Their output is shown as it comes, or, `shown_late`, only where a test fails.
    """
    found = [f"tests/{folder}" for folder in folders]
    command = [str(_BIN / "pytest"), "-n", "2", "--no-header", *found]
    if not shown_late:
        print(flush=True)
    target = subprocess.PIPE if shown_late else None
    result = subprocess.run(command, cwd=ROOT, stdout=target, stderr=target, text=True, check=False)
    if result.returncode != 0:
        raise Failure(
            f"pytest {' '.join(found)} failed", "its report is above", report=result.stdout
        )
    return result.stdout.strip().splitlines()[-1].strip("= ") if shown_late else ""


def check_package() -> str:
    """Build the package anew and compare it with the one in the module."""
    package.check()
    return "the committed one is what the sources give"


def roots() -> list[Path]:
    """Return every module and environment; the modules' tests plan their examples."""
    return sorted(
        {
            file.parent
            for folder in ("modules", "environments")
            for file in ROOT.glob(f"{folder}/*/*.tf")
        }
    )


def has_tests(folder: Path) -> bool:
    """Return whether `terraform test` has something to do in `folder`."""
    return any(folder.glob("tests/*.tftest.hcl"))


def check_root(runner: Terraform, folder: Path) -> str:
    """Validate one folder and run its tests; return what the tests said."""
    # Data of its own: the folder's may be somebody's, with a backend configured.
    env = environment(
        data=TOOLS / "terraform-data" / str(folder.relative_to(ROOT)).replace("/", "-")
    )
    log = LOGS / "test" / f"{folder.relative_to(ROOT)}.log".replace("/", "-")
    own = dataclasses.replace(runner, log=log)
    # An init reads the whole provider to check it, so it is done only where validate says that it is missing.
    if own.call(folder, "validate", "-no-color", env=env).code != 0:
        locked = ["-lockfile=readonly"] if (folder / ".terraform.lock.hcl").exists() else []
        own.run(folder, "init", "-backend=false", "-no-color", *locked, env=env)
        own.run(folder, "validate", "-no-color", env=env)
    if not has_tests(folder):
        return "valid"
    result = own.call(folder, "test", "-no-color", env=env)
    if result.code != 0:
        cause = f"terraform test failed: {result.error}"
        raise Failure(cause, "its report is above", report=result.output)
    return result.output.strip().splitlines()[-1]


def checks(runner: Terraform) -> Iterator[tuple[str, Action]]:
    """Yield name and action of everything that looks at the sources alone."""
    shell = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
    shell += [ROOT / "scripts" / "lib" / "run.sh", ROOT / ".ci" / "run"]
    yield "ruff check", lambda: tool(_BIN / "ruff", "check")
    yield "ruff format", lambda: tool(_BIN / "ruff", "format", "--check")
    yield "mypy --strict", lambda: tool(_BIN / "mypy")
    yield "shellcheck", lambda: tool(_BIN / "shellcheck", *shell)
    yield "Lambda package", check_package
    yield "terraform fmt", lambda: tool(runner.binary, "fmt", "-check", "-recursive", "-diff")
    for folder in roots():
        yield shown(folder), functools.partial(check_root, runner, folder)


def runs() -> Iterator[tuple[str, Action]]:
    """Yield name and action of everything that needs the emulator."""
    yield "end to end", lambda: pytest("e2e")
    yield "policy scan: sources", scan.scan_sources
    yield "policy scan: applied stack", scan.scan_applied


def timed(action: Action) -> tuple[float, str | Failure]:
    """Return how long an action took, and its note or its failure."""
    began = time.monotonic()
    try:
        said: str | Failure = action()
    except Failure as failure:
        said = failure
    return time.monotonic() - began, said


def report(name: str, outcome: Callable[[], tuple[float, str | Failure]]) -> bool:
    """Print the line of one stage; return whether it passed."""
    try:
        with step(name) as this:
            this.seconds, said = outcome()
            if isinstance(said, Failure):
                raise said
            this.note = said
    except Failure as failure:
        print(failure, flush=True)
        return False
    return True


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__)
    parser.add_argument(
        "--fast", action="store_true", help="only lint, Terraform with mocks, unit and policy tests"
    )
    fast = parser.parse_args().fast
    venvs.run_in("dev", "lib.test", always_say=True)
    for name in () if fast else ("emulator", "scan"):
        venvs.ensure(name)
    began = time.monotonic()
    with step("Terraform and its provider") as this:
        runner = terraform.ensure(LOGS / "test" / "terraform.log")
        this.note = runner.binary
    results: dict[str, bool] = {}
    folders = ("unit", "policy") if fast else ("unit", "policy", "contract")
    # Beside each other, as tests wait more than they compute; their lines come in order.
    with ThreadPoolExecutor(3) as pool:
        tests = pool.submit(timed, functools.partial(pytest, *folders, shown_late=True))
        for name, future in [(name, pool.submit(timed, action)) for name, action in checks(runner)]:
            results[name] = report(name, future.result)
        results[", ".join(folders)] = report(", ".join(folders), tests.result)
    for name, action in () if fast else runs():
        results[name] = report(name, functools.partial(timed, action))
    failed = [name for name, passed in results.items() if not passed]
    print(
        f"\n{len(results) - len(failed)} of {len(results)} stages passed in {time.monotonic() - began:.0f} s"
    )
    if failed:
        raise Failure(f"failed: {', '.join(failed)}", "see the report of each, above")


if __name__ == "__main__":
    main(_verb)
