"""The promise of a listing: what exists and matches throughout appears exactly once, in order, while others write."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from e2e.instances import Instance
from e2e.talk import Record, at_once, created, pages, unique
from lib.client import Caller, send

STEADY, PAGE, WRITERS = 45, 7, 3
# What one writer makes at most: a listing in ascending order follows the writers, and must be able to overtake them.
WRITES = 60
# A value that has to be encoded to survive in a URL, wherever it stands.
ODD = " a+b/c&d=e%20?é"


class Crowd:
    """Records that stay and match, and records that others create, move away, bring back and delete meanwhile."""

    def __init__(self, writer: Caller) -> None:
        self.writer = writer
        self.kind, self.status = unique(f"kind{ODD}"), unique(f"status{ODD}")
        self.turns = 0
        self.trouble: list[BaseException] = []
        self.began = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        # Twelve at once, so that some are of one millisecond.
        makers = [partial(self.make, steady=number) for number in range(STEADY)]
        batches = [makers[start : start + 12] for start in range(0, STEADY, 12)]
        self.steady = [record for batch in batches for record in at_once(batch)]
        self.restless = [self.make(steady=None) for _ in range(6)]

    def make(self, **attributes: object) -> Record:
        return created(self.writer, type=self.kind, status=self.status, attributes=attributes)[0]

    def patch(self, record: Record, **fields: object) -> None:
        answer = self.writer.call("PATCH", f"/{record['recordID']}", body=fields)
        assert answer.status == 200, answer

    def _write(self, number: int, end: Event) -> None:
        try:
            for turn in range(WRITES):
                if end.is_set():
                    return
                self.turns += 1
                # Created while the listing is under way; every other one is deleted again.
                new = self.make(steady=None)
                if turn % 2:
                    assert self.writer.call("DELETE", f"/{new['recordID']}").status == 204
                # Updated, but matching throughout.
                self.patch(self.steady[(turn * WRITERS + number) % STEADY], message=f"turn {turn}")
                # Matching only at times.
                record = self.restless[(turn * WRITERS + number) % len(self.restless)]
                self.patch(
                    record,
                    type=self.kind if turn % 2 else "away",
                    status=self.status if turn % 2 else "away",
                )
        except BaseException as error:  # noqa: BLE001 (told by the test, in its own thread)
            self.trouble.append(error)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the writers write, until the listing has come to its end or they have."""
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
        assert self.trouble == []


@pytest.fixture(scope="module")
def crowd(writer: Caller) -> Crowd:
    return Crowd(writer)


def position(record: Record) -> tuple[str, str]:
    return record["createdAt"], record["recordID"]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize(
    "filters",
    [
        [],
        ["type"],
        ["status"],
        ["submittedBy"],
        ["type", "status"],
        ["submittedBy", "type", "status"],
    ],
    ids=lambda filters: "+".join(filters) or "all",
)
def test_what_stays_and_matches_is_listed_once_and_in_order(
    crowd: Crowd, reader: Caller, filters: list[str], order: str
) -> None:
    query = {name: str(crowd.steady[0][name]) for name in filters} | {"order": order}
    query |= {"limit": str(PAGE)}
    if not {"type", "status"} & set(filters):  # the records of other tests are listed too
        query |= {"createdAfter": crowd.began}
    with crowd.at_work():
        before = crowd.turns
        found = list(pages(reader, query))
        assert crowd.turns > before, "nobody wrote meanwhile: this shows nothing"
    assert len(found) > STEADY // PAGE
    assert max(map(len, found)) <= PAGE
    records = [record for page in found for record in page]
    positions = [position(record) for record in records]
    assert positions == sorted(set(positions), reverse=order == "desc")
    listed = {record["recordID"]: record for record in records}
    assert [record["recordID"] for record in crowd.steady if record["recordID"] not in listed] == []
    for record in records:
        assert {name: record[name] for name in filters} == {name: query[name] for name in filters}
    for record in crowd.steady:
        assert listed[record["recordID"]]["attributes"] == record["attributes"]
        assert listed[record["recordID"]]["createdAt"] == record["createdAt"]


def test_a_link_and_next_say_the_same(crowd: Crowd, reader: Caller) -> None:
    query = {"type": crowd.kind, "limit": "3", "order": "asc"}
    answer = reader.call("GET", query=query)
    link = answer.headers["link"]
    assert link.endswith('>; rel="next"')
    target = urlsplit(link[1 : link.index(">")])
    assert (target.scheme, target.netloc, target.path) == ("", "", "")
    assert parse_qs(target.query) == {name: [value] for name, value in query.items()} | {
        "cursor": [answer.json()["next"]]
    }
    by_link = reader.call("GET", query=target.query)
    by_next = reader.call("GET", query=query | {"cursor": answer.json()["next"]})
    assert by_link.json() == by_next.json()
    # A cursor is a place, not a session: it can be used again.
    assert reader.call("GET", query=target.query).body == by_link.body


def test_a_listing_begun_before_a_deletion_goes_on_behind_it(
    writer: Caller, reader: Caller
) -> None:
    kind = unique()
    records = []
    for _ in range(5):
        records.append(created(writer, type=kind)[0])
        time.sleep(0.002)
    listing = pages(reader, {"type": kind, "limit": "2", "order": "asc"})
    assert next(listing) == records[:2]
    # The very record at which the cursor stands, and the next one.
    for record in records[1:3]:
        assert writer.call("DELETE", f"/{record['recordID']}").status == 204
    assert [record for page in listing for record in page] == records[3:]


@pytest.fixture
def many(open_instance: Instance, aws: Callable[..., Any]) -> Iterator[str]:
    """Yield the type of 2,100 records, put straight into the table: as many requests would take minutes.

    They have the six documented attributes alone, with what the indexes need. Every 700th is rare.
    """
    kind, moment = unique("many"), "2001-01-01T00:00:00.000Z"
    dynamodb = aws("dynamodb")

    def send_all(requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), 25):
            batch = {open_instance.table: requests[start : start + 25]}
            assert not dynamodb.batch_write_item(RequestItems=batch)["UnprocessedItems"]

    ids = [f"{number:05}-{kind}" for number in range(2100)]
    texts = {"createdAt": moment, "feed": "records", "submittedBy": "somebody", "type": kind}
    common = {name: {"S": text} for name, text in texts.items()}
    send_all(
        [
            {
                "PutRequest": {
                    "Item": common
                    | {"recordID": {"S": id_}, "position": {"S": f"{moment}#{id_}"}}
                    | {"status": {"S": "common" if number % 700 else "rare"}}
                }
            }
            for number, id_ in enumerate(ids)
        ]
    )
    yield kind
    # The emulator reads the whole table for each query: these would slow down every other test.
    send_all([{"DeleteRequest": {"Key": {"recordID": {"S": id_}}}} for id_ in ids])


def read(instance: Instance, query: str) -> Any:  # noqa: ANN401 (JSON)
    answer = send("GET", f"{instance.url}?{query}", b"", {})
    assert answer.status == 200, answer
    return answer.json()


def numbers(found: list[Record]) -> list[int]:
    return [int(record["recordID"][:5]) for record in found]


def test_a_page_has_100_records_or_as_many_as_asked_for_but_1000_at_most(
    open_instance: Instance, many: str
) -> None:
    assert numbers(read(open_instance, f"type={many}&order=asc")["records"]) == list(range(100))
    first = read(open_instance, f"type={many}&order=asc&limit=5000")
    assert numbers(first["records"]) == list(range(1000))
    # Other writers' records lack what has a default.
    expected = {"attributes": {}, "updatedAt": "2001-01-01T00:00:00.000Z", "version": 1}
    assert expected.items() <= first["records"][0].items()


def test_a_rare_match_is_found_in_short_pages(open_instance: Instance, many: str) -> None:
    """Two filters, one index: the other filter is applied to what was read, within a budget of reads."""
    sizes, found, cursor = [], [], ""
    while True:
        page = read(open_instance, f"type={many}&status=rare&order=asc{cursor}")
        sizes.append(len(page["records"]))
        found += page["records"]
        if "next" not in page:
            break
        cursor = f"&cursor={quote(page['next'])}"
    assert numbers(found) == [0, 700, 1400]
    assert sizes == [3, 0], (
        "the budget was to end the first page after 2,000 reads, and leave the second one empty"
    )
