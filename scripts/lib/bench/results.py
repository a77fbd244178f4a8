"""What follows from the samples: summaries, and the ratios of this service and its peers."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.bench.measure import Samples, spread
from lib.bench.workload import FLOOR, OURS

# The ratio's name -> the peer whose time or memory is divided by this service's.
_COLD = {
    "cold_boto3_client": "boto3_client",
    "cold_powertools": "powertools",
    "cold_fastapi": "fastapi_mangum",
}
# The ratio's name -> the request and the peer.
_WARM = {
    "warm_page_100_boto3_client": ("page_100", "boto3_client"),
    "warm_page_100_powertools": ("page_100", "powertools"),
    "warm_page_1000_boto3_client": ("page_1000", "boto3_client"),
    "warm_page_1000_powertools": ("page_1000", "powertools"),
    "warm_get_boto3_client": ("get", "boto3_client"),
    "warm_get_powertools": ("get", "powertools"),
}
ANSWER = "answer_cpu"
# What the project aims at, on an idle machine. These in AT_MOST must be at most so large.
GOALS = {
    "cold_boto3_client": 5.0,
    "cold_powertools": 6.2,
    "cold_fastapi": 10.0,
    "cold_over_floor": 2.5,
    "warm_page_100_boto3_client": 4.2,
    "warm_page_100_powertools": 4.6,
    "warm_page_1000_boto3_client": 4.2,
    "warm_page_1000_powertools": 4.6,
    "warm_get_boto3_client": 2.9,
    "warm_get_powertools": 3.6,
    "memory_boto3_client": 1.8,
    "page_units_growth": 1.0,
    "zip_bytes": 250_000.0,
}
# What scripts/bench --check accepts. The limits are far from what an idle machine shows, because
# even a ratio of processor times changes by a quarter when the machine is busy.
AT_LEAST = {
    "cold_boto3_client": 4.0,
    "cold_powertools": 4.5,
    "cold_fastapi": 7.5,
    "warm_page_100_boto3_client": 2.8,
    "warm_page_100_powertools": 2.9,
    "warm_page_1000_boto3_client": 2.8,
    "warm_page_1000_powertools": 2.9,
    "warm_get_boto3_client": 1.5,
    "warm_get_powertools": 1.8,
    "memory_boto3_client": 1.7,
}
AT_MOST = {"cold_over_floor": 4.0, "page_units_growth": 1.0, "zip_bytes": 250_000.0}


def ratios(
    cold: Samples, warm: Mapping[str, Samples], zip_bytes: int, growth: float
) -> dict[str, float]:
    """Return the ratios by name: peer / ours, and ours / the floor, in processor time.

    `growth` is the ratio of the read units of a page in the largest and the smallest table.
    """
    result = {name: paired(cold[peer][ANSWER], cold[OURS][ANSWER]) for name, peer in _COLD.items()}
    result["cold_over_floor"] = paired(cold[OURS][ANSWER], cold[FLOOR][ANSWER])
    for name, (request, peer) in _WARM.items():
        result[name] = paired(warm[request][peer]["cpu"], warm[request][OURS]["cpu"])
    result["memory_boto3_client"] = paired(
        cold["boto3_client"]["peak_megabytes"], cold[OURS]["peak_megabytes"]
    )
    result["page_units_growth"] = growth
    return {name: round(value, 2) for name, value in result.items()} | {"zip_bytes": zip_bytes}


def paired(dividends: Sequence[float], divisors: Sequence[float]) -> float:
    """Return the median ratio of values that were measured one after the other.

    Pairs, because the machine's speed changes during a run.
    """
    pairs = zip(dividends, divisors, strict=True)
    return statistics.median(dividend / divisor for dividend, divisor in pairs)


def violations(values: Mapping[str, float]) -> list[str]:
    """Return a sentence for each ratio that is outside the limits of AT_LEAST and AT_MOST."""
    low = [
        f"{name} is {values[name]}; it must be at least {limit}"
        for name, limit in AT_LEAST.items()
        if name in values and values[name] < limit
    ]
    high = [
        f"{name} is {values[name]}; it must be at most {limit:g}"
        for name, limit in AT_MOST.items()
        if name in values and values[name] > limit
    ]
    return low + high


def missed(values: Mapping[str, float]) -> set[str]:
    """Return the names of the ratios that do not reach their goal."""
    return {
        name
        for name, value in values.items()
        if (value > GOALS[name] if name in AT_MOST else value < GOALS[name])
    }


def summary(samples: Any) -> Any:
    """Return `samples` with each list replaced by its spread."""
    if isinstance(samples, Mapping):
        return {name: summary(members) for name, members in samples.items()}
    return spread(samples)


def machine() -> dict[str, Any]:
    """Return what the results depend on besides the code."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": os.getloadavg()[0],
    }
