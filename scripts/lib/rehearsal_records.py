"""The records of an upgrade's rehearsal, and the requests that are sent while it is applied."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from lib.client import Caller
from lib.console import Failure

_RECORDS = 25
_CALL_EVERY_SECONDS = 0.1

TaggedRecords = dict[str, tuple[str, bytes]]  # record ID -> ETag and body


def create_records(caller: Caller) -> list[str]:
    """Create records and return their IDs. Raises Failure unless each status is 201."""
    ids = []
    for number in range(_RECORDS):
        body = {"type": "rehearsal", "status": "before", "attributes": {"number": number}}
        answer = caller.call("POST", body=body)
        if answer.status != HTTPStatus.CREATED:
            raise Failure(
                f"POST /records returned {answer.status}", "the old release must accept writes"
            )
        ids.append(answer.json()["recordID"])
    return ids


def read_all(caller: Caller, ids: Iterable[str]) -> TaggedRecords:
    """Return the ETag and body of each record. Raises Failure unless each status is 200."""
    responses = {record_id: caller.call("GET", f"/{record_id}") for record_id in ids}
    for record_id, response in responses.items():
        if response.status != HTTPStatus.OK:
            raise Failure(
                f"GET of record {record_id} returned {response.status}",
                "a release must not lose records",
            )
    return {
        record_id: (response.headers["etag"], response.body)
        for record_id, response in responses.items()
    }


def differences(before: TaggedRecords, after: TaggedRecords) -> list[str]:
    """Return the IDs of records whose ETag or content has changed."""
    return [
        record_id
        for record_id, (tag, body) in before.items()
        if after[record_id][0] != tag or not _same_or_more(json.loads(body), after[record_id][1])
    ]


def _same_or_more(old: dict[str, Any], new: bytes) -> bool:
    # A newer release may add fields to a record, but not change or remove one.
    shown = json.loads(new)
    return all(name in shown and shown[name] == value for name, value in old.items())


@contextmanager
def calling(caller: Caller, record_id: str) -> Iterator[list[str]]:
    """List, get and create records in a loop while the block runs.

    The yielded list gets one line per failed request. `record_id` is the record to get.
    """
    failures: list[str] = []
    ended = threading.Event()

    def attempt(method: str, path: str, body: object, expected: HTTPStatus) -> None:
        try:
            answer = caller.call(method, path, body=body)
        except OSError as error:
            failures.append(f"{method} {path or '/'}: {error!r}")
            return
        if answer.status != expected:
            failures.append(f"{method} {path or '/'}: {answer.status} {answer.body[:200]!r}")

    def loop() -> None:
        while not ended.wait(_CALL_EVERY_SECONDS):
            attempt("GET", "", None, HTTPStatus.OK)
            attempt("GET", f"/{record_id}", None, HTTPStatus.OK)
            attempt("POST", "", {"type": "rehearsal", "status": "during"}, HTTPStatus.CREATED)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield failures
    finally:
        ended.set()
        thread.join()
