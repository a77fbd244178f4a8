"""The table that scripts/bench prints, and the charts of the README."""

from collections.abc import Mapping
from typing import Any

from lib.bench.charts import Bar, bars
from lib.bench.results import paired
from lib.bench.workload import FLOORS, OURS

_COLUMNS = (
    "cold, ms",
    "ratio",
    "page of 100",
    "page of 1,000",
    "one record",
    "create",
    "memory, MB",
)


def table(results: Mapping[str, Any]) -> str:
    """Return the medians of all subjects in processor milliseconds, and the ratios, as text.

    The cold time is that of init and the first page of 100 records.
    """
    cold, warm = results["summary"]["cold"], results["summary"]["warm"]
    lines = ["| |" + "|".join(f" {name} " for name in _COLUMNS) + "|", "| ---" * 8 + " |"]
    for name, label in results["subjects"].items():
        cells = [f"{cold[name]['answer_cpu']['p50']:.1f}", f"{_ratio(results, name):.1f}"]
        for request in ("page_100", "page_1000", "get", "create"):
            samples = warm[request].get(name)
            cells.append(f"{samples['cpu']['p50']:.2f}" if samples else "")
        cells.append(f"{cold[name]['peak_megabytes']['p50']:.0f}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    ratios = "\n".join(f"{name:<32} {value:>10,}" for name, value in results["ratios"].items())
    return "\n".join(["", *lines, "", ratios])


def charts(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the charts by file name."""
    warm = results["summary"]["warm"]
    return {
        "cold.svg": bars(
            "Cold start: init and first page of 100 records",
            "Milliseconds of processor time, median; the darker part is init.",
            _cold_rows(results),
        ),
        "page.svg": _warm_chart(results, warm["page_100"], "A page of 100 records"),
        "get.svg": _warm_chart(results, warm["get"], "One record"),
        "memory.svg": bars(
            "Peak memory after the first page of 100 records",
            "Megabytes of resident memory, median.",
            [
                Bar(label, value, f"{value:.0f} MB", name == OURS)
                for name, label in results["subjects"].items()
                if (value := results["summary"]["cold"][name]["peak_megabytes"]["p50"])
            ],
        ),
    }


def _cold_rows(results: Mapping[str, Any]) -> list[Bar]:
    rows = []
    for name, label in results["subjects"].items():
        times = results["summary"]["cold"][name]
        whole, init = times["answer_cpu"]["p50"], times["init_cpu"]["p50"]
        rows.append(Bar(label, whole, f"{whole:.0f} ms", name == OURS, min(init, whole)))
    return rows


def _warm_chart(results: Mapping[str, Any], samples: Mapping[str, Any], title: str) -> str:
    rows = [
        Bar(
            label,
            samples[name]["cpu"]["p50"],
            f"{samples[name]['cpu']['p50']:.2f} ms",
            name == OURS,
        )
        for name, label in results["subjects"].items()
        if name in samples and name not in FLOORS
    ]
    return bars(f"{title}, warm", "Milliseconds of processor time per request, median.", rows)


def _ratio(results: Mapping[str, Any], name: str) -> float:
    cold = results["samples"]["cold"]
    return paired(cold[name]["answer_cpu"], cold[OURS]["answer_cpu"])
