"""Proves that the function stays as it is under load: memory, response times, no write lost.

Clients send mixed requests to the package for minutes, on loopback, with the emulator's DynamoDB.
tests/campaign/soak.py says what runs and why. It prints its progress every 10 seconds, and exits
with 1 if memory grows, if p99 is not stable, if a response is unexpected, or if a write is lost or
stored twice.
"""

import importlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from lib import venvs
from lib.bench.charts import Line, lines
from lib.bench.report import table
from lib.console import Failure, argument_parser, main
from lib.package import PACKAGE
from lib.paths import ROOT

RESULT = ROOT / "docs" / "soak.json"
DOCUMENT = ROOT / "docs" / "performance.md"
CHARTS = ROOT / "docs" / "charts"
_MARKED = re.compile(r"(<!-- BEGIN_SOAK -->\n).*?(<!-- END_SOAK -->)", re.DOTALL)
_SHOWN = 20


def charts(result: dict[str, Any]) -> dict[str, str]:
    """Return the charts by file name."""
    minutes = list(enumerate(result["by_minute"], start=1))
    load = f"{result['clients']} clients, {result['requests']:,} requests."
    return {
        "soak.svg": lines(
            "Response times under load",
            f"p99 of each minute. {load}",
            ("minute", "milliseconds"),
            [
                Line(label, [(number, each[name]["p99"]) for number, each in minutes], 0, is_ours)
                for name, label, is_ours in (
                    ("own", "without DynamoDB", True),
                    ("cpu", "processor time", False),
                )
            ],
            linear=True,
        ),
        "soak_memory.svg": lines(
            "Memory under load",
            f"Resident memory of the largest function. {load}",
            ("minute", "megabytes"),
            [
                Line(
                    f"{max(result['readings'][-1][1]):.1f} MB",
                    [(at / 60, max(megabytes)) for at, megabytes in result["readings"]],
                    0,
                    is_ours=True,
                )
            ],
            linear=True,
        ),
    }


def summary(result: dict[str, Any]) -> str:
    """Return the tables of a run: where and how it ran, and its minutes."""
    machine, growth = result["machine"], result["growth"]
    load = f"{machine['load_average_before']:.1f} / {machine['load_average']:.1f}"
    rows = [
        ["measured", result["measured_at"]],
        ["processors", f"{machine['processors']} of {machine['processor']}"],
        ["load average before / after", load],
        ["clients, minutes", f"{result['clients']}, {result['minutes']:g}"],
        ["requests", f"{result['requests']:,}"],
        ["writes that were acknowledged, and found", f"{result['entries']:,}"],
    ]
    if growth:
        memory = "{first:.1f} to {last:.1f} MB, {slope:+.0f} kB per minute".format(**growth)
        rows.append(["memory of the function that grew most", memory])
    minutes = [
        [
            f"{number}",
            f"{each['requests']:,}",
            f"{each['own']['p50']:.1f} / {each['own']['p99']:.1f}",
            f"{each['cpu']['p50']:.1f} / {each['cpu']['p99']:.1f}",
            f"{each['wall']['p50']:.0f} / {each['wall']['p99']:.0f}",
        ]
        for number, each in enumerate(result["by_minute"], start=1)
    ]
    head = ["minute", "requests", "without DynamoDB", "processor time", "with the emulator"]
    return table(["run", ""], rows) + "\n\n" + table(head, minutes)


def documented(result: dict[str, Any]) -> str:
    """Return the text of DOCUMENT with the tables of this run."""
    tables = summary(result)
    return _MARKED.sub(lambda match: f"{match[1]}\n{tables}\n\n{match[2]}", DOCUMENT.read_text())


def _print(line: str) -> None:
    print(line, flush=True)


def _verb() -> None:
    parser = argument_parser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="10")
    parser.add_argument("--clients", type=int, default=8, metavar="N", help="8")
    parser.add_argument("--seed", default="1", help="the requests follow from it")
    parser.add_argument(
        "--package",
        type=Path,
        metavar="ZIP",
        default=PACKAGE / "records-api.zip",
        help="run this build instead of the committed one",
    )
    parser.add_argument(
        "--publish", action="store_true", help="write result, charts and tables to docs/"
    )
    options = parser.parse_args()
    venvs.run_in("dev", "lib.soak")
    if sys.platform != "linux":
        raise Failure("scripts/soak reads Linux's processor clocks", "run it on Linux")
    for group in ("bench", "emulator"):
        venvs.ensure(group)
    sys.path.append(str(ROOT / "tests"))
    campaign = importlib.import_module("campaign.soak")
    plan = campaign.Plan(options.minutes, options.clients, options.seed)
    with tempfile.TemporaryDirectory(prefix="records-soak-") as folder:
        result = campaign.soak(plan, options.package, Path(folder), _print)
    print("\n" + summary(result))
    if result["problems"]:
        print("", *result["problems"][:_SHOWN], sep="\n")
        raise Failure(
            f"{len(result['problems'])} problems; the first are above",
            f"repeat it with --seed {options.seed} --minutes {options.minutes:g}",
        )
    if options.publish:
        RESULT.write_text(json.dumps(result, separators=(",", ":")) + "\n")
        for name, chart in charts(result).items():
            (CHARTS / name).write_text(chart)
        DOCUMENT.write_text(documented(result))


if __name__ == "__main__":
    main(_verb)
