"""What a soak concludes from its samples: percentiles by minute, growth of memory, and verdicts."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MINUTE = 60.0
# The first minutes are warm-up: connections, caches, and the first full pages.
WARM_UP_MINUTES = 2
# What a function may grow by after the warm-up. In ten minutes, a leak of a kilobyte per request
# exceeds it.
MAX_GROWTH_MEGABYTES = 1.0
# How far the p99 of a minute may be from that of the median minute. Processor time depends little
# on what else the machine does; the service's own time contains its waits for a processor.
MAX_FACTORS = {"cpu": 3.0, "own": 6.0}
LABELS = {"cpu": "processor time", "own": "time without DynamoDB"}


class Sample(NamedTuple):
    """One request: when it ended, in seconds since the start, and its times in milliseconds.

    `cpu` is the processor time of the function's process, `wall` the time to the response, and
    `own` that without DynamoDB's calls.
    """

    at: float
    cpu: float
    wall: float
    own: float


class Reading(NamedTuple):
    """The resident memory of each function, in megabytes, `at` seconds since the start."""

    at: float
    megabytes: Sequence[float]


class Growth(NamedTuple):
    """How memory changed after the warm-up; `slope` is in kilobytes per minute.

    Of the function that grew most: its megabytes in the first and in the last minute after the
    warm-up, and the slope of the line through its readings.
    """

    first: float
    last: float
    slope: float


def by_minute(samples: Sequence[Sample], minutes: int) -> list[dict[str, Any]]:
    """Return the number of requests and the p50 and p99 of each time, for each whole minute."""
    groups = defaultdict(list)
    for sample in samples:
        groups[int(sample.at // MINUTE)].append(sample)
    return [_summary(groups[minute]) for minute in range(minutes)]


def growth(readings: Sequence[Reading]) -> Growth | None:
    """Return the growth of the function that grew most; None if the run is too short to tell."""
    warm = [reading for reading in readings if reading.at >= WARM_UP_MINUTES * MINUTE]
    if not warm or warm[-1].at - warm[0].at < MINUTE * 1.5:
        return None
    first = [reading for reading in warm if reading.at < warm[0].at + MINUTE]
    last = [reading for reading in warm if reading.at > warm[-1].at - MINUTE]
    grown = [
        Growth(
            statistics.median(reading.megabytes[number] for reading in first),
            statistics.median(reading.megabytes[number] for reading in last),
            _slope(warm, number),
        )
        for number in range(len(warm[0].megabytes))
    ]
    return max(grown, key=lambda each: each.last - each.first)


def unsteady(minutes: Sequence[Mapping[str, Any]], grown: Growth | None) -> Iterator[str]:
    """Yield a sentence for each limit that the run exceeds."""
    if grown is not None and grown.last - grown.first > MAX_GROWTH_MEGABYTES:
        yield (
            f"a function grew from {grown.first:.1f} to {grown.last:.1f} MB"
            f" ({grown.slope:.0f} kB per minute); the limit is {MAX_GROWTH_MEGABYTES:g} MB"
        )
    for name, limit in MAX_FACTORS.items():
        values = [minute[name]["p99"] for minute in minutes if minute["requests"]]
        middle = statistics.median(values) if values else 0.0
        for number, value in enumerate(values, start=1):
            if value > middle * limit or value * limit < middle:
                yield (
                    f"p99 of {LABELS[name]} is {value:.1f} ms in minute {number} and"
                    f" {middle:.1f} ms in the median minute; the limit is a factor of {limit:g}"
                )
    if any(minute["requests"] == 0 for minute in minutes):
        yield "there is a minute without a response"


def _summary(samples: Sequence[Sample]) -> dict[str, Any]:
    times = {
        name: sorted(getattr(sample, name) for sample in samples) for name in ("cpu", "own", "wall")
    }
    return {"requests": len(samples)} | {
        name: {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
        for name, values in times.items()
    }


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return the value below which this fraction of the `ordered` values lies; 0 of none."""
    return round(ordered[min(int(fraction * len(ordered)), len(ordered) - 1)], 2) if ordered else 0


def _slope(readings: Sequence[Reading], number: int) -> float:
    """Return the kilobytes per minute by which a function grows (least squares)."""
    line = statistics.linear_regression(
        [reading.at / MINUTE for reading in readings],
        [reading.megabytes[number] * 1000 for reading in readings],
    )
    return line.slope
