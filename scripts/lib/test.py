"""Runs the checks and tests: linters, unit tests, terraform test, end-to-end tests, policy scan.

Every stage runs, even after one has failed; the exit code is 1 if any failed. With arguments for
pytest, such as `tests/unit/test_records.py -k merge`, only pytest runs.
"""

import argparse
import dataclasses
import functools
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lib import docs, package, scan, terraform, venvs
from lib.console import Failure, main, step
from lib.paths import LOGS, ROOT, TOOLS, shown
from lib.terraform import Terraform, environment

TIERS = {"fast": 90, "default": 20 * 60, "full": 80 * 60}  # seconds on two idle cores
_BIN = TOOLS / "dev" / "bin"
_WITHOUT_EMULATOR = ("tests/unit", "tests/policy", "tests/contract")


@dataclass(frozen=True)
class Stage:
    """One check; `run` returns its summary, or raises Failure.

    `tier` is the shortest tier that includes it. `groups` are the Python environments that it needs
    besides dev. An `exclusive` stage uses both cores itself, so nothing runs beside it.
    """

    name: str
    command: Sequence[str | Path]
    run: Callable[[], str]
    tier: str = "fast"
    groups: tuple[str, ...] = ()
    exclusive: bool = False

    @property
    def command_line(self) -> str:
        """Return the command line, with paths relative to the checkout."""
        words = [shown(word) if isinstance(word, Path) else word for word in self.command]
        return shlex.join(words)


def linter(name: str, *command: str | Path) -> Stage:
    """Return a stage that runs `command`, which exits with an error if it has findings."""
    return Stage(name, command, functools.partial(run_linter, command))


def run_linter(command: Sequence[str | Path]) -> str:
    """Run a linter; return its last line. Raises Failure with its output."""
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
        raise Failure(
            f"{Path(command[0]).name} failed", "see its output above", report=result.stdout
        )
    return (result.stdout.strip().splitlines() or [""])[-1]


def pytest(name: str, folders: Iterable[str], tier: str, *, exclusive: bool = False) -> Stage:
    """Return a stage that runs the tests in `folders` on two processes.

    Tests with the marker `full` run in the tier of that name only.
    """
    marker = [] if tier == "full" else ["-m", "not full"]
    tests = [f"tests/{folder}" for folder in folders]
    command: list[str | Path] = [_BIN / "pytest", "-n", "2", "--no-header", *marker, *tests]
    run = functools.partial(run_pytest, command, streamed=exclusive)
    groups = ("emulator",) if exclusive else ()
    return Stage(name, command, run, "default" if exclusive else "fast", groups, exclusive)


def run_pytest(command: Sequence[str | Path], *, streamed: bool) -> str:
    """Run pytest; return its last line. Raises Failure, with its output unless that is streamed."""
    if streamed:
        print(flush=True)
    output = None if streamed else subprocess.PIPE
    result = subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, text=True, check=False)
    if result.returncode != 0:
        raise Failure(
            "pytest failed",
            "see its output above; one test: scripts/test PATH::NAME",
            report=result.stdout or "",
        )
    return "" if streamed else result.stdout.strip().splitlines()[-1].strip("= ")


def check_package() -> str:
    """Build the package and compare it with the committed one."""
    package.check()
    return "the committed package matches its sources"


def check_docs() -> str:
    """Compare the tables in the READMEs with the variables and outputs. Raises Failure."""
    docs.check()
    return "the tables of inputs and outputs match the HCL"


def roots() -> list[Path]:
    """Return the folder of every module and environment. A module's tests plan its examples."""
    return sorted(
        {
            file.parent
            for folder in ("modules", "environments")
            for file in ROOT.glob(f"{folder}/*/*.tf")
        }
    )


def has_tests(folder: Path) -> bool:
    """Return whether `folder` has tests for `terraform test`."""
    return any(folder.glob("tests/*.tftest.hcl"))


def check_root(runner: Terraform, folder: Path) -> str:
    """Validate one module or environment and run its tests; return Terraform's last line."""
    # A separate data folder, because .terraform may be configured with a backend.
    env = environment(
        data=TOOLS / "terraform-data" / str(folder.relative_to(ROOT)).replace("/", "-")
    )
    log = LOGS / "test" / f"{folder.relative_to(ROOT)}.log".replace("/", "-")
    logged = dataclasses.replace(runner, log=log)
    # An init hashes the whole provider, so it runs only if validate says that it is needed.
    if logged.call(folder, "validate", "-no-color", env=env).code != 0:
        lockfile = ["-lockfile=readonly"] if (folder / ".terraform.lock.hcl").exists() else []
        logged.run(folder, "init", "-backend=false", "-no-color", *lockfile, env=env)
        logged.run(folder, "validate", "-no-color", env=env)
    if not has_tests(folder):
        return "valid"
    result = logged.call(folder, "test", "-no-color", env=env)
    if result.code != 0:
        raise Failure(
            f"terraform test failed: {result.error}", "see its output above", report=result.output
        )
    return result.output.strip().splitlines()[-1]


def terraform_stage(runner: Terraform, folder: Path) -> Stage:
    """Return the stage of one module or environment, named like its folder."""
    verb = "test" if has_tests(folder) else "validate"
    command: list[str | Path] = [Path(runner.binary), f"-chdir={shown(folder)}", verb]
    return Stage(shown(folder), command, functools.partial(check_root, runner, folder))


def stages(runner: Terraform, tier: str) -> Iterator[Stage]:
    """Yield all stages, in the order in which they start."""
    shell = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
    shell += [ROOT / "scripts" / "lib" / "run.sh", ROOT / ".ci" / "run"]
    folders = ["unit", "policy"] if tier == "fast" else ["unit", "policy", "contract"]
    public_index = ["--default-index", "https://pypi.org/simple"]
    yield pytest("pytest", folders, tier)
    yield linter("ruff-check", _BIN / "ruff", "check")
    yield linter("ruff-format", _BIN / "ruff", "format", "--check")
    yield linter("mypy", _BIN / "mypy")
    yield linter("shellcheck", _BIN / "shellcheck", *shell)
    yield linter("uv-lock", Path(venvs.uv()), "lock", "--check", *public_index)
    yield linter("terraform-fmt", Path(runner.binary), "fmt", "-check", "-recursive", "-diff")
    yield Stage("docs", ["scripts/docs", "--check"], check_docs)
    yield Stage("package", ["scripts/package", "--check"], check_package)
    for folder in roots():
        yield terraform_stage(runner, folder)
    yield pytest("e2e", ["e2e"], tier, exclusive=True)
    yield Stage(
        "bench", ["scripts/bench", "--quick", "--check"], run_bench, "default", ("bench",),
        exclusive=True,
    )  # fmt: skip
    yield Stage(
        "scan-sources", ["scripts/scan"], scan.scan_sources, "default", ("scan",), exclusive=True
    )
    yield Stage(
        "scan-applied",
        ["scripts/scan"],
        scan.scan_applied,
        "default",
        ("emulator", "scan"),
        exclusive=True,
    )


def run_bench() -> str:
    """Run the benchmark. Raises Failure if a ratio is outside its limits."""
    result = subprocess.run(
        [ROOT / "scripts" / "bench", "--quick", "--check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise Failure("the benchmark failed", "see its output above", report=result.stdout)
    return "the ratios are within their limits"


def selected(everything: Iterable[Stage], tier: str, only: Sequence[str]) -> list[Stage]:
    """Return the stages named in `only`, or those of `tier`. Raises Failure for an unknown name."""
    known = list(everything)
    names = [stage.name for stage in known]
    if unknown := [name for name in only if name not in names]:
        raise Failure(f"no stage named {', '.join(unknown)}", f"use one of {', '.join(names)}")
    order = list(TIERS)
    included = order[: order.index(tier) + 1]
    return [stage for stage in known if (stage.name in only if only else stage.tier in included)]


def timed(stage: Stage) -> tuple[float, str | Failure]:
    """Run one stage; return how many seconds it took, and its summary or its failure."""
    began = time.monotonic()
    try:
        outcome: str | Failure = stage.run()
    except Failure as failure:
        outcome = failure
    return time.monotonic() - began, outcome


def report(stage: Stage, result: Callable[[], tuple[float, str | Failure]]) -> bool:
    """Print the command of one stage and its result; return whether it passed."""
    print(f"$ {stage.command_line}", flush=True)
    try:
        with step(stage.name) as line:
            line.seconds, outcome = result()
            if isinstance(outcome, Failure):
                raise outcome
            line.note = outcome
    except Failure as failure:
        print(f"{failure}\n  run again: scripts/test --only {stage.name}", flush=True)
        return False
    return True


def run_all(chosen: Sequence[Stage]) -> dict[str, bool]:
    """Run the stages, three at a time where that is possible; return which passed.

    Three on two cores, because tests and Terraform often wait for I/O.
    """
    results: dict[str, bool] = {}
    with ThreadPoolExecutor(3) as pool:
        running: list[tuple[Stage, Future[tuple[float, str | Failure]]]] = [
            (stage, pool.submit(timed, stage)) for stage in chosen if not stage.exclusive
        ]
        running.sort(key=lambda pair: pair[0].name == "pytest")  # started first, reported last
        for stage, future in running:
            results[stage.name] = report(stage, future.result)
    for stage in chosen:
        if stage.exclusive:
            results[stage.name] = report(stage, functools.partial(timed, stage))
    return results


def run_pytest_only(arguments: Sequence[str]) -> None:
    """Run pytest with `arguments` and exit with its code."""
    paths = [argument for argument in arguments if argument.startswith("tests")]
    if not paths or not all(path.startswith(_WITHOUT_EMULATOR) for path in paths):
        venvs.ensure("emulator")
    command = [str(_BIN / "pytest"), *arguments]
    print("$", shlex.join([shown(Path(command[0])), *arguments]), flush=True)
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        usage="scripts/test [--fast | --full] [--only STAGE] [--list]\n"
        "       scripts/test PYTEST_ARGUMENT...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    tier = parser.add_mutually_exclusive_group()
    tier.add_argument(
        "--fast",
        dest="tier",
        action="store_const",
        const="fast",
        help="linters, unit and policy tests, terraform test (under 90 s on two cores)",
    )
    tier.add_argument(
        "--full",
        dest="tier",
        action="store_const",
        const="full",
        help="also the tests with the pytest marker `full` (under 80 minutes); the default, "
        "which CI runs, takes under 20 minutes",
    )
    parser.add_argument(
        "--only", metavar="STAGE", action="append", default=[], help="run this stage; repeatable"
    )
    parser.add_argument("--list", action="store_true", help="list the stages and their commands")
    parser.set_defaults(tier="default")
    return parser


def _verb() -> None:
    options, pytest_arguments = _parser().parse_known_args()
    venvs.run_in("dev", "lib.test", always_report=True)
    if pytest_arguments:
        run_pytest_only(pytest_arguments)
    with step("Terraform and its provider") as line:
        runner = terraform.ensure(LOGS / "test" / "terraform.log")
        line.note = runner.binary
    tier = "full" if options.only and options.tier == "default" else options.tier
    chosen = selected(stages(runner, tier), tier, options.only)
    if options.list:
        for stage in chosen:
            print(f"{stage.name:<24} {stage.command_line}")
        return
    for group in ("bench", "emulator", "scan"):
        if any(group in stage.groups for stage in chosen):
            venvs.ensure(group)
    began = time.monotonic()
    results = run_all(chosen)
    failed = [name for name, passed in results.items() if not passed]
    passed, seconds = len(results) - len(failed), time.monotonic() - began
    budget = "" if options.only else f" (budget: {TIERS[tier]} s)"
    print(f"\n{passed} of {len(results)} stages passed in {seconds:.0f} s{budget}")
    if failed:
        raise Failure(f"failed: {', '.join(failed)}", "see the output of each stage above")


if __name__ == "__main__":
    main(_verb)
