"""Writes the results of a run to the documents: docs/bench.json, the charts, and the tables."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.bench import report
from lib.bench.charts import Bar, Line, bars, lines
from lib.bench.measure import LIMITED_MEMORY
from lib.bench.workload import FLOORS, OURS
from lib.console import Failure
from lib.paths import ROOT

RESULTS = ROOT / "docs" / "bench.json"
CHARTS = ROOT / "docs" / "charts"
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "performance.md")
_MARKED = re.compile(r"(<!-- BEGIN_BENCH (\w+) -->\n).*?(<!-- END_BENCH -->)", re.DOTALL)
_CPU = "milliseconds of processor time, median"
_GROWTH = {
    "page_first": "page of 100",
    "page_of_type_and_status": "page, two filters",
    "scan_for_a_type": "Scan for one type",
}


def publish(results: Mapping[str, Any]) -> None:
    """Write the results, the charts, and the tables between the markers of DOCUMENTS.

    Raises Failure if the results are not those of a full run.
    """
    if "terraform" not in results:
        raise Failure("these are not the results of a full run", "run scripts/bench --publish")
    RESULTS.write_text(json.dumps(results, separators=(",", ":")) + "\n")
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, chart in charts(results).items():
        (CHARTS / name).write_text(chart)
    for document in DOCUMENTS:
        document.write_text(documented(document, results))


def documented(document: Path, results: Mapping[str, Any]) -> str:
    """Return the text of a document with the tables of these results."""
    tables = report.sections(results)
    return _MARKED.sub(
        lambda match: f"{match[1]}\n{tables[match[2]]}\n\n{match[3]}", document.read_text()
    )


def charts(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the charts by file name."""
    summary, labels = results["summary"], results["subjects"]
    drawn = {
        "cold.svg": bars(
            "Cold start: init and first page of 100 records",
            "The darker part is init.",
            _CPU,
            _cold_rows(results),
        ),
        "memory.svg": bars(
            "Peak memory after the first page of 100 records",
            "Resident memory of the process.",
            "megabytes, median",
            [
                Bar(label, value, f"{value:.0f} MB", name == OURS)
                for name, label in labels.items()
                for value in [summary["cold"][name]["peak_megabytes"]["p50"]]
            ],
        ),
        "limited.svg": bars(
            "Cold start with the processor share of a memory size",
            "From the import of the function to its first answer, with a page of 100 records.",
            "milliseconds of wall time, median",
            [
                Bar(f"{labels[name]}, {memory} MB", value, f"{value:,.0f} ms", name == OURS)
                for memory in LIMITED_MEMORY
                for name, times in summary[f"cold_{memory}_megabytes"].items()
                for value in [times["answer_wall"]["p50"]]
            ],
        ),
        "growth.svg": lines(
            "What a request reads as the table grows",
            "Read units per request. Dashed: modelled, not measured.",
            ("records in the table", "read units"),
            _growth_lines(results),
        ),
    }
    for request, title in (("page_100", "A page of 100 records"), ("get", "One record")):
        drawn[f"{request}.svg"] = bars(
            f"{title}, warm",
            "Each function answers the same request from the same items.",
            _CPU,
            _warm_rows(labels, summary["warm"][request]),
        )
    return drawn


def _cold_rows(results: Mapping[str, Any]) -> list[Bar]:
    rows = []
    for name, label in results["subjects"].items():
        times = results["summary"]["cold"][name]
        whole, init = times["answer_cpu"]["p50"], times["init_cpu"]["p50"]
        rows.append(Bar(label, whole, f"{whole:.0f} ms", name == OURS, min(init, whole)))
    return rows


def _warm_rows(labels: Mapping[str, str], samples: Mapping[str, Any]) -> list[Bar]:
    return [
        Bar(label, value, f"{value:.2f} ms", name == OURS)
        for name, label in labels.items()
        if name in samples and name not in FLOORS
        for value in [samples[name]["cpu"]["p50"]]
    ]


def _growth_lines(results: Mapping[str, Any]) -> list[Line]:
    sizes = {**results["read_units"], **results["read_units_modelled"]}
    return [
        Line(
            label,
            [(int(size), counts[name]["read_units"]) for size, counts in sizes.items()],
            len(results["read_units_modelled"]),
            not name.startswith("scan"),
        )
        for name, label in _GROWTH.items()
    ]
