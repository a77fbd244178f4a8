"""The tables that scripts/bench prints, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lib.bench.results import AT_LEAST, AT_MOST, GOALS, missed, paired
from lib.bench.workload import OURS

_COLD_COLUMNS = {
    "cold, ms": ("answer_cpu", "{:.1f}"),
    "of that, init": ("init_cpu", "{:.1f}"),
    "wall time, ms": ("answer_wall", "{:.1f}"),
    "from the start of Python, ms": ("start_cpu", "{:.1f}"),
    "memory, MB": ("peak_megabytes", "{:.0f}"),
}
_WARM = {
    "get": "one record",
    "page_1": "page of 1",
    "page_100": "page of 100",
    "page_1000": "page of 1,000",
    "create": "create",
    "update": "update",
    "changes_100": "100 changes",
}
_PAGES = {
    "page_first": "first page of 100",
    "page_deep": "deep page",
    "page_of_type": "page of one type",
    "page_of_type_and_status": "page of one type and status",
    "page_history": "history of a record",
    "page_changes": "first page of changes",
    "page_changes_deep": "deep page of changes",
    "scan_for_a_type": "a Scan for one type (peer)",
}
_COSTS = {
    "http_api": "API Gateway",
    "lambda_requests": "Lambda requests",
    "lambda_duration": "Lambda duration",
    "dynamodb_reads": "DynamoDB reads",
    "dynamodb_writes": "DynamoDB writes",
    "logs": "function's log",
    "total": "total",
}


def sections(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables of a run by name. What the run did not measure has no table."""
    tables = {
        "run": run(results),
        "ratios": ratios(results),
        "cold": cold(results, "cold"),
        **{
            name: cold(results, name)
            for name in results["summary"]
            if name.startswith("cold_") and results["summary"][name]
        },
        "warm": warm(results),
        "growth": growth(results),
        "cost": cost(results),
        "volume": volume(results),
        "memory": memory(results),
        "largest_page": largest_page(results["largest_page"]),
    }
    if "terraform" in results:
        tables["terraform"] = terraform(results["terraform"])
    return tables


def run(results: Mapping[str, Any]) -> str:
    """Return when and where the results were measured, and how often."""
    machine, summary = results["machine"], results["summary"]
    starts = summary["cold"][OURS]["answer_cpu"]["samples"]
    requests = summary["warm"]["page_100"][OURS]["cpu"]["samples"]
    rows = [
        ["measured", results["measured_at"]],
        ["processors", f"{machine['processors']} of {machine['processor']}"],
        ["load average at the end", f"{machine['load_average']:.1f}"],
        ["Python", results["versions"]["python"]],
        ["boto3", results["versions"]["boto3"]],
        ["samples of each function", f"{starts} cold starts, {requests} warm pages of 100"],
        ["smaller memory by", machine["processor_share_by"]],
    ]
    return table(["run", ""], rows)


def ratios(results: Mapping[str, Any]) -> str:
    """Return the ratios, the goals, and the limits of `scripts/bench --check`."""
    measured = results["ratios"]
    rows = []
    for name, value in measured.items():
        sign, limit = ("≥", AT_LEAST[name]) if name in AT_LEAST else ("≤", AT_MOST[name])
        goal = f"{sign} {GOALS[name]:,g}" + (", missed" if name in missed(measured) else "")
        rows.append([f"`{name}`", f"{value:,}", goal, f"{sign} {limit:,g}"])
    return table(["ratio", "measured", "goal", "limit in CI"], rows)


def cold(results: Mapping[str, Any], name: str) -> str:
    """Return the medians of cold starts, with the quartiles of the first column's times."""
    rows = []
    for subject, times in results["summary"][name].items():
        cells = [text.format(times[measure]["p50"]) for measure, text in _COLD_COLUMNS.values()]
        for index, measure in ((0, "answer_cpu"), (2, "answer_wall")):
            cells[index] += " ({:.1f} to {:.1f})".format(
                times[measure]["p25"], times[measure]["p75"]
            )
        rows.append([results["subjects"][subject], *cells, f"{_ratio(results, name, subject):.1f}"])
    return table(["", *_COLD_COLUMNS, "ratio"], rows)


def warm(results: Mapping[str, Any]) -> str:
    """Return p50 and p99 of the processor time of each request."""
    measured = results["summary"]["warm"]
    rows = [
        [
            results["subjects"][subject],
            *(
                "{p50:.2f} / {p99:.2f}".format(**measured[request][subject]["cpu"])
                if subject in measured[request]
                else ""
                for request in _WARM
            ),
        ]
        for subject in results["subjects"]
    ]
    return table(["", *_WARM.values()], rows)


def growth(results: Mapping[str, Any]) -> str:
    """Return read units and calls by the number of records in the tables."""
    sizes = {**results["read_units"], **results["read_units_modelled"]}
    names = [
        f"{int(size):,}" + ("" if size in results["read_units"] else " (model)") for size in sizes
    ]
    rows = [
        [label, *("{read_units:,g} / {calls:,g}".format(**sizes[size][name]) for size in sizes)]
        for name, label in _PAGES.items()
    ]
    return table(["read units / calls", *names], rows)


def cost(results: Mapping[str, Any]) -> str:
    """Return what a million requests cost, by item."""
    costs = results["money"]["usd_per_million"]
    rows = [
        [label, *(f"{costs[subject][item]:.2f}" for subject in costs)]
        for item, label in _COSTS.items()
    ]
    return table(["US dollars", *(results["subjects"][subject] for subject in costs)], rows)


def volume(results: Mapping[str, Any]) -> str:
    """Return what a month costs, by the number of requests."""
    costs = results["money"]["usd_per_month"]
    rows = [
        [f"{int(requests):,}", *(f"{costs[subject][requests]:,.2f}" for subject in costs)]
        for requests in costs[OURS]
    ]
    names = [results["subjects"][subject] for subject in costs]
    return table(["requests per month, US dollars", *names], rows)


def memory(results: Mapping[str, Any]) -> str:
    """Return times and cost of Lambda by memory size."""
    rows = [
        [
            f"{size['memory_mb']}"
            + (" (default)" if size["memory_mb"] == results["money"]["memory_mb"] else ""),
            f"{size['cold_ms']:,}",
            *(f"{size[name]:.1f}" for name in ("get_ms", "page_100_ms", "page_1000_ms")),
            f"{size['lambda_usd_per_million']:.2f}",
        ]
        for size in results["money"]["memory_sizes"]
    ]
    names = ["MB", "cold start, ms", "one record", "page of 100", "page of 1,000"]
    return table([*names, "Lambda, US dollars per million"], rows)


def largest_page(page: Mapping[str, Any]) -> str:
    """Return the size of the largest page and the memory that it needs."""
    cells = [f"{page['records']:,}", f"{page['bytes']:,}", f"{page['peak_megabytes']:.0f}"]
    return table(["records", "bytes of the body", "peak memory, MB"], [cells])


def terraform(times: Mapping[str, Any]) -> str:
    """Return the times of Terraform, and the provider's calls by service."""
    services = ", ".join(
        f"{name} {count}" for name, count in times["plan_calls_by_service"].items()
    )
    rows = [
        ["first plan", f"{times['first_plan_seconds']:.0f} s"],
        [f"apply of {times['resources']} resources", f"{times['apply_seconds']:.0f} s"],
        ["plan without changes", f"{times['plan_seconds']:.0f} s"],
        ["calls of that plan", f"{times['plan_calls']}: {services}"],
    ]
    return table(["environments/local on the emulator", ""], rows)


def _ratio(results: Mapping[str, Any], name: str, subject: str) -> float:
    samples = results["samples"][name]
    return paired(samples[subject]["answer_cpu"], samples[OURS]["answer_cpu"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""

    def line(cells: Sequence[str]) -> str:
        return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)

    return "\n".join([line(head), "|" + " --- |" * len(head), *map(line, rows)])
