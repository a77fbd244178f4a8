"""Runs the package for minutes under a mixed load, without faults, and watches time and memory.

Each client has an execution environment of its own: the committed package under Lambda's runtime
client, on the Python of the function, in a process whose resident memory and processor time the
kernel reports (lib.bench.runtime). This is the nearest to Lambda that can be measured here. In the
emulator's Lambda, environments are started and ended by the emulator, so there is no process to
watch; and in the campaign, handler and client share a process.

DynamoDB is the emulator's, because it evaluates conditions and transactions. There a query takes
longer the more the table holds, which is not so on AWS. Therefore the service's own time is
measured too: the time to the response, without that of the calls to DynamoDB, which a proxy between
them measures.
"""

import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from campaign import checker, clients, run, steadiness, tables
from campaign.proxy import Proxy
from campaign.steadiness import MINUTE, Reading, Sample
from lib import scratch, venvs
from lib.bench.results import machine
from lib.bench.runtime import Runtime, Subject

READ_SECONDS = 10.0
# Without injected faults, no client may receive these.
_UNEXPECTED = ("outcome-unknown", "unavailable")

Report = Callable[[str], None]


class Plan(NamedTuple):
    """How long a soak lasts, with how many clients; the requests follow from the seed."""

    minutes: float
    clients: int
    seed: str


class _Load:
    """The samples of all clients, and the outcomes of their requests."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.samples: list[Sample] = []
        self.outcomes: list[clients.Outcome] = []
        self.is_stopped = threading.Event()

    def client(self, seed: str, number: int, runtime: Runtime, proxy: Proxy) -> None:
        """Send the requests of client `number` until the load is stopped."""

        def send(event: dict[str, Any], _: str) -> dict[str, Any]:
            before = proxy.seconds
            sample = runtime.invoke(event)
            own = sample.wall - (proxy.seconds - before) * 1000
            at = time.monotonic() - self.started
            self.samples.append(Sample(at, sample.cpu, sample.wall, own))
            response: dict[str, Any] = sample.response
            return response

        for outcome in clients.exchanges(seed, number, send):
            self.outcomes.append(outcome)
            if self.is_stopped.is_set():
                return


def soak(plan: Plan, archive: Path, folder: Path, report: Report) -> dict[str, Any]:
    """Soak the package in the zip `archive` and return the content of docs/soak.json.

    Its `problems` are empty if the run met all limits. All files are below `folder`. `report` gets
    a line every READ_SECONDS.
    """
    load_before = os.getloadavg()[0]
    zipfile.ZipFile(archive).extractall(folder / "package")
    emulator = scratch.emulator(folder)
    emulator.start(persist=False)
    try:
        tables.create(run.dynamodb(emulator.url), clients.TABLE, clients.HISTORY)
        load, readings = _loaded(plan, folder / "package", emulator.url, report)
        state = run.state(emulator.url, None)
    finally:
        emulator.stop()
    by_minute = steadiness.by_minute(load.samples, int(plan.minutes))
    growth = steadiness.growth(readings)
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine() | {"load_average_before": load_before},
        **plan._asdict(),
        "requests": len(load.samples),
        "responses": run.responses(load.outcomes),
        "records": len(state.records),
        "entries": len(state.feed),
        "growth": growth and growth._asdict(),
        "by_minute": by_minute,
        "readings": readings,
        "problems": [
            *steadiness.unsteady(by_minute, growth),
            *_failures(load.outcomes),
            *checker.problems(load.outcomes, state),
        ],
    }


def _loaded(plan: Plan, package: Path, url: str, report: Report) -> tuple[_Load, list[Reading]]:
    """Send requests to functions that run the code in `package` and use the DynamoDB at `url`."""
    with ExitStack() as stack:
        proxies = [Proxy(url, plan.seed, rates={}) for _ in range(plan.clients)]
        runtimes = [
            stack.enter_context(Runtime(venvs.python("bench"), _function(package, proxy.url)))
            for proxy in proxies
        ]
        load = _Load()
        with ThreadPoolExecutor(plan.clients) as pool:
            futures = [
                pool.submit(load.client, plan.seed, number, runtime, proxy)
                for number, (runtime, proxy) in enumerate(zip(runtimes, proxies, strict=True))
            ]
            try:
                end = plan.minutes * MINUTE
                readings = list(_readings(load, runtimes, futures, end, report))
            finally:
                load.is_stopped.set()
        for future in futures:
            future.result()
    return load, readings


def _function(package: Path, endpoint: str) -> Subject:
    """Return the function as it is deployed, except that its log goes nowhere."""
    environment = clients.environment(endpoint) | {"LOG_LEVEL": "INFO"}
    return Subject("soak", "the package", "records_api.handler.handler", package, environment)


def _readings(
    load: _Load,
    runtimes: Sequence[Runtime],
    futures: Sequence[Future[None]],
    end: float,
    report: Report,
) -> Iterator[Reading]:
    """Yield the memory of all functions every READ_SECONDS until `end`, or until a client fails."""
    done = 0
    while (at := time.monotonic() - load.started) < end:
        time.sleep(min(READ_SECONDS, end - at))
        if any(future.done() for future in futures):
            return
        at = time.monotonic() - load.started
        reading = Reading(at, [round(runtime.megabytes("VmRSS"), 2) for runtime in runtimes])
        samples = load.samples[done:]
        done += len(samples)
        report(_progress(done, samples, reading))
        yield reading


def _progress(done: int, samples: Sequence[Sample], reading: Reading) -> str:
    """Return the line for the `samples` since the last one; `done` are all requests so far."""
    p99 = steadiness.percentile(sorted(sample.own for sample in samples), 0.99)
    memory = max(reading.megabytes)
    return (
        f"{reading.at:6.0f} s  {done:7,} requests  p99 without DynamoDB {p99:5.1f} ms"
        f"  memory {memory:.1f} MB"
    )


def _failures(outcomes: Sequence[clients.Outcome]) -> Iterator[str]:
    for each in outcomes:
        if each.problem and each.problem.rpartition(":")[2] in _UNEXPECTED:
            yield f"{each.request_id}: {each.request} returned {each.status} {each.problem}"
