"""Reads of the history table: content, order and pages of histories and of the change feed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records_api import dynamodb, entries, history, pages, store
from unit.support import new_table, scripted, table_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_000_000_000
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def time(milliseconds: int) -> str:
    moment = START + timedelta(milliseconds=milliseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def stored(
    record_id: str, version: int, milliseconds: int, expires_at: int | None = None
) -> store.Record:
    entry = history.entry(
        history.CREATE,
        record_id,
        {"recordID": record_id, "version": version},
        history.Author("alice", "request-1"),
        None,
        version=version,
        changed_at=time(milliseconds),
        expires_at=expires_at,
    )
    return entry | {"feed": history.FEED, "position": history.position(entry), "writeToken": "t"}


def put(table: store.Table, *items: store.Record) -> None:
    for item in items:
        request = {"TableName": table.history_name, "Item": store.encode(item)}
        table.client.call("PutItem", request, table.deadline)


def versions(
    table: store.Table, record_id: str = "a", limit: int = 9, *, descending: bool = True
) -> list[list[int]]:
    """Return the versions of each page of a history."""
    pages: list[list[int]] = []
    after = None
    while not pages or after is not None:
        page: list[store.Record] = []
        after = entries.read_history(
            table, record_id, limit, after, NOW, adder(page), descending=descending
        )
        pages.append([int(entry["version"]) for entry in page])
    return pages


def adder(page: list[store.Record], room: int = 10_000) -> Callable[[store.Item], bool]:
    def add(entry: store.Item) -> bool:
        if len(page) == room:
            return False
        page.append(store.decode(entry))
        return True

    return add


def changes(
    table: store.Table, after: str, before: str, limit: int = 9, room: int = 10_000
) -> tuple[list[tuple[str, int]], entries.Reached]:
    page: list[store.Record] = []
    reached = entries.read_changes(table, after, before, limit, NOW, adder(page, room))
    return [(entry["recordID"], int(entry["version"])) for entry in page], reached


# Single entries.


def test_entry_is_read_by_its_version(table: store.Table) -> None:
    put(table, stored("a", 1, 0), stored("a", 2, 1, NOW + 1))
    entry = entries.get_entry(table, "a", 2, NOW)
    assert entry == stored("a", 2, 1, NOW + 1)
    assert entries.get_entry(table, "a", 3, NOW) is None
    assert entries.get_entry(table, "b", 1, NOW) is None
    assert entries.get_entry(table, "a", 2, NOW + 1) is None


def test_newest_entry_has_the_highest_version(table: store.Table) -> None:
    put(table, *(stored("a", version, version) for version in (1, 2, 10)))
    newest = entries.newest(table, "a", NOW)
    assert newest is not None
    assert newest["version"] == 10
    assert entries.newest(table, "b", NOW) is None


def test_expired_entries_are_not_the_newest(table: store.Table) -> None:
    put(table, *(stored("a", version, version, NOW) for version in range(2, 9)))
    assert entries.newest(table, "a", NOW) is None
    put(table, stored("a", 1, 100, NOW + 1))
    newest = entries.newest(table, "a", NOW)
    assert newest is not None
    assert newest["version"] == 1


def test_many_expired_entries_are_skipped_in_few_calls(table: store.Table) -> None:
    put(table, *(stored("a", version, version, NOW) for version in range(2, 252)))
    calls = []

    def counted(operation: str, payload: Any, deadline: float) -> dict[str, Any]:
        calls.append(operation)
        return table.client.call(operation, payload, deadline)

    assert entries.newest(table_of(counted, table.name), "a", NOW) is None
    assert len(calls) <= 3


def test_entries_are_read_strongly_consistent() -> None:
    call, requests = scripted({"Items": []})
    table = table_of(call)
    entries.get_entry(table, "a", 1, NOW)
    entries.newest(table, "a", NOW)
    entries.read_history(table, "a", 9, None, NOW, adder([]), descending=True)
    assert [request["ConsistentRead"] for _, request in requests] == [True] * 3
    assert {request["TableName"] for _, request in requests} == {"records-history"}


# Histories.


@pytest.mark.parametrize(
    ("descending", "limit", "expected"),
    [
        (True, 9, [[11, 10, 3, 2, 1]]),
        (False, 9, [[1, 2, 3, 10, 11]]),
        (True, 2, [[11, 10], [3, 2], [1]]),
        (False, 2, [[1, 2], [3, 10], [11]]),
        (True, 5, [[11, 10, 3, 2, 1]]),
    ],
)
def test_history_is_sorted_by_version(
    table: store.Table, limit: int, expected: list[list[int]], *, descending: bool
) -> None:
    put(table, *(stored("a", version, version) for version in (1, 2, 3, 10, 11)))
    put(table, stored("b", 4, 4))
    assert versions(table, limit=limit, descending=descending) == expected


def test_history_omits_expired_entries(table: store.Table) -> None:
    put(table, stored("a", 1, 10, NOW + 1), stored("a", 2, 2, NOW), stored("a", 3, 3, NOW - 1))
    assert versions(table) == [[1]]
    assert versions(table, descending=False) == [[1]]


def test_page_of_a_history_ends_when_it_is_full(table: store.Table) -> None:
    put(table, *(stored("a", version, version) for version in (1, 2, 3)))
    page: list[store.Record] = []
    after = entries.read_history(table, "a", 9, None, NOW, adder(page, 2), descending=False)
    assert [int(entry["version"]) for entry in page] == [1, 2]
    assert after == 2


# The change feed.


def test_changes_of_all_records_are_oldest_first(table: store.Table) -> None:
    put(table, stored("b", 1, 0), stored("a", 1, 1), stored("b", 2, 2), stored("a", 10, 3))
    put(table, stored("a", 2, 2))
    read, reached = changes(table, entries.BEGINNING, entries.END)
    assert read == [("b", 1), ("a", 1), ("a", 2), ("b", 2), ("a", 10)]
    assert reached == (f"{time(3)}#a#0000000010", True)


def test_changes_are_between_place_and_horizon(table: store.Table) -> None:
    put(table, *(stored("a", number + 1, number) for number in range(5)))
    after = f"{time(1)}#a#0000000002"
    assert changes(table, after, time(3)) == (
        [("a", 3)],
        (f"{time(2)}#a#0000000003", True),
    )
    assert changes(table, after, entries.END, limit=1) == (
        [("a", 3)],
        (f"{time(2)}#a#0000000003", False),
    )


def test_start_time_excludes_its_millisecond(table: store.Table) -> None:
    put(table, stored("a", 1, 0), stored("~" * 3, 1, 1), stored("b", 1, 2))
    read, _ = changes(table, time(1) + entries.AFTER, entries.END)
    assert read == [("b", 1)]


def test_place_after_the_horizon_is_kept() -> None:
    call, requests = scripted({"Items": []})
    for place in (time(5) + entries.AFTER, f"{time(5)}#a#0000000001"):
        assert changes(table_of(call), place, time(5)) == ([], (place, True))
        assert changes(table_of(call), place, time(4)) == ([], (place, True))
    assert requests == []


def test_expired_changes_are_skipped(table: store.Table) -> None:
    put(table, *(stored("a", number + 1, number, NOW) for number in range(12)))
    put(table, stored("b", 1, 20, NOW + 1))
    after, read, count = entries.BEGINNING, [], 0
    is_end = False
    while not is_end:
        page, (after, is_end) = changes(table, after, entries.END, limit=2)
        read += page
        count += 1
    assert read == [("b", 1)]
    assert count < 4


def test_page_of_changes_ends_when_it_is_full(table: store.Table) -> None:
    put(table, *(stored("a", number + 1, number) for number in range(3)))
    read, reached = changes(table, entries.BEGINNING, entries.END, room=2)
    assert read == [("a", 1), ("a", 2)]
    assert reached == (f"{time(1)}#a#0000000002", False)


def test_page_ends_with_its_read_budget_or_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    items = [store.encode(stored("a", number + 1, number)) for number in range(3)]
    full = [{"Items": [item], "LastEvaluatedKey": item} for item in items]
    call, requests = scripted(*full)
    monkeypatch.setattr(pages, "READ_BUDGET_PAGES", 2)
    read, reached = changes(table_of(call), entries.BEGINNING, entries.END)
    assert read == [("a", 1), ("a", 2)]
    assert reached == (f"{time(1)}#a#0000000002", False)
    assert len(requests) == 2

    call, _ = scripted(*full)
    table = table_of(call)
    table.deadline = 0.0
    read, reached = changes(table, entries.BEGINNING, entries.END)
    assert (read, reached.is_end) == ([("a", 1)], False)


def test_failed_read_returns_the_changes_before_it() -> None:
    item = store.encode(stored("a", 1, 0))
    throttled = dynamodb.Unavailable("ThrottlingException", "slow")
    call, _ = scripted({"Items": [item], "LastEvaluatedKey": item}, throttled)
    read, reached = changes(table_of(call), entries.BEGINNING, entries.END)
    assert (read, reached) == ([("a", 1)], (f"{time(0)}#a#0000000001", False))
    call, _ = scripted(throttled)
    with pytest.raises(store.Unavailable):
        changes(table_of(call), entries.BEGINNING, entries.END)


@settings(max_examples=15)
@given(
    times=st.lists(st.integers(0, 40), min_size=1, max_size=20, unique=True),
    horizons=st.lists(st.integers(0, 45), min_size=1, max_size=8),
    limit=st.integers(1, 5),
    room=st.integers(1, 5),
)
def test_consumer_gets_each_settled_change_once_in_order(
    dynamodb_client: "DynamoDBClient", times: list[int], horizons: list[int], limit: int, room: int
) -> None:
    """Changes can become visible in any order before they are settled."""
    table = new_table(dynamodb_client)
    read: list[tuple[str, int]] = []
    place = entries.BEGINNING
    hidden = [stored("a", number + 1, number) for number in times]
    for horizon in [*sorted(horizons), 99]:
        due = [item for item in hidden if item["changedAt"] < time(horizon)]
        put(table, *due, *hidden[:1])
        hidden = [item for item in hidden[1:] if item not in due]
        is_end = False
        while not is_end:
            page, (place, is_end) = changes(table, place, time(horizon), limit, room)
            read += page
            assert place <= time(horizon)
    assert read == [("a", number + 1) for number in sorted(times)]
    for name in (table.name, table.history_name):
        dynamodb_client.delete_table(TableName=name)
