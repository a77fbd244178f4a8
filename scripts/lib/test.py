"""Runs the checks and tests: linters, unit tests, terraform test, end-to-end tests, policy scan.

Every stage runs, even after one has failed; the exit code is 1 if any failed. With arguments for
pytest, such as `tests/unit/test_records.py -k merge`, only pytest runs.
"""

import argparse
import functools
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from lib import terraform, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import LOGS, ROOT, shown
from lib.stages import BIN, Stage, stages

TIERS = {"fast": 90, "default": 20 * 60, "full": 80 * 60}  # seconds on two idle cores
_WITHOUT_EMULATOR = ("tests/unit", "tests/policy", "tests/contract", "tests/viewer")


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
        venvs.ensure("scan")
    command = [str(BIN / "pytest"), *arguments]
    print("$", shlex.join([shown(Path(command[0])), *arguments]), flush=True)
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(
        prog="scripts/test",
        usage="scripts/test [--fast | --full] [--only STAGE] [--list]\n"
        "       scripts/test PYTEST_ARGUMENT...",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tier = parser.add_mutually_exclusive_group()
    tier.add_argument(
        "--fast",
        dest="tier",
        action="store_const",
        const="fast",
        help="linters, unit tests, terraform validate (under 90 s on two cores)",
    )
    tier.add_argument(
        "--full",
        dest="tier",
        action="store_const",
        const="full",
        help="also the tests with the pytest marker `full`, and an upgrade (under 80 minutes); the "
        "default, which CI runs, takes under 20 minutes",
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
    for group in ("bench", "emulator", "node", "scan"):
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
