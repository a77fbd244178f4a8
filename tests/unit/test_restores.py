"""Restoring an earlier version: which versions, of which records, and under which conditions."""

from decimal import Decimal
from typing import Any

import pytest

from records_api import fields, ids, records, representation, restores, store
from records_api.history import Entry
from records_api.representation import public, tag
from unit.support import (
    ALICE,
    NOW,
    allow,
    before_each,
    chain,
    delete_item,
    items,
    origin,
    put,
    wire,
    with_client,
)

TRANSACTION = "TransactWriteItems"
BODY: dict[str, Any] = {"type": "t", "status": "first", "message": "m", "attributes": {"n": 1}}
ID = ids.derived_id(ALICE.namespace, "k")
BOB = "arn:aws:iam::123456789012:user/bob"


def create(table: store.Table, days: int = 0) -> store.Record:
    record, _ = records.create(
        table, BODY, ALICE, origin(), key="k", retention_days=days, open_auth=False
    )
    return record


def update(table: store.Table, patch: dict[str, Any]) -> store.Record:
    return records.update(table, ID, patch, allow, origin())


def delete(table: store.Table) -> None:
    records.delete(table, ID, allow, origin())


def restore(table: store.Table, version: int, allows: records.Precondition = allow) -> store.Record:
    return restores.restore(table, ID, version, allows, origin(BOB))


def changes(table: store.Table) -> list[str]:
    return [entry["change"] for entry in chain(table)]


def put_entry(table: store.Table, entry: Entry) -> None:
    request = {"TableName": table.history_name, "Item": store.encode(entry)}
    table.client.call("PutItem", request, 0.0)


def test_restored_version_is_a_new_one_with_the_old_content(table: store.Table) -> None:
    first = create(table, days=7)
    update(table, {"type": "u", "status": "second", "message": None, "attributes": {"b": []}})
    (before,) = items(table)
    restored = restore(table, 1)
    expected = public(first) | {"version": 3, "updatedBy": BOB}
    assert public(restored) == expected | {"updatedAt": "2026-01-31T09:30:00.125Z"}
    assert public(store.decode(records.get(table, ID, NOW))) == public(restored)
    assert tag(restored) not in (tag(first), tag(before))
    (after,) = items(table)
    assert {name: after[name] for name in ("expiresAt", "requestHash", "feed", "position")} == {
        name: before[name] for name in ("expiresAt", "requestHash", "feed", "position")
    }
    assert changes(table) == ["create", "update", "restore"]


def test_deleted_record_is_restored_as_it_was(table: store.Table) -> None:
    created = create(table, days=7)
    (before,) = items(table)
    delete(table)
    restored = restore(table, 1)
    assert restored["version"] == 3
    (after,) = items(table)
    changed = {"version", "updatedAt", "updatedBy", "writeToken", "last"}
    assert {name for name in after if after[name] != before.get(name)} == changed
    assert after.keys() == before.keys()
    # The idempotency key works again, too.
    replay, is_replay = records.create(
        table, BODY, ALICE, origin(), key="k", retention_days=7, open_auth=False
    )
    assert (is_replay, replay["createdAt"]) == (True, created["createdAt"])


def test_record_removed_outside_the_service_can_be_restored(table: store.Table) -> None:
    delete_item(table, create(table))
    assert restore(table, 1)["version"] == 2
    assert changes(table) == ["create", "restore"]


def test_tombstone_of_an_older_release_is_replaced(table: store.Table) -> None:
    created = create(table)
    tombstone = {"recordID": ID, "requestHash": created["requestHash"], "writeToken": "t"}
    put(table, tombstone | {"deletedAt": "2026-01-31T09:30:00.123Z", "expiresAt": 2_000_000_000})
    restored = restore(table, 1)
    (item,) = items(table)
    assert "deletedAt" not in item
    assert item["position"] == store.position(restored)
    assert changes(table) == ["create", "restore"]


def test_change_outside_the_service_is_adopted_and_undone(table: store.Table) -> None:
    create(table)
    put(table, items(table)[0] | {"status": "edited"})
    assert restore(table, 1)["version"] == 3
    assert changes(table) == ["create", "adopt", "restore"]
    assert restore(table, 2)["status"] == "edited"


@pytest.mark.parametrize("is_deleted", [True, False])
def test_version_without_content_is_not_found(table: store.Table, *, is_deleted: bool) -> None:
    create(table)
    delete(table)
    restore(table, 1)
    if is_deleted:
        delete(table)
    first = chain(table)[0]
    before = items(table), changes(table)
    for version, reason in ((2, "the record is deleted in it"), (9, "has no version 9")):
        with pytest.raises(restores.VersionNotFound, match=reason):
            restore(table, version)
    for mark, reason in (("redacted", "was redacted"), ("omitted", "was too large to keep")):
        put_entry(table, first | {"record": None, mark: True})
        with pytest.raises(restores.VersionNotFound, match=f"Version 1 .* {reason}"):
            restore(table, 1)
    put_entry(table, first | {"expiresAt": int(NOW.timestamp())})
    with pytest.raises(restores.VersionNotFound, match="has no version 1"):
        restore(table, 1)
    assert (items(table), changes(table)) == before


def test_unknown_id_has_no_versions(table: store.Table) -> None:
    with pytest.raises(restores.VersionNotFound, match="has no version 1"):
        restore(table, 1)
    for malformed in ("", "a/b", "-self-test"):
        with pytest.raises(records.NotFound):
            restores.restore(table, malformed, 1, allow, origin())


def test_same_content_is_nothing_to_restore(table: store.Table) -> None:
    create(table)
    with pytest.raises(restores.NothingToRestore):
        restore(table, 1)
    update(table, {"status": "second"})
    update(table, {"status": "first", "attributes": {"n": Decimal(1)}})
    for version in (1, 3):
        with pytest.raises(restores.NothingToRestore):
            restore(table, version)
    assert changes(table) == ["create", "update", "update"]


def test_precondition_is_that_of_the_current_record(table: store.Table) -> None:
    first = create(table)
    second = update(table, {"status": "second"})
    with pytest.raises(records.PreconditionFailed) as caught:
        restore(table, 1, tag(first).__eq__)
    assert caught.value.tag == tag(second)
    assert restore(table, 1, tag(second).__eq__)["version"] == 3


def test_if_match_fails_for_a_deleted_record_without_a_tag(table: store.Table) -> None:
    first = create(table)
    delete(table)
    with pytest.raises(records.PreconditionFailed) as caught:
        restore(table, 1, lambda current: current == tag(first))
    assert caught.value.tag is None
    assert items(table) == []


@pytest.mark.parametrize(
    ("foreign", "problem"),
    [
        ({"type": "t" * 129}, "/type must be a string of 1 to 128 characters"),
        ({"attributes": {"a": [None] * 1001}}, "/attributes must have at most 1000 values"),
        ({"attributes": "text"}, "/attributes must be a JSON object"),
    ],
    ids=["long", "many values", "not an object"],
)
def test_foreign_version_must_meet_the_current_limits(
    table: store.Table, foreign: dict[str, Any], problem: str
) -> None:
    put(table, {"recordID": ID, "message": "m"} | foreign)
    update(table, {"type": "t", "attributes": None})
    before = items(table), changes(table)
    with pytest.raises(fields.Invalid) as caught:
        restore(table, 1)
    (error,) = caught.value.errors
    assert error["pointer"] == "/version"
    assert error["detail"].startswith("names version 1, which does not meet the current limits: ")
    assert problem in error["detail"]
    assert (items(table), changes(table)) == before


def test_foreign_version_must_meet_the_current_size(table: store.Table) -> None:
    put(table, {"recordID": ID, "attributes": {"a": "x" * 70_000}})
    update(table, {"attributes": None})
    with pytest.raises(records.TooLarge):
        restore(table, 1)
    delete(table)
    with pytest.raises(records.TooLarge):
        restore(table, 1)
    assert items(table) == []


def test_foreign_sets_and_binaries_are_restored_as_json(table: store.Table) -> None:
    put(table, {"recordID": ID, "attributes": {"s": {"b", "a"}, "b": b"\x00"}})
    delete(table)
    restored = restore(table, 1)
    assert public(restored)["attributes"] == {"s": ["a", "b"], "b": "AA=="}
    # Without `createdAt`, it is in no list, as before.
    assert "position" not in items(table)[0]


def test_restore_that_lost_a_race_is_repeated(table: store.Table) -> None:
    create(table)
    update(table, {"status": "second"})
    call = before_each(
        table.client.call, TRANSACTION, lambda: update(table, {"message": "theirs"}), times=2
    )
    restored = restore(with_client(table, wire(call)), 1)
    assert (restored["version"], restored["message"]) == (5, "m")
    assert changes(table) == ["create", "update", "update", "update", "restore"]


def test_record_restored_by_another_request_first_is_a_race(table: store.Table) -> None:
    create(table)
    delete(table)
    call = before_each(table.client.call, TRANSACTION, lambda: restore(table, 1))
    with pytest.raises(restores.NothingToRestore):
        restore(with_client(table, wire(call)), 1)
    assert changes(table) == ["create", "delete", "restore"]
    assert representation.version(items(table)[0]) == 3
