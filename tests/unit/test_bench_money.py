"""The models of scripts/bench: what requests cost, and the cheapest memory size."""

import json

import pytest

from lib.bench import money

PRICES = json.loads(money.PRICE_TABLE.read_text())["us_cents"]
WORK = money.Work(
    start=100.0,
    warm={"page_100": 2.0, "get": 0.5, "create": 0.6, "page_1000": 20.0},
    counts={
        "page_100": {"read_units": 8.0, "write_units": 0.0, "log_bytes": 2**10},
        "get": {"read_units": 1.0, "write_units": 0.0, "log_bytes": 2**10},
        "create": {"read_units": 0.0, "write_units": 10.0, "log_bytes": 2**10},
    },
)


def test_function_with_less_memory_takes_longer() -> None:
    assert money.warm_milliseconds(WORK, "page_100", 1769) == 2.0 + 5.0
    assert money.warm_milliseconds(WORK, "page_100", 10_240) == 2.0 + 5.0  # it has one thread
    assert money.cold_milliseconds(WORK, 128) == pytest.approx(100 * 1769 / 128 + 10)


def test_cost_of_a_million_requests() -> None:
    costs = money.cost(WORK, 1769, 0.01, PRICES)
    # A page, a record and a create: 7, 6 and 6 ms; a cold start has 110 ms instead of 7.
    milliseconds = 0.5 * 7 + 0.3 * 6 + 0.2 * 6 + 0.01 * (110 - 7)
    assert costs == {
        "http_api": 1.0,
        "lambda_requests": 0.2,
        "lambda_duration": round(milliseconds * 1000 * 1769 / 1024 * 0.0000133334, 4),
        "dynamodb_reads": round((0.5 * 8 + 0.3 * 1) * 0.125, 4),
        "dynamodb_writes": round(0.2 * 10 * 0.625, 4),
        "logs": round(2**10 * 1e6 / 2**30 * 0.5, 4),
        "total": pytest.approx(sum(costs.values()) - costs["total"], abs=0.0003),
    }


def test_more_cold_starts_cost_more() -> None:
    few, many = (money.cost(WORK, 512, part, PRICES)["lambda_duration"] for part in (0.01, 0.5))
    assert many > few * 5


def test_default_is_the_cheapest_size_with_a_quick_start() -> None:
    sizes = money.memory_sizes(WORK, PRICES)
    assert [size["memory_mb"] for size in sizes] == list(money.MEMORY_SIZES)
    assert [size["cold_ms"] for size in sizes] == [1392, 701, 356, 183, 110]
    assert money.cheapest(sizes, 30.0) == 256
    assert money.cheapest(sizes, 140.0) == 512  # the largest page would use more than half of 256
    fast = money.memory_sizes(WORK._replace(start=10.0), PRICES)
    assert money.cheapest(fast, 30.0) == 256
    slow = money.memory_sizes(WORK._replace(start=5000.0), PRICES)
    assert money.cheapest(slow, 30.0) == money.MEMORY_SIZES[-1]
