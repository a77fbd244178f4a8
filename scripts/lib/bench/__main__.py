"""Measures this service and its peers doing the same work, in the same run.

The committed package and handlers that are written as usual (tests/bench/peers) run under Lambda's
runtime client, against an endpoint on loopback that speaks TLS. Compare ratios, which change little
from machine to machine, rather than times. It needs Linux and less than 20 minutes (--quick: 2).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib import venvs
from lib.bench import growth, largest_page, money, report, share, stack_times, verification
from lib.bench.measure import LIMITED_MEMORY, Effort, Report, cold, warm
from lib.bench.publish import publish
from lib.bench.results import machine, ratios, summary, violations
from lib.bench.runtime import Subject
from lib.bench.workload import OURS, PEER_LABELS, dynamodb, package, peer, seed
from lib.console import Failure, argument_parser, main, step
from lib.package import PACKAGE

QUICK = Effort(cold=5, warm=50, limited=0, sizes=(1000, 10_000))
FULL = Effort(cold=25, warm=250, limited=15, sizes=(1000, 10_000, 100_000))
LIMITED_PEERS = ("boto3_client", "powertools")
ARCHIVE = PACKAGE / "records-api.zip"
OTHER = "other_package"  # the name of --against in the results


def run(effort: Effort, against: Path | None) -> dict[str, Any]:
    """Measure everything; return the content of bench.json. Terraform is not measured."""
    python = venvs.python("bench")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with dynamodb(folder) as environment:
            ours = package(ARCHIVE, folder / OURS, environment, OURS)
            seed(python, ours)
            subjects = [ours, *(peer(name, environment) for name in PEER_LABELS)]
            if against:
                subjects.append(package(against, folder / OTHER, environment, OTHER))
            samples = _samples(python, subjects, effort)
            with progress("read units") as show:
                units = growth.measure(python, ours, effort.sizes, show)
                costed = [subject for subject in subjects if subject.name in money.SUBJECTS]
                counts = growth.per_request(python, costed, folder)
                largest = largest_page.measure(python, ours)
    medians = summary(samples)
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine() | {"processor_share_by": share.mechanism()},
        "versions": versions(python),
        "subjects": {subject.name: subject.label for subject in subjects},
        "ratios": ratios(
            samples["cold"], samples["warm"], ARCHIVE.stat().st_size, growth.ratio(units)
        ),
        "read_units": units,
        "read_units_modelled": growth.model(units),
        "units_per_request": counts,
        "largest_page": largest,
        "money": money.model(medians, counts, largest["peak_megabytes"]),
        "summary": medians,
        "samples": samples,
    }


def _samples(python: Path, subjects: list[Subject], effort: Effort) -> dict[str, Any]:
    """Measure cold starts and warm requests; return the samples by name."""
    with progress("cold starts") as show:
        samples: dict[str, Any] = {"cold": cold(python, subjects, effort.cold, show)}
    with progress("warm requests") as show:
        samples["warm"] = warm(python, subjects, effort.warm, show)
    few = [subject for subject in subjects if subject.name in (OURS, *LIMITED_PEERS)]
    for memory in LIMITED_MEMORY if effort.limited else ():
        with progress(f"cold starts with {memory} MB") as show:
            samples[f"cold_{memory}_megabytes"] = cold(python, few, effort.limited, show, memory)
    return samples


def versions(python: Path) -> dict[str, str]:
    """Return the versions of Python and of the peers' dependencies in their environment."""
    names = ("awslambdaric", "boto3", "aws-lambda-powertools", "fastapi", "mangum")
    code = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'python': platform.python_version()} "
        "| {name: version(name) for name in sys.argv[1:]}))"
    )
    result = subprocess.run(
        [python, "-c", code, *names], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(result.stdout)
    return found


@contextmanager
def progress(name: str) -> Iterator[Report]:
    """Print a progress line. The yielded function shows how far it is, on a terminal only."""
    with step(name) as line:

        def show(text: str) -> None:
            line.note = text
            if sys.stdout.isatty():
                print(f"\r{name:<34}{text}\033[K", end="", flush=True)

        yield show
        if sys.stdout.isatty():
            print(f"\r{name:<34}\033[K", end="", flush=True)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Install the environments and measure; return the content of bench.json."""
    for group in ("bench", "emulator"):
        venvs.ensure(group)
    results = run(QUICK if options.quick else FULL, options.against)
    if not options.quick:
        with tempfile.TemporaryDirectory() as name, progress("Terraform") as show:
            results["terraform"] = stack_times.measure(Path(name), show)
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="fewer samples, less than 2 minutes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the results to this file")
    parser.add_argument(
        "--publish", action="store_true", help="write results, tables and charts to the documents"
    )
    parser.add_argument(
        "--results", type=Path, metavar="PATH", help="use the results in this file, do not measure"
    )
    parser.add_argument(
        "--check", action="store_true", help="fail if a ratio is outside its limits"
    )
    parser.add_argument(
        "--against", type=Path, metavar="ZIP", help="also measure this build of the package"
    )
    parser.add_argument(
        "--verify", action="store_true", help="measure records verify, and nothing else"
    )
    return parser


def _verb() -> None:
    options = _parser().parse_args()
    if sys.platform != "linux":
        raise Failure("scripts/bench reads Linux's processor clocks", "run it on Linux")
    if options.publish and (options.quick or options.against):
        raise Failure("--publish needs a full run", "omit --quick and --against")
    venvs.run_in("dev", "lib.bench")
    if options.verify:
        print(verification.table())
        return
    results = json.loads(options.results.read_text()) if options.results else measure(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.publish:
        publish(results)
    for table in report.sections(results).values():
        print("\n" + table)
    if options.check and (found := violations(results["ratios"])):
        raise Failure("; ".join(found), "find the cause with scripts/bench --against OLD_ZIP")


if __name__ == "__main__":
    main(_verb)
