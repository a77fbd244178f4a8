"""Runs a campaign on a separate emulator."""

import contextlib
import io
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

import boto3

from campaign import checker, clients, tables
from campaign.proxy import Proxy
from lib import scratch
from lib.emulator import Emulator
from records_cli import reads
from records_cli.client import Response

CLIENTS = 8


class Result(NamedTuple):
    """What happened, for people and for the committed report."""

    problems: list[str]
    report: dict[str, Any]


def run(operations: int, seed: str, folder: Path, *, follow: bool = False) -> Result:
    """Run a campaign of `operations` requests, with an emulator whose files are in `folder`.

    In the middle, the emulator is stopped and started again. With `follow`, a consumer follows the
    change feed meanwhile, and until the last changes are settled, which takes a minute.
    """
    emulator = scratch.emulator(folder)
    emulator.start()
    try:
        tables.create(dynamodb(emulator.url), clients.TABLE, clients.HISTORY)
        proxy, started = Proxy(emulator.url, seed), time.monotonic()
        with _consumer(proxy.url, folder) if follow else contextlib.nullcontext() as consumer:
            files = _run_clients(proxy, emulator, operations, seed, folder)
            seconds = round(time.monotonic() - started)
        outcomes = list(clients.outcomes(files))
        final = state(emulator.url, consumer)
    finally:
        emulator.stop()
    report = {
        "seed": seed,
        "operations": len(outcomes),
        "clients": CLIENTS,
        "seconds": seconds,
        "responses": responses(outcomes),
        "faults": dict(sorted(proxy.counts.items())),
        "records": len(final.records),
        "entries": len(final.feed),
    }
    return Result(checker.problems(outcomes, final), report)


def responses(outcomes: Iterable[clients.Outcome]) -> dict[str, int]:
    """Return how often each status and problem was received."""
    received = ((each.status, (each.problem or "").rpartition(":")[2]) for each in outcomes)
    names = (f"{status} {problem}".strip() for status, problem in received)
    return dict(sorted(Counter(names).items()))


def _run_clients(
    proxy: Proxy, emulator: Emulator, operations: int, seed: str, folder: Path
) -> list[Path]:
    """Run the clients to their end, restart the emulator halfway; return the files of outcomes."""
    files = [folder / f"client-{number}.jsonl" for number in range(CLIENTS)]
    context = multiprocessing.get_context("spawn")
    share = operations // CLIENTS
    processes = [
        context.Process(target=clients.run, args=(proxy.url, seed, number, share, file))
        for number, file in enumerate(files)
    ]
    for process in processes:
        process.start()
    is_restarted = False
    while any(process.is_alive() for process in processes):
        time.sleep(0.5)
        done = sum(file.read_bytes().count(b"\n") for file in files if file.exists())
        if not is_restarted and done >= operations // 2:
            emulator.stop()
            emulator.start()
            is_restarted = True
    for process in processes:
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"a client ended with exit code {process.exitcode}")
    return files


def dynamodb(url: str) -> Any:
    """Return a boto3 client of the DynamoDB at `url`."""
    return boto3.client(
        "dynamodb",
        region_name=clients.REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class _Api:
    """The API of a handler in this process, two minutes later, so that all changes are settled."""

    def __init__(self, url: str) -> None:
        os.environ.update(clients.environment(url))
        from records_api import handler

        now = handler._now
        handler._now = lambda: now() + timedelta(minutes=2)
        self._handler = handler

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Send a GET request."""
        from unit.support import Context, event

        first, _, rest = path.strip("/").partition("/")
        record_id, _, view = rest.partition("/")
        route = "GET /" + "/".join(filter(None, (first, record_id and "{recordID}", view)))
        sent = event(route, record_id=unquote(record_id) or None, query=urlencode(query))
        sent["headers"].pop("accept-encoding", None)
        with contextlib.redirect_stdout(io.StringIO()):  # the handler's metrics
            response = self._handler.handler(sent, Context("reader"))
        return Response(response["statusCode"], response["headers"], response["body"].encode())


@contextlib.contextmanager
def _consumer(url: str, folder: Path) -> Iterator[Path]:
    """Run a consumer of the feed meanwhile, and wait until it has read all; yield its file."""
    stop, file = folder / "stop", folder / "followed.jsonl"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=clients.follow, args=(url, stop, file))
    process.start()
    yield file
    stop.touch()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the consumer ended with exit code {process.exitcode}")


def state(url: str, consumer: Path | None) -> checker.State:
    """Return what the API shows, and what the consumer has noted in its file."""
    api = _Api(url)
    feed = [entry for page in reads.changes(api) for entry in page]
    ids = {entry["recordID"] for entry in feed}
    lists = {
        query: [
            record
            for page in reads._pages(api, "/records", _parameters(query))
            for record in page["records"]
        ]
        for query in ("", "type=backup", "status=done")
    }
    ids |= {record["recordID"] for record in lists[""]}
    records = {record_id: reads.record(api, record_id) for record_id in sorted(ids)}
    stored = dynamodb(url).get_paginator("scan").paginate(TableName=clients.HISTORY)
    return checker.State(
        feed,
        {record_id: list(reads.history(api, record_id)) for record_id in sorted(ids)},
        {record_id: record for record_id, record in records.items() if record is not None},
        lists,
        sum(page["Count"] for page in stored),
        None if consumer is None else [tuple(each) for each in _lines(consumer)],
    )


def _lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _parameters(query: str) -> dict[str, str]:
    name, _, value = query.partition("=")
    return {"limit": reads.PAGE} | ({name: value} if name else {})
