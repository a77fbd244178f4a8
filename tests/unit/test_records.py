"""Rules for records: what is stored, idempotency keys, preconditions and races.

They run on moto's DynamoDB. tests/contract/test_wire_exactly_once.py tests lost responses.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from records_api import dynamodb, fields, ids, jsontext, listing, records, store
from records_api.representation import public, tag
from unit.support import (
    ALICE,
    NOW,
    allow,
    before_each,
    chain,
    items,
    origin,
    page,
    put,
    scripted,
    table_of,
    wire,
    with_client,
)

BODY: dict[str, Any] = {
    "type": "backup",
    "status": "running",
    "message": "m",
    "attributes": {"a": Decimal(1)},
}
MOMENT = "2026-01-31T09:30:00.123Z"
ALICE_LATER = records.Caller("arn:aws:sts::123456789012:assumed-role/ops/later", ALICE.namespace)
BOB = records.Caller("arn:aws:iam::123456789012:user/bob", "123456789012/AIDABOB")
DAY = timedelta(days=1)
TRANSACTION = "TransactWriteItems"


def create(  # noqa: PLR0913 (those of records.create)
    table: store.Table,
    body: Any = BODY,
    caller: records.Caller = ALICE,
    *,
    now: datetime = NOW,
    key: str | None = None,
    days: int = 0,
    open_auth: bool = False,
) -> tuple[store.Record, bool]:
    source = origin(caller.identity, now)
    return records.create(
        table, body, caller, source, key=key, retention_days=days, open_auth=open_auth
    )


def update(
    table: store.Table, record_id: str, patch: Any, if_match: str | None = None, now: datetime = NOW
) -> store.Record:
    allows = if_match.__eq__ if if_match else allow
    return records.update(table, record_id, patch, allows, origin(BOB.identity, now))


def delete(table: store.Table, record_id: str, if_match: str | None = None) -> None:
    allows = if_match.__eq__ if if_match else allow
    records.delete(table, record_id, allows, origin(BOB.identity))


def assert_not_found(table: store.Table, record_id: str, now: datetime) -> None:
    for attempt in (
        lambda: records.get(table, record_id, now),
        lambda: update(table, record_id, {"status": "done"}, now=now),
        lambda: delete(table, record_id),
    ):
        with pytest.raises(records.NotFound):
            attempt()


def through(table: store.Table, call: Callable[..., dict[str, Any]]) -> store.Table:
    """Return the same table with another `call`."""
    return with_client(table, wire(call))


# The one record that tests create with the key "k".
ID = ids.derived_id(ALICE.namespace, "k")
Write = Callable[..., object]
UPDATE_AND_DELETE: list[Write] = [
    lambda table, tag=None: update(table, ID, {"attributes": {"ours": True}}, tag),
    lambda table, tag=None: delete(table, ID, tag),
]


# Merge patch.


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
        ('{"a":"b"}', '{"a":null}', "{}"),
        ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
        ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
        ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
        ('["a","b"]', '["c","d"]', '["c","d"]'),
        ('{"a":"b"}', '["c"]', '["c"]'),
        ('{"a":"foo"}', "null", "null"),
        ('{"a":"foo"}', '"bar"', '"bar"'),
        ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
        ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
        ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
    ],
)
def test_merge_patch_follows_the_examples_of_rfc_7396(target: str, patch: str, result: str) -> None:
    before = jsontext.parse(target)
    assert records.merge_patch(before, jsontext.parse(patch)) == jsontext.parse(result)
    assert before == jsontext.parse(target)


# Create.


def test_new_record_has_the_body_and_the_fields_of_the_server(table: store.Table) -> None:
    record, is_replay = create(table)
    assert not is_replay
    assert public(record) == BODY | {
        "recordID": record["recordID"],
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "updatedBy": ALICE.identity,
        "submittedBy": ALICE.identity,
        "version": 1,
    }
    assert public(store.decode(records.get(table, record["recordID"], NOW))) == public(record)


def test_attributes_default_to_an_empty_object(table: store.Table) -> None:
    record, _ = create(table, {"type": "t", "status": "s"})
    assert record["attributes"] == {}
    assert "message" not in record


def test_client_sets_submitted_by_only_without_authentication(table: store.Table) -> None:
    body = BODY | {"submittedBy": "somebody"}
    assert create(table, body, open_auth=True)[0]["submittedBy"] == "somebody"
    assert create(table, open_auth=True)[0]["submittedBy"] == ALICE.identity
    with pytest.raises(fields.Invalid, match="is set by the server"):
        create(table, body)


@pytest.mark.parametrize(
    "name", ["recordID", "createdAt", "updatedAt", "version", "expiresAt", "writeToken", "feed"]
)
def test_client_cannot_set_the_fields_of_the_server(table: store.Table, name: str) -> None:
    with pytest.raises(fields.Invalid):
        create(table, BODY | {name: "x"}, open_auth=True)
    assert items(table) == []


def filled(size: int, record: store.Record) -> dict[str, Any]:
    """Return attributes with which `record` takes `size` bytes as the API returns it."""
    empty = public(record | {"attributes": {"fill": ""}})
    room = size - len(jsontext.to_json(empty).encode())
    return {"fill": "ä" * (room // 2) + "a" * (room % 2)}


def test_record_is_limited_to_64_kib_as_returned(table: store.Table) -> None:
    sample, _ = create(table)
    size = records.MAX_RECORD_BYTES
    record, _ = create(table, BODY | {"attributes": filled(size, sample)})
    assert len(jsontext.to_json(public(record)).encode()) == size == 65536
    before = items(table)
    with pytest.raises(records.TooLarge):
        create(table, BODY | {"attributes": filled(size + 1, sample)})
    with pytest.raises(records.TooLarge):
        update(table, record["recordID"], {"message": "m" * 99})
    assert items(table) == before


def test_record_expires_after_the_retention_period(table: store.Table) -> None:
    record, _ = create(table, days=30)
    (item,) = items(table)
    assert item["expiresAt"] == int((NOW + 30 * DAY).timestamp())
    update(table, record["recordID"], {"status": "done"})
    assert items(table)[0]["expiresAt"] == item["expiresAt"]
    assert {entry["expiresAt"] for entry in chain(table)} == {item["expiresAt"]}
    create(table, days=0)
    assert sorted("expiresAt" in each for each in items(table)) == [False, True]


def test_expired_record_is_not_found(table: store.Table) -> None:
    record, _ = create(table, now=NOW - DAY, days=1)
    record_id = record["recordID"]
    moment = NOW.replace(microsecond=0)
    assert records.get(table, record_id, moment - timedelta(milliseconds=1))
    assert_not_found(table, record_id, moment)
    assert page(table, listing.Query({}), now=int(NOW.timestamp()))[0] == []


# Create with an idempotency key.


@pytest.mark.parametrize("status", ["running", "done"])
def test_replay_returns_the_record_as_it_is_now(table: store.Table, status: str) -> None:
    first, _ = create(table, key="k")
    if status == "done":
        update(table, ID, {"status": "done"})
    replayed, is_replay = create(table, key="k", now=NOW + DAY)
    assert is_replay
    assert (replayed["createdAt"], replayed["status"]) == (first["createdAt"], status)
    assert len(items(table)) == 1


@pytest.mark.parametrize("days", [0, 7])
def test_late_retry_does_not_bring_a_deleted_record_back(table: store.Table, days: int) -> None:
    create(table, key="k", days=days)
    delete(table, ID)
    assert items(table) == []
    for later in (timedelta(0), 6 * DAY):
        with pytest.raises(records.Deleted):
            create(table, key="k", now=NOW + later)
        with pytest.raises(records.KeyReused):
            create(table, BODY | {"status": "other"}, key="k", now=NOW + later)
    assert items(table) == []
    assert [entry["change"] for entry in chain(table)] == ["create", "delete"]


def test_key_is_free_again_when_its_record_has_expired(table: store.Table) -> None:
    create(table, key="k", days=1)
    update(table, ID, {"status": "done"})
    assert create(table, key="k", days=1, now=NOW + DAY - timedelta(seconds=1))[1]
    other = BODY | {"status": "other"}
    again, is_replay = create(table, other, key="k", days=1, now=NOW + DAY)
    assert not is_replay
    assert [each["status"] for each in items(table)] == ["other"] == [again["status"]]
    # What is left of the expired history is not part of the new one.
    later = NOW + DAY + timedelta(seconds=1)
    assert update(table, ID, {"status": "new"}, now=later)["version"] == 2


def test_tombstone_of_an_older_release_reserves_its_key(table: store.Table) -> None:
    request_hash = hashlib.sha256(jsontext.to_json(BODY, sort_keys=True).encode()).hexdigest()
    tombstone = {"recordID": ID, "requestHash": request_hash, "deletedAt": MOMENT}
    put(table, tombstone | {"writeToken": "t", "expiresAt": int((NOW + DAY).timestamp())})
    with pytest.raises(records.Deleted):
        create(table, key="k")
    with pytest.raises(records.KeyReused):
        create(table, BODY | {"status": "other"}, key="k")
    with pytest.raises(records.NotFound):
        update(table, ID, {"status": "done"})


@pytest.mark.parametrize(
    "other",
    [
        BODY | {"status": "other"},
        {name: value for name, value in BODY.items() if name != "message"},
        BODY | {"attributes": {"a": "1"}},
        BODY | {"attributes": {"a": Decimal("1.0000000000000000000000000000000000001")}},
    ],
)
def test_key_with_another_body_is_refused(table: store.Table, other: dict[str, Any]) -> None:
    create(table, key="k")
    before = items(table)
    with pytest.raises(records.KeyReused):
        create(table, other, key="k")
    assert items(table) == before


def test_member_order_and_number_spelling_do_not_matter(table: store.Table) -> None:
    one = '{"type":"t","status":"s","attributes":{"a":1,"b":[10.0,"\\u00e4"],"c":{"x":0,"y":1e-7}}}'
    same = (
        '{ "attributes": {"c":{"y":0.00000010,"x":-0.0},"b":[1E1,"ä"],"a":1.0},'
        ' "status":"s", "type":"\\u0074" }'
    )
    first, _ = create(table, jsontext.parse(one), key="k")
    again, is_replay = create(table, jsontext.parse(same), key="k")
    assert is_replay
    assert again["recordID"] == first["recordID"]


def test_key_belongs_to_its_caller_in_every_session(table: store.Table) -> None:
    first, _ = create(table, key="k")
    assert create(table, caller=BOB, key="k")[1] is False
    replayed, is_replay = create(table, caller=ALICE_LATER, key="k")
    assert is_replay
    assert replayed["submittedBy"] == ALICE.identity
    assert len(items(table)) == 2
    assert first["recordID"] == replayed["recordID"]


def test_create_without_a_key_always_makes_a_record(table: store.Table) -> None:
    assert len({create(table)[0]["recordID"] for _ in range(3)}) == len(items(table)) == 3


# Update.


def test_update_changes_what_the_patch_names(table: store.Table) -> None:
    record, _ = create(table)
    patch = {"status": "done", "message": None, "attributes": {"a": None, "b": {"c": [None]}}}
    changed = update(table, record["recordID"], patch, now=NOW + timedelta(seconds=5))
    expected = {name: value for name, value in public(record).items() if name != "message"}
    expected |= {"status": "done", "attributes": {"b": {"c": [None]}}, "version": 2}
    expected |= {"updatedAt": "2026-01-31T09:30:05.123Z", "updatedBy": BOB.identity}
    assert public(changed) == expected
    assert public(store.decode(records.get(table, record["recordID"], NOW))) == public(changed)
    assert tag(changed) != tag(record)


def test_attributes_set_to_null_become_empty(table: store.Table) -> None:
    record, _ = create(table)
    assert update(table, record["recordID"], {"attributes": None})["attributes"] == {}


@pytest.mark.parametrize(
    "patch",
    [
        {"type": None},
        {"status": None},
        {"version": Decimal(9)},
        {"recordID": "x"},
        {"color": "red"},
        [],
        None,
        "done",
    ],
    ids=repr,
)
def test_invalid_patch_changes_nothing(table: store.Table, patch: Any) -> None:
    record, _ = create(table)
    before = items(table)
    with pytest.raises(fields.Invalid):
        update(table, record["recordID"], patch)
    assert items(table) == before


@pytest.mark.parametrize(
    "record_id", ["absent", "", "-self-test", "a/b", "a b", "ä", "x" * 129, "a\n"]
)
def test_absent_or_malformed_id_is_not_found(table: store.Table, record_id: str) -> None:
    assert_not_found(table, record_id, NOW)


def test_malformed_id_is_not_read() -> None:
    call, requests = scripted({})
    with pytest.raises(records.NotFound):
        records.get(table_of(call), "../other", NOW)
    assert requests == []


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_failed_precondition_has_the_current_tag(table: store.Table, write: Write) -> None:
    first, _ = create(table, key="k")
    second = update(table, ID, {"status": "done"})
    before = items(table), chain(table)
    with pytest.raises(records.PreconditionFailed) as caught:
        write(table, tag(first))
    assert caught.value.tag == tag(second)
    assert (items(table), chain(table)) == before
    write(table, tag(second))
    assert items(table) != before[0]


# Races: another request makes a change between what was read and what is written.


def change_attributes(table: store.Table) -> Callable[[], object]:
    return lambda: update(table, ID, {"attributes": {"theirs": True}})


def test_update_that_lost_a_race_is_repeated(table: store.Table) -> None:
    create(table, key="k")
    call = before_each(table.client.call, TRANSACTION, change_attributes(table), times=3)
    changed = update(through(table, call), ID, {"attributes": {"ours": True}})
    assert changed["attributes"] == {"a": 1, "theirs": True, "ours": True}
    assert [entry["version"] for entry in chain(table)] == [1, 2, 3, 4, 5]
    assert changed["version"] == 5


def test_races_end_with_the_deadline(table: store.Table) -> None:
    create(table, key="k")
    tries = 0

    def theirs() -> None:
        nonlocal tries
        tries += 1
        if tries > 9:
            raise dynamodb.Unavailable("DeadlineExceeded", "no time was left for the call")
        update(table, ID, {"attributes": {"theirs": True}})

    with pytest.raises(store.Unavailable):
        update(
            through(table, before_each(table.client.call, TRANSACTION, theirs, times=99)),
            ID,
            {"status": "ours"},
        )
    assert items(table)[0]["status"] == "running"


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_race_fails_the_precondition(table: store.Table, write: Write) -> None:
    first, _ = create(table, key="k")
    call = before_each(table.client.call, TRANSACTION, change_attributes(table))
    with pytest.raises(records.PreconditionFailed) as caught:
        write(through(table, call), tag(first))
    (item,) = items(table)
    assert item["attributes"] == {"a": 1, "theirs": True}
    assert caught.value.tag == tag(item)


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_record_deleted_meanwhile_is_not_found(table: store.Table, write: Write) -> None:
    create(table, key="k")
    call = before_each(table.client.call, TRANSACTION, lambda: delete(table, ID))
    with pytest.raises(records.NotFound):
        write(through(table, call))
    assert [entry["change"] for entry in chain(table)] == ["create", "delete"]


def test_delete_that_lost_a_race_is_repeated(table: store.Table) -> None:
    create(table, key="k")
    call = before_each(table.client.call, TRANSACTION, change_attributes(table), times=2)
    delete(through(table, call), ID)
    assert items(table) == []
    assert [entry["change"] for entry in chain(table)] == ["create", "update", "update", "delete"]


def test_create_uses_another_id_if_the_first_is_in_use(table: store.Table) -> None:
    taken: list[str] = []

    def call(name: str, payload: Any, deadline: float) -> dict[str, Any]:
        if name == TRANSACTION and not taken:
            taken.append(payload["TransactItems"][0]["Put"]["Item"]["recordID"]["S"])
            put(table, {"recordID": taken[0], "createdAt": MOMENT})
        return table.client.call(name, payload, deadline)

    record, is_replay = create(through(table, call))
    assert not is_replay
    assert sorted(item["recordID"] for item in items(table)) == sorted([*taken, record["recordID"]])


def test_deleted_record_is_not_found(table: store.Table) -> None:
    create(table, key="k")
    delete(table, ID)
    before = items(table), chain(table)
    for write in UPDATE_AND_DELETE:
        with pytest.raises(records.NotFound):
            write(table)
    assert (items(table), chain(table)) == before
