"""Reads, conditions and transactions: on DynamoDB's rules, and call by call.

Tests that take only the fixture `table` run on an emulator too: tests/e2e/test_store.py.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from records_api import dynamodb, store
from unit.support import delete_item, items, put, scripted, table_of

DAY = "2026-01-31T09:30:00"
RECORD: store.Record = {
    "recordID": "record-1",
    "createdAt": f"{DAY}.001Z",
    "version": 1,
    "writeToken": "token-1",
}


def insert(table: store.Table, record: store.Record, now: int = 0) -> None:
    store.transact(table, [store.put(table.name, record, store.is_absent(now))])


def replace(table: store.Table, old: store.Record) -> None:
    new = old | {"message": "new"}
    store.transact(table, [store.put(table.name, new, store.is_unchanged(old))])


def remove(table: store.Table, old: store.Record) -> None:
    store.transact(table, [store.remove(table.name, old["recordID"], store.is_unchanged(old))])


Write = Callable[[store.Table, store.Record], None]
WRITES = [replace, remove]


def test_record_is_read_as_it_was_written(table: store.Table) -> None:
    attributes = {
        "n": Decimal(12345678901234567890123456789012345678),
        "small": Decimal("-1E-130"),
        "large": Decimal("9.9999999999999999999999999999999999999E+125"),
        "all": [None, True, False, "", "ä\u0000\U0001f600", {}, [], {"a": [Decimal("0.1")]}],
        "bytes": b"\x00\xff",
        "sets": {"of": {"a", "b"}},
    }
    insert(table, RECORD | {"attributes": attributes})
    assert store.get(table, "record-1") == RECORD | {"attributes": attributes}
    assert store.get(table, "record-2") is None


def test_item_is_absent_when_it_has_expired(table: store.Table) -> None:
    put(table, RECORD | {"expiresAt": 1000})
    with pytest.raises(store.Conflict):
        insert(table, RECORD | {"message": "new"}, 999)
    assert items(table) == [RECORD | {"expiresAt": 1000}]
    insert(table, RECORD | {"message": "new"}, 1000)
    assert items(table) == [RECORD | {"message": "new"}]


@pytest.mark.parametrize(
    ("expires_at", "is_expired"),
    [(999, True), (1000, True), (1001, False), (Decimal("1000.5"), False), ("1", False)],
)
def test_expiry_is_a_number_of_seconds(expires_at: object, *, is_expired: bool) -> None:
    assert store.is_expired({"expiresAt": expires_at}, 1000) is is_expired
    assert not store.is_expired({}, 1000)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "changed",
    [
        {"version": 2},
        {"writeToken": "of another"},
        {"createdAt": f"{DAY}.999Z"},
        {"version": None},
        {"createdAt": None},
    ],
    ids=repr,
)
def test_write_requires_the_record_as_it_was_read(
    table: store.Table, write: Write, changed: dict[str, Any]
) -> None:
    other = {name: value for name, value in (RECORD | changed).items() if value is not None}
    put(table, other)
    with pytest.raises(store.Conflict) as caught:
        write(table, RECORD)
    assert not caught.value.ambiguous
    assert items(table) == [other]
    write(table, other)
    assert items(table) != [other]


@pytest.mark.parametrize("write", WRITES)
def test_write_does_not_bring_a_deleted_record_back(table: store.Table, write: Write) -> None:
    put(table, RECORD)
    delete_item(table, RECORD)
    with pytest.raises(store.Conflict):
        write(table, RECORD)
    assert items(table) == []


def test_foreign_record_without_version_is_replaced_once(table: store.Table) -> None:
    foreign = {"recordID": "foreign", "createdAt": f"{DAY}Z", "type": "audit"}
    put(table, foreign)
    condition = store.is_unchanged(foreign)
    write = store.put(table.name, foreign | {"version": 2, "writeToken": "t"}, condition)
    store.transact(table, [write])
    with pytest.raises(store.Conflict):
        store.transact(table, [write])


def test_transaction_is_applied_as_a_whole(table: store.Table) -> None:
    put(table, RECORD)
    entry = store.put(table.history_name, {"recordID": "a", "version": 1}, store.is_absent(0))
    record = store.put(table.name, RECORD | {"version": 2}, store.is_unchanged(RECORD))
    impossible = store.put(table.name, {"recordID": "b"}, store.is_impossible())
    for writes in ([entry, record, impossible], [impossible, record, entry]):
        with pytest.raises(store.Conflict):
            store.transact(table, writes)
    assert items(table) == [RECORD]
    store.transact(table, [entry, record])
    assert items(table) == [RECORD | {"version": 2}]
    key = {"recordID": "a", "version": 1}
    assert store.get_item(table, table.history_name, key) == key


def test_each_transaction_has_a_new_token() -> None:
    call, requests = scripted({})
    for _ in range(2):
        insert(table_of(call), RECORD)
    tokens = {request["ClientRequestToken"] for _, request in requests}
    assert len(tokens) == 2
    assert all(1 <= len(token) <= 36 for token in tokens)


AMBIGUOUS = dynamodb.Unavailable("TimeoutError", "no response", ambiguous=True)
REFUSED_AFTER_AMBIGUOUS = dynamodb.Refused("ExpiredTokenException", "expired", ambiguous=True)


@pytest.mark.parametrize(
    ("error", "of_a_write", "of_a_read"),
    [
        (dynamodb.Unavailable("ThrottlingException", "slow"), store.Unavailable, store.Unavailable),
        (AMBIGUOUS, store.OutcomeUnknown, store.Unavailable),
        (dynamodb.Refused("AccessDeniedException", "no"), dynamodb.Refused, dynamodb.Refused),
        (REFUSED_AFTER_AMBIGUOUS, store.OutcomeUnknown, dynamodb.Refused),
    ],
    ids=["throttled", "timeout", "rejected", "rejected after a timeout"],
)
def test_only_a_lost_response_has_an_unknown_outcome(
    error: Exception, of_a_write: type[Exception], of_a_read: type[Exception]
) -> None:
    table = table_of(scripted(error)[0])
    with pytest.raises(of_a_write):
        insert(table, RECORD)
    with pytest.raises(of_a_read):
        store.get(table, "record-1")
    with pytest.raises(of_a_read):
        store.read(table, "Query", {})


@pytest.mark.parametrize("ambiguous", [True, False])
def test_conflict_after_a_lost_response_is_ambiguous(*, ambiguous: bool) -> None:
    error = dynamodb.ConditionFailed("TransactionCanceledException", "", ambiguous=ambiguous)
    with pytest.raises(store.Conflict) as caught:
        insert(table_of(scripted(error)[0]), RECORD)
    assert caught.value.ambiguous is ambiguous


def test_reads_are_strongly_consistent_and_metered() -> None:
    call, requests = scripted({"ConsumedCapacity": {"CapacityUnits": 1.5}})
    table = table_of(call)
    assert store.get(table, "a") is None
    assert store.get_item(table, "other", {"recordID": "b"}) is None
    assert [request["ConsistentRead"] for _, request in requests] == [True, True]
    assert [request["TableName"] for _, request in requests] == ["records", "other"]
    assert table.consumed_read_units == 3.0


def test_calls_end_at_the_deadline_of_the_request() -> None:
    deadlines: list[float] = []

    def call(_operation: str, _payload: object, deadline: float) -> dict[str, Any]:
        deadlines.append(deadline)
        return {}

    table = table_of(call)
    table.deadline = 12.5
    store.get(table, "a")
    store.read(table, "Query", {})
    insert(table, RECORD)
    assert deadlines == [12.5] * 3
