"""What scripts/soak concludes from samples of times and memory, and the charts that it draws."""

import json
from collections.abc import Callable, Sequence

import pytest

from campaign import steadiness
from campaign.steadiness import Reading, Sample
from lib import soak


def samples(*milliseconds: float) -> list[Sample]:
    """A hundred requests in each minute, which take this long in that minute."""
    return [
        Sample(60 * minute + number / 2, duration, 3 * duration, 2 * duration)
        for minute, duration in enumerate(milliseconds)
        for number in range(100)
    ]


def readings(minutes: int, *functions: Callable[[float], float]) -> list[Reading]:
    """A reading every 10 s of the functions' megabytes, which depend on the minute."""
    return [
        Reading(10.0 * number, [megabytes(number / 6) for megabytes in functions])
        for number in range(1, 6 * minutes + 1)
    ]


def unsteady(milliseconds: Sequence[float], grown: steadiness.Growth | None = None) -> list[str]:
    by_minute = steadiness.by_minute(samples(*milliseconds), len(milliseconds))
    return list(steadiness.unsteady(by_minute, grown))


def test_percentiles_are_those_of_whole_minutes() -> None:
    times = [Sample(number / 2, number, 0, 0) for number in range(250)]
    first, second = steadiness.by_minute(times, 2)
    assert first["requests"] == second["requests"] == 120
    assert first["cpu"] == {"p50": 60, "p99": 118}
    assert second["cpu"] == {"p50": 180, "p99": 238}


def test_steady_minutes_are_accepted() -> None:
    assert unsteady([10, 14, 9, 11]) == []


@pytest.mark.parametrize(
    ("milliseconds", "minutes"),
    [
        ([10, 10, 10, 40], [4]),  # one slow minute
        ([10, 40, 40, 40], [1]),  # slow after the first minute
        ([10, 20, 40, 130, 180], [1, 4, 5]),  # slower each minute
    ],
)
def test_minutes_that_differ_from_the_median_are_named(
    milliseconds: list[float], minutes: list[int]
) -> None:
    problems = [each for each in unsteady(milliseconds) if "processor time" in each]
    assert [int(each.partition("minute ")[2].split()[0]) for each in problems] == minutes


def test_minute_without_a_response_is_reported() -> None:
    by_minute = steadiness.by_minute(samples(10, 10), 3)
    assert list(steadiness.unsteady(by_minute, None)) == ["there is a minute without a response"]


def test_growth_is_that_of_the_function_that_grew_most() -> None:
    grown = steadiness.growth(readings(10, lambda _: 30, lambda minute: 25 + minute / 2))
    assert grown
    assert grown.slope == pytest.approx(500)
    assert grown.last - grown.first == pytest.approx(3.5, abs=0.2)
    [problem] = unsteady([10, 10], grown)
    assert "a function grew from 26.2 to 29.8 MB (500 kB per minute)" in problem


def test_memory_of_the_warm_up_does_not_count() -> None:
    grown = steadiness.growth(readings(10, lambda minute: 20 if minute < 2 else 30))
    assert grown
    assert (grown.first, grown.last) == (30, 30)
    assert unsteady([10], grown) == []


def test_short_run_does_not_judge_memory() -> None:
    assert steadiness.growth(readings(3, lambda minute: 20 + minute)) is None


def test_charts_begin_at_zero() -> None:
    result = {
        "clients": 8,
        "requests": 200,
        "by_minute": steadiness.by_minute(samples(10, 12), 2),
        "readings": readings(2, lambda _: 30),
    }
    drawn = soak.charts(result)
    assert sorted(drawn) == ["soak.svg", "soak_memory.svg"]
    assert all('text-anchor="end" x="76.0" y="404.0">0<' in chart for chart in drawn.values())
    assert "30.0 MB" in drawn["soak_memory.svg"]


def test_published_run_met_all_limits() -> None:
    published = json.loads(soak.RESULT.read_text())
    assert published["problems"] == []
    assert published["minutes"] >= 4
    assert soak.documented(published) == soak.DOCUMENT.read_text(), "run scripts/soak --publish"
    for name, chart in soak.charts(published).items():
        assert (soak.CHARTS / name).read_text() == chart, name
