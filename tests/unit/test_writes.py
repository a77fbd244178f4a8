"""Chains of entries: one entry for each change, adoption, and writes without a response.

They run on moto's DynamoDB, but moto ignores ClientRequestToken: a request that is repeated
here is a conflict. tests/contract/test_wire_exactly_once.py has tokens.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records_api import dynamodb, entries, history, jsontext, records, representation, store, writes
from records_api.representation import public
from unit.support import (
    ALICE,
    NOW,
    allow,
    before_each,
    chain,
    items,
    new_table,
    origin,
    put,
    wire,
    with_client,
    with_lost_response,
)

TRANSACTION = "TransactWriteItems"
BODY = {"type": "backup", "status": "running", "attributes": {"n": Decimal("1E+2")}}
MOMENT = "2026-01-31T09:30:00.123Z"
BOB = "arn:aws:iam::123456789012:user/bob"


def create(table: store.Table, *, key: str | None = "k", days: int = 0) -> store.Record:
    record, _ = records.create(
        table, BODY, ALICE, origin(), key=key, retention_days=days, open_auth=False
    )
    return record


def update(table: store.Table, record_id: str, now: datetime = NOW) -> store.Record:
    return records.update(table, record_id, {"status": "done"}, allow, origin(BOB, now, "r-2"))


def delete(table: store.Table, record_id: str) -> None:
    records.delete(table, record_id, allow, origin(BOB))


def through(table: store.Table, call: Callable[..., dict[str, Any]]) -> store.Table:
    """Return the same table as reached through another `call`."""
    return with_client(table, wire(call))


def changes(table: store.Table) -> list[tuple[str, int]]:
    """Return the kind and the version of each entry of the one record, which must be a chain."""
    entries = chain(table)
    assert_linked(entries)
    return [(entry["change"], int(entry["version"])) for entry in entries]


def assert_linked(entries: list[history.Entry]) -> None:
    assert entries[0]["previousHash"] is None
    for entry in entries:
        assert entry["hash"] == history.entry_hash(entry)
        assert entry["position"] == history.position(entry)
        assert (entry["recordHash"] is None) is (entry["change"] == "delete")
        assert entry["record"] is None or entry["recordHash"] == history.digest(entry["record"])
    for before, after in pairwise(entries):
        assert after["previousHash"] == before["hash"]
        assert after["changedAt"] > before["changedAt"]


def content(entry: history.Entry) -> Any:
    return jsontext.parse(entry["record"])


# One entry for each change.


def test_each_change_leaves_one_linked_entry(table: store.Table) -> None:
    created = create(table)
    updated = update(table, created["recordID"])
    delete(table, created["recordID"])
    assert changes(table) == [("create", 1), ("update", 2), ("delete", 3)]
    first, second, third = chain(table)
    assert content(first) == content_of(created)
    assert content(second) == content_of(updated)
    assert third["record"] is None
    assert [entry["changedBy"] for entry in (first, second, third)] == [ALICE.identity, BOB, BOB]
    assert [entry["requestId"] for entry in (first, second)] == ["request-1", "r-2"]
    assert first["changedAt"] == created["updatedAt"] == MOMENT
    assert {entry["requestHash"] for entry in (first, second, third)} == {created["requestHash"]}
    tokens = [entry["writeToken"] for entry in (first, second, third)]
    assert len(set(tokens)) == 3
    assert tokens[:2] == [created["writeToken"], updated["writeToken"]]


def content_of(record: store.Record) -> Any:
    return jsontext.parse(jsontext.to_json(public(record)))


def test_record_names_its_last_entry(table: store.Table) -> None:
    record_id = create(table)["recordID"]
    update(table, record_id)
    (item,) = items(table)
    assert item["last"].keys() == {"version", "hash", "state"}
    assert item["last"]["version"] == item["version"] == 2
    assert item["last"]["hash"].hex() == chain(table)[-1]["hash"]
    assert {len(item["last"][name]) for name in ("hash", "state")} == {32}


def test_update_needs_one_read_and_one_write(table: store.Table) -> None:
    record_id = create(table)["recordID"]
    called: list[str] = []

    def call(name: str, payload: Any, deadline: float) -> dict[str, Any]:
        called.append(name)
        return table.client.call(name, payload, deadline)

    update(through(table, call), record_id)
    assert called == ["GetItem", TRANSACTION]


@pytest.mark.parametrize("seconds", [-3600, 0, 60])
def test_changed_at_increases_even_if_the_clock_does_not(table: store.Table, seconds: int) -> None:
    record_id = create(table)["recordID"]
    updated = update(table, record_id, NOW + timedelta(seconds=seconds))
    assert changes(table) == [("create", 1), ("update", 2)]
    expected = "2026-01-31T09:31:00.123Z" if seconds == 60 else "2026-01-31T09:30:00.124Z"
    assert chain(table)[1]["changedAt"] == updated["updatedAt"] == expected


def test_time_is_read_again_for_each_attempt(table: store.Table) -> None:
    record_id = create(table)["recordID"]
    clock = iter(NOW + timedelta(seconds=each) for each in range(1, 9))
    ours = origin(BOB)._replace(clock=lambda: next(clock))
    call = before_each(table.client.call, TRANSACTION, lambda: update(table, record_id))
    updated = records.update(through(table, call), record_id, {"status": "x"}, allow, ours)
    assert updated["updatedAt"] == "2026-01-31T09:30:02.123Z"


# Adoption: something outside this service changed the record.

Outside = Callable[[store.Record], store.Record]


def updated_by_an_older_release(item: store.Record) -> store.Record:
    stamps = {"status": "old", "version": item["version"] + 1, "writeToken": "older"}
    return item | stamps | {"updatedAt": "2026-01-31T10:00:00.000Z"}


def without(*names: str) -> Outside:
    return lambda item: {name: value for name, value in item.items() if name not in names}


def with_last(**members: object) -> Outside:
    return lambda item: item | {"last": item["last"] | members}


OUTSIDE: dict[str, Outside] = {
    "an older release": updated_by_an_older_release,
    "content": lambda item: item | {"status": "edited"},
    "a number": lambda item: item | {"attributes": {"n": Decimal(101)}},
    "createdAt": lambda item: item | {"createdAt": "2020-01-01T00:00:00.000Z"},
    "submittedBy": lambda item: item | {"submittedBy": "somebody"},
    "updatedBy": lambda item: item | {"updatedBy": "somebody"},
    "expiresAt": lambda item: item | {"expiresAt": 2_000_000_000},
    "requestHash": lambda item: item | {"requestHash": "0" * 64},
    "last is gone": without("last"),
    "last is text": lambda item: item | {"last": "2"},
    "last is empty": lambda item: item | {"last": {}},
    "last without hash": lambda item: item | {"last": {"version": item["version"]}},
    "last with a text": with_last(state="x"),
    "last of another version": with_last(version=1),
    "replaced": lambda item: {"recordID": item["recordID"], "createdAt": MOMENT, "type": "new"},
}


@pytest.mark.parametrize("outside", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("last", ["update", "delete"])
def test_change_outside_the_service_is_adopted(
    table: store.Table, outside: Outside, last: str
) -> None:
    record_id = create(table)["recordID"]
    update(table, record_id)
    (item,) = items(table)
    put(table, edited := outside(item))
    update(table, record_id) if last == "update" else delete(table, record_id)
    assert changes(table) == [("create", 1), ("update", 2), ("adopt", 3), (last, 4)]
    adopted, changed = chain(table)[2:]
    expected = {name: value for name, value in public(edited).items() if name != "updatedBy"}
    assert content(adopted) == jsontext.parse(jsontext.to_json(expected))
    # Nobody knows who made the change; the request that noticed it is known.
    assert (adopted["changedBy"], changed["changedBy"]) == (None, BOB)
    assert adopted["requestId"] == changed["requestId"]
    assert adopted.get("expiresAt") == edited.get("expiresAt")


@pytest.mark.parametrize("outside", [lambda item: item | {"x": 1}, without("position", "feed")])
def test_internal_attributes_are_not_adopted(table: store.Table, outside: Outside) -> None:
    record_id = create(table)["recordID"]
    put(table, outside(items(table)[0]))
    update(table, record_id)
    assert changes(table) == [("create", 1), ("update", 2)]


@pytest.mark.parametrize(
    ("version", "adopted"),
    [
        ({}, 1),
        ({"version": 7}, 7),
        ({"version": "7"}, 1),
        ({"version": Decimal("1.5")}, 1),
        ({"version": {Decimal(7)}}, 1),
        ({"version": 10**9}, 10**9),
        ({"version": 10**9 + 1}, 1),
        ({"version": Decimal("1E+100")}, 1),
    ],
    ids=repr,
)
def test_foreign_record_is_adopted_at_its_version(
    table: store.Table, version: dict[str, Any], adopted: int
) -> None:
    foreign = {"recordID": "foreign", "createdAt": "2020-01-01T00:00:00Z", "type": "audit"}
    put(table, foreign | version)
    assert update(table, "foreign")["version"] == adopted + 1
    delete(table, "foreign")
    expected = [("adopt", adopted), ("update", adopted + 1), ("delete", adopted + 2)]
    assert changes(table) == expected
    assert items(table) == []


FOREIGN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20))
    | st.sampled_from([Decimal("1E-130"), Decimal("9.999E+125"), Decimal("0E+3"), Decimal(10**37)])
    | st.sets(st.integers(-5, 5).map(Decimal), min_size=1)
    | st.sets(st.binary(), min_size=1)
    | st.sets(st.text("äb\U0001f600", min_size=1), min_size=1),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("aä/", min_size=1), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=30)
@given(attributes=FOREIGN_VALUES, message=FOREIGN_VALUES)
def test_every_foreign_value_can_be_adopted_and_chained(
    dynamodb_client: Any, attributes: Any, message: Any
) -> None:
    table = new_table(dynamodb_client)
    foreign = {"recordID": "foreign", "attributes": attributes, "message": message}
    put(table, foreign)
    shown = jsontext.to_json(public(store.get(table, "foreign") or {}))
    update(table, "foreign")
    update(table, "foreign")
    assert changes(table) == [("adopt", 1), ("update", 2), ("update", 3)]
    assert content(chain(table)[0]) == jsontext.parse(shown)
    delete(table, "foreign")
    for name in (table.name, table.history_name):
        dynamodb_client.delete_table(TableName=name)


@pytest.mark.parametrize("expires_at", [Decimal("1E+100"), Decimal("2000000000.5"), "soon"])
def test_foreign_expiry_is_not_changed(table: store.Table, expires_at: object) -> None:
    put(table, {"recordID": "foreign", "expiresAt": expires_at})
    update(table, "foreign")
    assert changes(table) == [("adopt", 1), ("update", 2)]
    expected = expires_at if isinstance(expires_at, Decimal) else None
    assert [entry.get("expiresAt") for entry in chain(table)] == [expected] * 2


def test_foreign_record_too_large_to_embed_can_be_deleted(table: store.Table) -> None:
    put(table, {"recordID": "foreign", "message": "x" * 350_000})
    with pytest.raises(records.TooLarge):
        update(table, "foreign")
    delete(table, "foreign")
    adopted, _ = chain(table)
    assert (adopted["record"], adopted["omitted"]) == (None, True)
    assert changes_of(table) == [("adopt", 1), ("delete", 2)]


def changes_of(table: store.Table) -> list[tuple[str, int]]:
    return [(entry["change"], int(entry["version"])) for entry in chain(table)]


def test_restored_table_continues_the_history(table: store.Table) -> None:
    """Its `last` describes it, but later versions exist: only the conflict shows that."""
    record_id = create(table)["recordID"]
    (backup,) = items(table)
    update(table, record_id)
    update(table, record_id)
    put(table, backup)
    attempts = iter(range(2))
    call = before_each(table.client.call, TRANSACTION, lambda: next(attempts), times=99)
    assert update(through(table, call), record_id)["version"] == 5
    expected = [("create", 1), ("update", 2), ("update", 3), ("adopt", 4), ("update", 5)]
    assert changes(table) == expected
    assert content(chain(table)[3])["status"] == "running"


def test_key_of_an_adopted_record_stays_reserved(table: store.Table) -> None:
    """Its chain has no entry of version 1, which a late retry would conflict with."""
    record_id = create(table, days=7)["recordID"]
    (item,) = items(table)
    for entry in chain(table):
        key = store.encode({name: entry[name] for name in ("recordID", "version")})
        table.client.call("DeleteItem", {"TableName": table.history_name, "Key": key}, 0.0)
    put(table, without("last")(item | {"version": 5}))
    assert update(table, record_id)["version"] == 6
    assert items(table)[0]["last"]["first"] == 5
    delete(table, record_id)
    assert [entry["first"] for entry in chain(table)] == [5, 5, 5]
    (tombstone,) = items(table)
    names = {"recordID", "requestHash", "expiresAt", "deletedAt", "writeToken"}
    assert tombstone.keys() == names
    assert tombstone["expiresAt"] == item["expiresAt"]
    with pytest.raises(records.Deleted):
        create(table, days=7)


# Unanswered writes: the entry tells whose write it was.

Change = Callable[[store.Table, str], object]
CHANGES: dict[str, Change] = {"update": update, "delete": delete}
ALL_CHANGES: dict[str, Change] = CHANGES | {"create": lambda table, _: create(table)}


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_change_without_a_response_is_made_once(
    table: store.Table, change: str, *, arrives: bool
) -> None:
    record_id = create(table)["recordID"]
    lossy = through(table, with_lost_response(table.client.call, TRANSACTION, arrives=arrives))
    CHANGES[change](lossy, record_id)
    assert changes(table) == [("create", 1), (change, 2)]


@pytest.mark.parametrize("change", CHANGES)
def test_entry_of_another_request_is_not_confused_with_ours(
    table: store.Table, change: str
) -> None:
    record_id = create(table)["recordID"]

    def theirs() -> None:
        records.update(table, record_id, {"message": "theirs"}, allow, origin())

    lossy = with_lost_response(table.client.call, TRANSACTION, arrives=False, meanwhile=theirs)
    CHANGES[change](through(table, lossy), record_id)
    assert changes(table) == [("create", 1), ("update", 2), (change, 3)]


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("key", ["k", None])
def test_create_without_a_response_is_made_once(
    table: store.Table, key: str | None, *, arrives: bool
) -> None:
    lossy = through(table, with_lost_response(table.client.call, TRANSACTION, arrives=arrives))
    _, is_replay = records.create(
        lossy, BODY, ALICE, origin(), key=key, retention_days=0, open_auth=False
    )
    assert not is_replay
    assert changes(table) == [("create", 1)]


def test_create_without_a_response_returns_its_record(table: store.Table) -> None:
    """Others may have changed or deleted the record since; the entry still has our token."""

    def meanwhile() -> None:
        delete(table, items(table)[0]["recordID"])

    lossy = with_lost_response(table.client.call, TRANSACTION, arrives=True, meanwhile=meanwhile)
    record = create(through(table, lossy))
    assert content(chain(table)[0]) == content_of(record)
    assert items(table) == []


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("change", ALL_CHANGES)
def test_change_without_any_response_has_an_unknown_outcome(
    table: store.Table, change: str, *, arrives: bool
) -> None:
    record_id = "" if change == "create" else create(table)["recordID"]
    call = with_lost_response(table.client.call, TRANSACTION, arrives=arrives, retry=False)
    with pytest.raises(store.OutcomeUnknown):
        ALL_CHANGES[change](through(table, call), record_id)


def no_reads_of_entries(call: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Return `call` at the end of the deadline: the entry cannot be read any more."""

    def late(name: str, payload: Any, deadline: float) -> dict[str, Any]:
        if name == "GetItem" and payload["TableName"].endswith("-history"):
            raise dynamodb.Unavailable("DeadlineExceeded", "no time was left for the call")
        return call(name, payload, deadline)

    return late


def test_outcome_is_unknown_if_the_entry_cannot_be_read(table: store.Table) -> None:
    record_id = create(table)["recordID"]
    lossy = with_lost_response(table.client.call, TRANSACTION, arrives=True)
    with pytest.raises(store.OutcomeUnknown):
        update(through(table, no_reads_of_entries(lossy)), record_id)
    # An attempt that failed with a conflict wrote nothing.
    raced = before_each(table.client.call, TRANSACTION, lambda: update(table, record_id))
    update(through(table, no_reads_of_entries(raced)), record_id)


# Parts.


@pytest.mark.parametrize("changed_at", ["", "yesterday", "2026-01-31", "9999-12-31T23:59:59.999Z"])
def test_unusable_time_of_the_last_entry_does_not_stop_a_change(changed_at: str) -> None:
    assert writes._after(history.Link(1, "0" * 64, changed_at, 1), NOW) == MOMENT


def test_transaction_conditions_every_entry_on_its_absence(table: store.Table) -> None:
    record_id = create(table)["recordID"]
    put(table, items(table)[0] | {"status": "edited"})
    stored = store.get(table, record_id)
    turn = writes.turn(table, record_id, stored, origin(), NOW)
    record = writes.stamped(turn, stored or {}, origin())
    _, *puts = writes.members(table, turn, history.UPDATE, record, origin())
    conditions: Iterable[str] = {each["Put"]["ConditionExpression"] for each in puts}
    assert len(puts) == 2
    assert conditions == {"attribute_not_exists(#recordID) OR #expiresAt <= :now"}
    assert entries.get_entry(table, record_id, 2, 0) is None
    assert representation.version(record) == 3
