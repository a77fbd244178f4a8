"""Measures cold starts and warm requests of all subjects, interleaved."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from lib.bench import share, workload
from lib.bench.runtime import Cold, Runtime, Subject

FIRST_REQUEST = "page_100"
LIMITED_MEMORY = (512, 128)  # MB
_SLOW_REQUESTS = {"page_1000": 5}  # of these, only a fifth as many are made
_WARM_UP = 5

Samples = dict[str, dict[str, list[float]]]  # subject -> what -> one value for each round
Report = Callable[[str], None]


class Effort(NamedTuple):
    """Rounds of cold starts, of warm requests and of cold starts with less memory; table sizes."""

    cold: int
    warm: int
    limited: int
    sizes: tuple[int, ...]


def cold(
    python: Path,
    subjects: Sequence[Subject],
    rounds: int,
    report: Report,
    memory: int | None = None,
) -> Samples:
    """Return the milliseconds that starts took, and `peak_megabytes` after the first request.

    Each round starts each subject once, so that a change of the machine's speed affects all. With
    `memory` (MB), the functions have the share of a processor that it brings.
    """
    fraction = share.of_memory(memory) if memory else None
    request = workload.requests()[FIRST_REQUEST]
    names = (*Cold._fields, "peak_megabytes")
    samples: Samples = {subject.name: {name: [] for name in names} for subject in subjects}
    for number in range(rounds):
        for subject in _rotated(subjects, number):
            with Runtime(python, subject, fraction) as runtime:
                times, response = runtime.first(request.event)
                values = (*times, runtime.peak_megabytes())
            workload.check(subject, FIRST_REQUEST, request, response)
            for name, value in zip(names, values, strict=True):
                samples[subject.name][name].append(round(value, 3))
        report(f"{number + 1} of {rounds} rounds")
    return samples


def warm(
    python: Path, subjects: Sequence[Subject], rounds: int, report: Report
) -> dict[str, Samples]:
    """Return request -> subject -> `cpu` and `wall`, the milliseconds of each request.

    All subjects run at the same time, each in one environment, and take turns after each request,
    because the speed of a busy machine changes within a second. Under the name
    `memory`, the result has each subject's `peak_megabytes` at the end.
    """
    results: dict[str, Samples] = {}
    with ExitStack() as stack:
        runtimes = {
            subject.name: stack.enter_context(Runtime(python, subject)) for subject in subjects
        }
        for name, request in workload.requests().items():
            answering = [subject for subject in subjects if answers(subject, request)]
            results[name] = {subject.name: {"cpu": [], "wall": []} for subject in answering}
            for subject in answering:
                for _ in range(_WARM_UP):
                    response = runtimes[subject.name].invoke(request.event).response
                workload.check(subject, name, request, response)
            for number in range(rounds // _SLOW_REQUESTS.get(name, 1)):
                for subject in _rotated(answering, number):
                    sample = runtimes[subject.name].invoke(request.event)
                    results[name][subject.name]["cpu"].append(round(sample.cpu, 3))
                    results[name][subject.name]["wall"].append(round(sample.wall, 3))
            report(f"{name} measured")
        results["memory"] = {
            name: {"peak_megabytes": [round(runtime.peak_megabytes(), 3)]}
            for name, runtime in runtimes.items()
        }
    return results


def answers(subject: Subject, request: workload.Request) -> bool:
    """Return whether a subject has the request's operation."""
    if subject.name in workload.FLOORS:
        return request.records is not None
    return request.peers or subject.name not in workload.PEER_LABELS


def _rotated(subjects: Sequence[Subject], number: int) -> list[Subject]:
    """Return the subjects in another order in each round."""
    start = number % len(subjects)
    return [*subjects[start:], *subjects[:start]]


def spread(values: Sequence[float]) -> Mapping[str, Any]:
    """Return the median, the quartiles, the 99th percentile and the number of `values`."""
    ordered = sorted(values)

    def at(fraction: float) -> float:
        return ordered[round(fraction * (len(ordered) - 1))]

    return {
        "p25": at(0.25), "p50": at(0.5), "p75": at(0.75), "p99": at(0.99), "samples": len(ordered),
    }  # fmt: skip
