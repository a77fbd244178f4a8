"""Models what requests cost on AWS, and which memory size is the cheapest.

A model, not a measurement: the processor time of this machine, divided by the share of a processor
that a function's memory brings, plus the time that the function waits for DynamoDB. Read and write
units and log bytes are counted. The prices are those of the module's output
`fixed_monthly_cost_usd`. Free tiers, storage, audit events, access logs and data transfer are left
out.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lib.bench import share
from lib.bench.growth import Counts
from lib.bench.workload import OURS
from lib.paths import ROOT

PRICE_TABLE = ROOT / "modules" / "records-api" / "prices.json"
SUBJECTS = (OURS, "sample", "powertools")
# Assumptions. A call to DynamoDB and the connection before the first one take this long each
# (Amazon DynamoDB Developer Guide, "What is Amazon DynamoDB?": single-digit milliseconds). Each
# request of the MIX makes one call.
WAIT_MILLISECONDS = 5.0
MIX = {"page_100": 0.5, "get": 0.3, "create": 0.2}
# Requests per month -> the part of them that meets a cold start. With rare requests, most find no
# running environment; in production it is under 1 % (AWS Compute Blog, "AWS Lambda standardizes
# billing for INIT Phase").
COLD_STARTS = {10_000: 0.5, 100_000: 0.1, 1_000_000: 0.01, 10_000_000: 0.01}
MEMORY_SIZES = (128, 256, 512, 1024, 1769)
# The default is the cheapest size that answers the first request after a pause within a second, and
# of which the largest page uses half at most. AWS recommends 128 MB for simple functions only (AWS
# Lambda Developer Guide, "Configure Lambda function memory"), so the default is larger.
_MINIMUM_MEGABYTES = 128
COLD_LIMIT_MILLISECONDS = 1000
_BYTES_PER_MEGABYTE = 2**20  # Lambda's; the results have megabytes of 1,000,000 bytes
_MILLION = 1_000_000
_BYTES_PER_GIGABYTE = 2**30


class Work(NamedTuple):
    """What a subject needs: processor milliseconds, and units and log bytes, by request."""

    start: float  # from the start of the interpreter to the first answered page
    warm: Mapping[str, float]
    counts: Counts


def works(summary: Mapping[str, Any], counts: Mapping[str, Counts]) -> dict[str, Work]:
    """Return the work of each of SUBJECTS from the medians of a run."""
    return {
        name: Work(
            summary["cold"][name]["start_cpu"]["p50"],
            {
                request: times[name]["cpu"]["p50"]
                for request, times in summary["warm"].items()
                if request != "memory" and name in times
            },
            counts[name],
        )
        for name in SUBJECTS
    }


def warm_milliseconds(work: Work, request: str, memory: int) -> float:
    """Return how long a function with `memory` (MB) takes for a request, by the model."""
    return work.warm[request] / _processors(memory) + WAIT_MILLISECONDS


def cold_milliseconds(work: Work, memory: int) -> float:
    """Return how long it takes from its start to the first answered page, by the model."""
    return work.start / _processors(memory) + 2 * WAIT_MILLISECONDS


def cost(
    work: Work, memory: int, cold_part: float, prices: Mapping[str, float]
) -> dict[str, float]:
    """Return the cost of a million requests of the MIX in US dollars, by item, and their `total`.

    `cold_part` of them are the first ones of an environment, whose start is billed.
    """

    def mixed(name: str) -> float:
        return sum(part * work.counts[request][name] for request, part in MIX.items())

    milliseconds = sum(
        part * math.ceil(warm_milliseconds(work, request, memory)) for request, part in MIX.items()
    )
    milliseconds += cold_part * math.ceil(cold_milliseconds(work, memory))
    milliseconds -= cold_part * math.ceil(warm_milliseconds(work, "page_100", memory))
    gigabyte_seconds = _MILLION * milliseconds / 1000 * memory / 1024
    cents = {
        "http_api": prices["http_api_million_requests"],
        "lambda_requests": prices["lambda_million_requests"],
        "lambda_duration": prices["lambda_gigabyte_second"] * gigabyte_seconds,
        "dynamodb_reads": prices["dynamodb_million_read_units"] * mixed("read_units"),
        "dynamodb_writes": prices["dynamodb_million_write_units"] * mixed("write_units"),
        "logs": prices["log_gigabyte"] * mixed("log_bytes") * _MILLION / _BYTES_PER_GIGABYTE,
    }
    return {name: round(value / 100, 4) for name, value in cents.items()} | {
        "total": round(sum(cents.values()) / 100, 4)
    }


def memory_sizes(work: Work, prices: Mapping[str, float]) -> list[dict[str, float]]:
    """Return times and cost of Lambda for each of MEMORY_SIZES, with 1 % cold starts."""
    sizes = []
    for memory in MEMORY_SIZES:
        costs = cost(work, memory, COLD_STARTS[_MILLION], prices)
        times = {
            request: round(warm_milliseconds(work, request, memory), 1)
            for request in ("get", "page_100", "page_1000")
        }
        sizes.append(
            {
                "memory_mb": memory,
                "cold_ms": round(cold_milliseconds(work, memory)),
                **{f"{request}_ms": value for request, value in times.items()},
                "lambda_usd_per_million": round(
                    costs["lambda_requests"] + costs["lambda_duration"], 4
                ),
            }
        )
    return sizes


def cheapest(sizes: Sequence[Mapping[str, float]], peak: float) -> int:
    """Return the cheapest memory size (MB) that is quick and large enough.

    `peak` is the memory (megabytes) that the largest page needs.
    """
    needed = max(2 * peak * 1e6 / _BYTES_PER_MEGABYTE, _MINIMUM_MEGABYTES + 1)
    suitable = [
        size
        for size in sizes
        if size["cold_ms"] <= COLD_LIMIT_MILLISECONDS and size["memory_mb"] >= needed
    ] or sizes[-1:]
    return int(min(suitable, key=lambda size: size["lambda_usd_per_million"])["memory_mb"])


def model(summary: Mapping[str, Any], counts: Mapping[str, Counts], peak: float) -> dict[str, Any]:
    """Return the costs of all subjects, the memory sizes of this service, and the assumptions.

    `peak` is what `cheapest` takes.
    """
    table = json.loads(PRICE_TABLE.read_text())
    prices = table["us_cents"]
    all_works = works(summary, counts)
    sizes = memory_sizes(all_works[OURS], prices)
    memory = cheapest(sizes, peak)
    monthly = {
        name: {
            str(volume): round(cost(work, memory, part, prices)["total"] * volume / _MILLION, 2)
            for volume, part in COLD_STARTS.items()
        }
        for name, work in all_works.items()
    }
    return {
        "is_a_model": True,
        "prices_as_of": table["as_of"],
        "region": table["region"],
        "assumptions": {
            "wait_ms": WAIT_MILLISECONDS,
            "mix": MIX,
            "cold_starts": {str(volume): part for volume, part in COLD_STARTS.items()},
            "cold_limit_ms": COLD_LIMIT_MILLISECONDS,
        },
        "memory_mb": memory,
        "memory_sizes": sizes,
        "usd_per_million": {
            name: cost(work, memory, COLD_STARTS[_MILLION], prices)
            for name, work in all_works.items()
        },
        "usd_per_month": monthly,
    }


def _processors(memory: int) -> float:
    """Return how much of one processor a single-threaded function can use."""
    return min(1.0, share.of_memory(memory))
