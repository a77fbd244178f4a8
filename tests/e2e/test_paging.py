"""A listing while others write: each record that matches all the time appears exactly once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread

import pytest

from e2e.support import Record, created, pages, run_concurrently, unique
from lib.client import Caller

STABLE, PAGE, WRITERS = 45, 7, 3
# The most writes of one writer: a listing in ascending order must be able to overtake the writers.
WRITES = 60
# Characters that must be encoded in a URL.
RESERVED = " a+b/c&d=e%20?é"


class ConcurrentWrites:
    """Records that match all the time, and others that writers create, change and delete."""

    def __init__(self, writer: Caller) -> None:
        self.writer = writer
        self.kind, self.status = unique(f"kind{RESERVED}"), unique(f"status{RESERVED}")
        self.count = 0
        self.errors: list[BaseException] = []
        self.began = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        # Twelve concurrent requests, so that some records have the same millisecond.
        calls = [partial(self.create, number=number) for number in range(STABLE)]
        batches = [calls[start : start + 12] for start in range(0, STABLE, 12)]
        self.stable = [record for batch in batches for record in run_concurrently(batch)]
        self.changing = [self.create(number=None) for _ in range(6)]

    def create(self, **attributes: object) -> Record:
        return created(self.writer, type=self.kind, status=self.status, attributes=attributes)[0]

    def patch(self, record: Record, **fields: object) -> None:
        response = self.writer.call("PATCH", f"/{record['recordID']}", body=fields)
        assert response.status == 200, response

    def _write(self, number: int, end: Event) -> None:
        try:
            for turn in range(WRITES):
                if end.is_set():
                    return
                self.count += 1
                # Created during the listing; every other one is deleted again.
                new = self.create(number=None)
                if turn % 2:
                    assert self.writer.call("DELETE", f"/{new['recordID']}").status == 204
                # Updated, but matches all the time.
                self.patch(self.stable[(turn * WRITERS + number) % STABLE], message=f"turn {turn}")
                # Matches at times.
                record = self.changing[(turn * WRITERS + number) % len(self.changing)]
                self.patch(
                    record,
                    type=self.kind if turn % 2 else "away",
                    status=self.status if turn % 2 else "away",
                )
        except BaseException as error:  # noqa: BLE001 (reported by the test in the main thread)
            self.errors.append(error)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write until the block ends or all writes are done."""
        end = Event()
        threads = [Thread(target=self._write, args=(number, end)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            end.set()
            for thread in threads:
                thread.join()
        assert self.errors == []


@pytest.fixture(scope="module")
def writes(writer: Caller) -> ConcurrentWrites:
    return ConcurrentWrites(writer)


def position(record: Record) -> tuple[str, str]:
    return record["createdAt"], record["recordID"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "filters",
    [
        [],
        ["type"],
        ["submittedBy", "type", "status"],
    ],
    ids=lambda filters: "+".join(filters) or "all",
)
def test_matching_records_are_listed_once_and_in_order(
    writes: ConcurrentWrites, reader: Caller, filters: list[str], order: str
) -> None:
    query = {name: str(writes.stable[0][name]) for name in filters} | {"order": order}
    query |= {"limit": str(PAGE)}
    if not {"type", "status"} & set(filters):  # the records of other tests are listed too
        query |= {"createdAfter": writes.began}
    with writes.running():
        before = writes.count
        result = list(pages(reader, query))
        assert writes.count > before, "nothing was written during the listing"
    assert len(result) > STABLE // PAGE
    assert max(map(len, result)) <= PAGE
    records = [record for page in result for record in page]
    positions = [position(record) for record in records]
    assert positions == sorted(set(positions), reverse=order == "desc")
    by_id = {record["recordID"]: record for record in records}
    assert [record["recordID"] for record in writes.stable if record["recordID"] not in by_id] == []
    for record in records:
        assert {name: record[name] for name in filters} == {name: query[name] for name in filters}
    for record in writes.stable:
        assert by_id[record["recordID"]]["attributes"] == record["attributes"]
        assert by_id[record["recordID"]]["createdAt"] == record["createdAt"]
