"""What a record is, and what became of a write: races, retries and lost answers, on DynamoDB's own rules."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import dynamodb, fields, jsontext, records, store
from unit.support import ALICE, NOW, before_each, items, page, scripted, table_of, unanswered, wire

BODY: dict[str, Any] = {
    "type": "backup",
    "status": "running",
    "message": "m",
    "attributes": {"a": Decimal(1)},
}
ALICE_LATER = records.Caller("arn:aws:sts::123456789012:assumed-role/ops/later", ALICE.namespace)
BOB = records.Caller("arn:aws:iam::123456789012:user/bob", "123456789012/AIDABOB")
DAY = timedelta(days=1)


def create(  # noqa: PLR0913 (what it passes on)
    table: store.Table,
    body: Any = BODY,  # noqa: ANN401 (any JSON value)
    caller: records.Caller = ALICE,
    *,
    now: datetime = NOW,
    key: str | None = None,
    days: int = 0,
    open_auth: bool = False,
) -> tuple[store.Record, bool]:
    return records.create(
        table, body, caller, now, key=key, retention_days=days, open_auth=open_auth
    )


def update(
    table: store.Table,
    record_id: str,
    patch: Any,  # noqa: ANN401 - a JSON value
    if_match: str | None = None,
) -> store.Record:
    return records.update(table, record_id, patch, if_match.__eq__ if if_match else None, NOW)


def delete(table: store.Table, record_id: str, if_match: str | None = None) -> None:
    records.delete(table, record_id, if_match.__eq__ if if_match else None, NOW)


def through(table: store.Table, call: Callable[..., dict[str, Any]]) -> store.Table:
    """Return the same table as reached through another `call`."""
    return replace(table, client=wire(call))


# The one record that tests create with the key "k".
ID = records.derived_id(ALICE.namespace, "k")
Write = Callable[..., object]
UPDATE_AND_DELETE: list[Write] = [
    lambda table, tag=None: update(table, ID, {"attributes": {"ours": True}}, tag),
    lambda table, tag=None: delete(table, ID, tag),
]


def listed(table: store.Table) -> list[store.Record]:
    """Return what any index holds."""
    queries: list[dict[str, str]] = [
        {},
        {"type": "backup"},
        {"status": "running"},
        {"submittedBy": ALICE.identity},
    ]
    return [found for filters in queries for found in page(table, store.Query(filters), 99)[0]]


# Ids, times, tags.


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_record_id_is_a_uuid_of_version_7_that_holds_its_time(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    made = UUID(records.uuid7(moment))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        milliseconds=1
    )
    assert records.uuid7(moment) != records.uuid7(moment)
    assert fields.RECORD_ID.fullmatch(str(made))


def test_all_other_bits_of_a_record_id_vary() -> None:
    made = [UUID(records.uuid7(NOW)).int for _ in range(200)]
    ones = zeros = 0
    for number in made:
        ones |= number
        zeros |= ~number
    fixed = 0xF << 76 | 0x3 << 62 | (2**48 - 1) << 80
    assert ones & zeros & (2**128 - 1) == ~fixed & (2**128 - 1)


def test_a_derived_id_is_one_for_each_namespace_and_key() -> None:
    texts = [
        "".join(letters)
        for length in range(4)
        for letters in itertools.product("a:1", repeat=length)
    ]
    made = [records.derived_id(namespace, key) for namespace in texts for key in texts]
    assert len(set(made)) == len(made) == 1600
    assert made[-1] == records.derived_id("111", "111")
    assert {(UUID(each).version, UUID(each).variant) for each in made} == {
        (8, "specified in RFC 4122")
    }


def test_a_timestamp_is_utc_of_fixed_width_and_cut_to_milliseconds() -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    assert (
        records.timestamp(datetime(2026, 1, 31, 15, 15, 0, 999, tzinfo=east))
        == "2026-01-31T09:30:00.000Z"
    )
    assert (
        records.timestamp(datetime(2026, 1, 31, 9, 30, 0, 123999, tzinfo=UTC))
        == "2026-01-31T09:30:00.123Z"
    )


aware = st.datetimes(timezones=st.just(UTC))


@given(aware, aware)
def test_timestamps_order_as_their_moments_do(one: datetime, other: datetime) -> None:
    texts = records.timestamp(one), records.timestamp(other)
    assert len(texts[0]) == len(texts[1]) == 24
    assert (texts[0] < texts[1]) <= (one < other)
    assert (texts[0] == texts[1]) >= (one == other)


def test_a_tag_is_strong_and_names_version_and_write() -> None:
    record = {"version": 3, "writeToken": "secret"}
    tags = {
        records.tag(each)
        for each in (record, record | {"version": 4}, record | {"writeToken": "x"}, {})
    }
    assert len(tags) == 4
    assert all(re.fullmatch(r'"\d+-[0-9a-f]{12}"', tag) for tag in tags)
    assert records.tag(record) == records.tag({"version": Decimal(3), "writeToken": "secret"})
    assert not any("secret" in tag for tag in tags)


# What callers see.


def test_callers_see_the_public_fields_in_their_order_and_no_others(table: store.Table) -> None:
    record, _ = create(table, key="k", days=1)
    (item,) = items(table)
    assert set(item) - set(fields.PUBLIC_FIELDS) == {
        "feed",
        "position",
        "writeToken",
        "requestHash",
        "expiresAt",
    }
    order = ["recordID", "createdAt", "updatedAt", "submittedBy", *fields.CLIENT_FIELDS, "version"]
    assert list(records.public(item)) == list(records.public(record)) == order


def test_what_other_writers_left_out_has_a_default() -> None:
    seen = records.public({"createdAt": "2026-01-31T09:30:00.123Z", "recordID": "x", "unknown": 1})
    moment = "2026-01-31T09:30:00.123Z"
    assert seen == {
        "recordID": "x",
        "createdAt": moment,
        "updatedAt": moment,
        "attributes": {},
        "version": 1,
    }


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
def test_merge_patch_does_what_the_examples_of_rfc_7396_say(
    target: str, patch: str, result: str
) -> None:
    before = jsontext.parse(target)
    assert records.merge_patch(before, jsontext.parse(patch)) == jsontext.parse(result)
    assert before == jsontext.parse(target)


# Create.


def test_a_new_record_is_what_was_sent_and_what_the_server_adds(table: store.Table) -> None:
    record, is_replay = create(table)
    moment = "2026-01-31T09:30:00.123Z"
    assert not is_replay
    assert records.public(record) == BODY | {
        "recordID": record["recordID"],
        "createdAt": moment,
        "updatedAt": moment,
        "submittedBy": ALICE.identity,
        "version": 1,
    }
    assert records.public(records.get(table, record["recordID"], NOW)) == records.public(record)


def test_attributes_default_to_none_at_all(table: store.Table) -> None:
    record, _ = create(table, {"type": "t", "status": "s"})
    assert record["attributes"] == {}
    assert "message" not in record


def test_only_under_open_authentication_a_client_says_who_submitted(table: store.Table) -> None:
    body = BODY | {"submittedBy": "somebody"}
    assert create(table, body, open_auth=True)[0]["submittedBy"] == "somebody"
    assert create(table, open_auth=True)[0]["submittedBy"] == ALICE.identity
    with pytest.raises(fields.Invalid, match="is set by the server"):
        create(table, body)


@pytest.mark.parametrize(
    "name", ["recordID", "createdAt", "updatedAt", "version", "expiresAt", "writeToken", "feed"]
)
def test_no_client_sets_what_the_server_sets(table: store.Table, name: str) -> None:
    with pytest.raises(fields.Invalid):
        create(table, BODY | {name: "x"}, open_auth=True)
    assert items(table) == []


def filled(size: int, record: store.Record) -> dict[str, Any]:
    """Return attributes with which `record` takes `size` bytes as the API returns it."""
    empty = records.public(record | {"attributes": {"fill": ""}})
    room = size - len(jsontext.to_json(empty).encode())
    return {"fill": "ä" * (room // 2) + "a" * (room % 2)}


def test_a_record_takes_64_kib_as_it_is_returned_and_not_a_byte_more(table: store.Table) -> None:
    sample, _ = create(table)
    size = records.MAX_RECORD_BYTES
    record, _ = create(table, BODY | {"attributes": filled(size, sample)})
    assert len(jsontext.to_json(records.public(record)).encode()) == size == 65536
    before = items(table)
    with pytest.raises(records.TooLarge):
        create(table, BODY | {"attributes": filled(size + 1, sample)})
    with pytest.raises(records.TooLarge):
        update(table, record["recordID"], {"message": "mm"})
    assert items(table) == before


def test_retention_dates_the_expiry_and_an_update_keeps_it(table: store.Table) -> None:
    record, _ = create(table, days=30)
    (item,) = items(table)
    assert item["expiresAt"] == int((NOW + 30 * DAY).timestamp())
    update(table, record["recordID"], {"status": "done"})
    assert items(table)[0]["expiresAt"] == item["expiresAt"]
    create(table, days=0)
    assert sorted("expiresAt" in each for each in items(table)) == [False, True]


def test_an_expired_record_is_gone_for_everyone(table: store.Table) -> None:
    record, _ = create(table, now=NOW - DAY, days=1)
    record_id = record["recordID"]
    moment = NOW.replace(microsecond=0)
    assert records.get(table, record_id, moment - timedelta(milliseconds=1))
    for attempt in (
        lambda: records.get(table, record_id, moment),
        lambda: update(table, record_id, {"status": "done"}),
        lambda: delete(table, record_id),
    ):
        with pytest.raises(records.NotFound):
            attempt()
    assert page(table, store.Query({}), now=int(NOW.timestamp()))[0] == []


# Create with an idempotency key.


def nothing(_table: store.Table, _record_id: str) -> None:
    pass


def updated(table: store.Table, record_id: str) -> None:
    update(table, record_id, {"status": "done"})


def deleted(table: store.Table, record_id: str) -> None:
    delete(table, record_id)


def twice_updated(table: store.Table, record_id: str) -> None:
    updated(table, record_id)
    updated(table, record_id)


@pytest.mark.parametrize(("meanwhile", "status"), [(nothing, "running"), (updated, "done")])
def test_a_replay_answers_with_the_record_as_it_is_now(
    table: store.Table, meanwhile: Callable[[store.Table, str], None], status: str
) -> None:
    first, _ = create(table, key="k")
    meanwhile(table, first["recordID"])
    again, is_replay = create(table, key="k", now=NOW + DAY)
    assert is_replay
    assert (again["recordID"], again["createdAt"], again["status"]) == (
        first["recordID"],
        first["createdAt"],
        status,
    )
    assert len(items(table)) == 1


def test_a_late_retry_does_not_resurrect_what_was_deleted(table: store.Table) -> None:
    first, _ = create(table, key="k")
    delete(table, first["recordID"])
    with pytest.raises(records.Deleted):
        create(table, key="k", now=NOW + DAY - timedelta(seconds=1))
    with pytest.raises(records.KeyReused):
        create(table, BODY | {"status": "other"}, key="k")
    with pytest.raises(records.NotFound):
        records.get(table, first["recordID"], NOW)


def test_a_key_is_free_again_a_day_after_the_delete_and_old_tags_do_not_match(
    table: store.Table,
) -> None:
    first, _ = create(table, key="k")
    delete(table, first["recordID"])
    again, is_replay = create(table, key="k", now=NOW + DAY)
    assert not is_replay
    assert again["recordID"] == first["recordID"]
    assert records.tag(again) != records.tag(first)
    with pytest.raises(records.PreconditionFailed):
        update(table, again["recordID"], {"status": "done"}, if_match=records.tag(first))


def test_a_key_is_free_again_when_its_record_expired(table: store.Table) -> None:
    create(table, key="k", days=1)
    assert create(table, key="k", days=1, now=NOW + DAY - timedelta(seconds=1))[1]
    again, is_replay = create(table, BODY | {"status": "other"}, key="k", days=1, now=NOW + DAY)
    assert not is_replay
    assert [each["status"] for each in items(table)] == ["other"] == [again["status"]]


@pytest.mark.parametrize(
    "other",
    [
        BODY | {"status": "other"},
        {name: value for name, value in BODY.items() if name != "message"},
        BODY | {"attributes": {"a": "1"}},
        BODY | {"attributes": {"a": Decimal("1.0000000000000000000000000000000000001")}},
    ],
)
def test_another_body_under_the_same_key_is_refused(
    table: store.Table, other: dict[str, Any]
) -> None:
    create(table, key="k")
    before = items(table)
    with pytest.raises(records.KeyReused):
        create(table, other, key="k")
    assert items(table) == before


def test_order_of_keys_and_spelling_of_numbers_do_not_matter(table: store.Table) -> None:
    one = '{"type":"t","status":"s","attributes":{"a":1,"b":[10.0,"\\u00e4"],"c":{"x":0,"y":1e-7}}}'
    same = '{ "attributes": {"c":{"y":0.00000010,"x":-0.0},"b":[1E1,"ä"],"a":1.0}, "status":"s", "type":"\\u0074" }'
    first, _ = create(table, jsontext.parse(one), key="k")
    again, is_replay = create(table, jsontext.parse(same), key="k")
    assert is_replay
    assert again["recordID"] == first["recordID"]


def test_a_key_belongs_to_its_caller_and_outlives_the_session(table: store.Table) -> None:
    first, _ = create(table, key="k")
    assert create(table, caller=BOB, key="k")[1] is False
    replayed, is_replay = create(table, caller=ALICE_LATER, key="k")
    assert is_replay
    assert replayed["submittedBy"] == ALICE.identity
    assert len(items(table)) == 2
    assert first["recordID"] == replayed["recordID"]


def test_without_a_key_every_create_is_another_record(table: store.Table) -> None:
    assert len({create(table)[0]["recordID"] for _ in range(3)}) == len(items(table)) == 3


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("key", ["k", None])
def test_a_create_sent_twice_happened_once_and_is_no_replay(
    table: store.Table, key: str | None, *, arrives: bool
) -> None:
    record, is_replay = create(
        through(table, unanswered(table.client.call, "PutItem", arrives=arrives)), key=key
    )
    assert not is_replay
    assert [each["recordID"] for each in items(table)] == [record["recordID"]]
    assert record["version"] == 1


@pytest.mark.parametrize("key", ["k", None])
def test_a_create_whose_record_others_changed_at_once_answers_with_what_it_is_now(
    table: store.Table, key: str | None
) -> None:
    def act() -> None:
        updated(table, items(table)[0]["recordID"])

    record, _ = create(
        through(table, unanswered(table.client.call, "PutItem", arrives=True, meanwhile=act)),
        key=key,
    )
    assert (record["version"], record["status"]) == (2, "done")
    assert len(items(table)) == 1


@pytest.mark.parametrize("arrives", [True, False])
def test_a_create_that_never_got_an_answer_claims_nothing(
    table: store.Table, *, arrives: bool
) -> None:
    call = unanswered(table.client.call, "PutItem", arrives=arrives, again=False)
    with pytest.raises(store.OutcomeUnknown):
        create(through(table, call), key="k")
    # The same key finds out, and still makes one record.
    assert create(table, key="k")[1] is arrives
    assert len(items(table)) == 1


# Update.


def test_an_update_changes_what_it_names_and_counts(table: store.Table) -> None:
    record, _ = create(table)
    later = NOW + timedelta(seconds=5)
    patch = {"status": "done", "message": None, "attributes": {"a": None, "b": {"c": [None]}}}
    changed = records.update(table, record["recordID"], patch, None, later)
    expected = {name: value for name, value in records.public(record).items() if name != "message"}
    expected |= {"status": "done", "attributes": {"b": {"c": [None]}}, "version": 2}
    assert records.public(changed) == expected | {"updatedAt": "2026-01-31T09:30:05.123Z"}
    assert records.public(records.get(table, record["recordID"], NOW)) == records.public(changed)
    assert records.tag(changed) != records.tag(record)


def test_attributes_set_to_null_are_none_at_all(table: store.Table) -> None:
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
def test_a_patch_that_is_wrong_changes_nothing(table: store.Table, patch: Any) -> None:  # noqa: ANN401 (any JSON value)
    record, _ = create(table)
    before = items(table)
    with pytest.raises(fields.Invalid):
        update(table, record["recordID"], patch)
    assert items(table) == before


def test_a_record_of_another_writer_can_be_updated_and_deleted(table: store.Table) -> None:
    foreign = {
        "recordID": "foreign",
        "createdAt": "2020-01-01T00:00:00Z",
        "type": "audit",
        "status": "s",
    }
    table.client.call("PutItem", {"TableName": table.name, "Item": store._item(foreign)}, 0.0)
    changed = update(table, "foreign", {"status": "done"}, records.tag(foreign))
    assert (changed["version"], changed["status"]) == (2, "done")
    delete(table, "foreign", records.tag(changed))
    assert items(table) == []


@pytest.mark.parametrize(
    "record_id", ["absent", "", "-self-test", "a/b", "a b", "ä", "x" * 129, "a\n"]
)
def test_what_is_not_there_is_not_found(table: store.Table, record_id: str) -> None:
    for attempt in (
        lambda: records.get(table, record_id, NOW),
        lambda: update(table, record_id, {"status": "done"}),
        lambda: delete(table, record_id),
    ):
        with pytest.raises(records.NotFound):
            attempt()


def test_what_can_be_no_id_is_not_even_asked_for() -> None:
    call, asked = scripted({})
    with pytest.raises(records.NotFound):
        records.get(table_of(call), "../other", NOW)
    assert asked == []


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_another_state_than_the_named_one_is_refused_with_the_current_tag(
    table: store.Table, write: Write
) -> None:
    first, _ = create(table, key="k")
    second = update(table, ID, {"status": "done"})
    before = items(table)
    with pytest.raises(records.PreconditionFailed) as caught:
        write(table, records.tag(first))
    assert caught.value.tag == records.tag(second)
    assert items(table) == before
    write(table, records.tag(second))
    assert items(table) != before


# Races: another hand acts between what was read and what is written.


def meanwhile_updated(table: store.Table) -> Callable[[], object]:
    return lambda: update(table, ID, {"attributes": {"theirs": True}})


def test_an_update_that_lost_a_race_is_run_again(table: store.Table) -> None:
    create(table, key="k")
    call = before_each(table.client.call, "PutItem", meanwhile_updated(table), times=3)
    changed = update(through(table, call), ID, {"attributes": {"ours": True}})
    assert changed["attributes"] == {"a": 1, "theirs": True, "ours": True}
    assert changed["version"] == 5


def test_a_race_that_is_lost_for_ever_ends_with_the_deadline(table: store.Table) -> None:
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
            through(table, before_each(table.client.call, "PutItem", theirs, times=99)),
            ID,
            {"status": "ours"},
        )
    assert items(table)[0]["status"] == "running"


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_a_race_is_not_run_again_over_a_named_state(table: store.Table, write: Write) -> None:
    first, _ = create(table, key="k")
    call = before_each(table.client.call, "PutItem", meanwhile_updated(table))
    with pytest.raises(records.PreconditionFailed) as caught:
        write(through(table, call), records.tag(first))
    (item,) = items(table)
    assert item["attributes"] == {"a": 1, "theirs": True}
    assert caught.value.tag == records.tag(item)


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_what_others_deleted_first_is_not_found(table: store.Table, write: Write) -> None:
    create(table, key="k")
    with pytest.raises(records.NotFound):
        write(through(table, before_each(table.client.call, "PutItem", lambda: delete(table, ID))))


def test_a_delete_that_lost_a_race_deletes_what_is_there_then(table: store.Table) -> None:
    record, _ = create(table)
    call = before_each(
        table.client.call, "DeleteItem", lambda: updated(table, record["recordID"]), times=2
    )
    delete(through(table, call), record["recordID"])
    assert items(table) == []


# Lost answers: the first attempt at the write arrived or not, others acted or not, and it was sent again.


class Lost(NamedTuple):
    """A first attempt that got no answer: it arrived or not, others acted or not, and what the caller must hear."""

    arrives: bool
    meanwhile: Callable[[store.Table, str], None]
    outcome: Any = None
    if_match: bool = False
    key: str | None = None


def recreated(table: store.Table, record_id: str) -> None:
    delete(table, record_id)
    create(table, key="k", now=NOW + DAY)


def recreated_and_updated(table: store.Table, record_id: str) -> None:
    recreated(table, record_id)
    updated(table, record_id)


def keyed_or_not(*cases: Lost) -> list[Lost]:
    return [each._replace(key=key) for each in cases for key in ("k", None)]


OURS = {"version": 2, "status": "running"}
OURS_AFTER_THEIRS = {"version": 3, "status": "done"}


@pytest.mark.parametrize(
    "lost",
    [
        *keyed_or_not(
            Lost(arrives=True, meanwhile=nothing, outcome=OURS),
            Lost(arrives=True, meanwhile=nothing, outcome=OURS, if_match=True),
            Lost(arrives=False, meanwhile=nothing, outcome=OURS),
            Lost(arrives=False, meanwhile=nothing, outcome=OURS, if_match=True),
            # Another hand made the version that ours would have made: ours did not happen.
            Lost(arrives=False, meanwhile=updated, outcome=OURS_AFTER_THEIRS),
            Lost(
                arrives=False, meanwhile=updated, outcome=records.PreconditionFailed, if_match=True
            ),
            # Two versions on, or gone: one of them may have been ours.
            Lost(arrives=True, meanwhile=updated, outcome=store.OutcomeUnknown),
            Lost(arrives=True, meanwhile=updated, outcome=store.OutcomeUnknown, if_match=True),
            Lost(arrives=False, meanwhile=twice_updated, outcome=store.OutcomeUnknown),
            Lost(arrives=True, meanwhile=deleted, outcome=store.OutcomeUnknown),
            Lost(arrives=False, meanwhile=deleted, outcome=store.OutcomeUnknown),
        ),
        # Only an id that a key gave ever comes back.
        Lost(arrives=True, meanwhile=recreated, outcome=store.OutcomeUnknown, key="k"),
        Lost(
            arrives=False, meanwhile=recreated, outcome=store.OutcomeUnknown, key="k", if_match=True
        ),
        Lost(arrives=True, meanwhile=recreated_and_updated, outcome=store.OutcomeUnknown, key="k"),
    ],
)
def test_an_update_whose_answer_was_lost_is_judged_by_what_stands_there(
    table: store.Table, lost: Lost
) -> None:
    first, _ = create(table, key=lost.key)
    record_id = first["recordID"]
    call = unanswered(
        table.client.call,
        "PutItem",
        arrives=lost.arrives,
        meanwhile=lambda: lost.meanwhile(table, record_id),
    )
    patch, tag = {"attributes": {"ours": True}}, records.tag(first) if lost.if_match else None
    if not isinstance(lost.outcome, dict):
        with pytest.raises(lost.outcome):
            update(through(table, call), record_id, patch, tag)
        return
    changed = update(through(table, call), record_id, patch, tag)
    assert {name: changed[name] for name in lost.outcome} == lost.outcome
    assert changed["attributes"] == {"a": 1, "ours": True}
    assert records.public(records.get(table, record_id, NOW)) == records.public(changed)


@pytest.mark.parametrize(
    "lost",
    keyed_or_not(
        Lost(arrives=True, meanwhile=nothing),
        Lost(arrives=True, meanwhile=nothing, if_match=True),
        Lost(arrives=False, meanwhile=nothing),
        Lost(arrives=False, meanwhile=deleted),
        Lost(arrives=False, meanwhile=deleted, if_match=True),
        Lost(arrives=False, meanwhile=updated),
        Lost(arrives=False, meanwhile=updated, outcome=records.PreconditionFailed, if_match=True),
        Lost(arrives=False, meanwhile=twice_updated, outcome=store.OutcomeUnknown),
        Lost(arrives=False, meanwhile=twice_updated, outcome=store.OutcomeUnknown, if_match=True),
    ),
)
def test_a_delete_whose_answer_was_lost_is_judged_by_what_stands_there(
    table: store.Table, lost: Lost
) -> None:
    first, _ = create(table, key=lost.key)
    record_id = first["recordID"]
    call = unanswered(
        table.client.call,
        "PutItem" if lost.key else "DeleteItem",
        arrives=lost.arrives,
        meanwhile=lambda: lost.meanwhile(table, record_id),
    )
    tag = records.tag(first) if lost.if_match else None
    if lost.outcome:
        with pytest.raises(lost.outcome):
            delete(through(table, call), record_id, tag)
        assert records.get(table, record_id, NOW)["status"] == "done"
        return
    delete(through(table, call), record_id, tag)
    with pytest.raises(records.NotFound):
        records.get(table, record_id, NOW)


@pytest.mark.parametrize("write", UPDATE_AND_DELETE)
def test_a_write_that_never_got_an_answer_claims_nothing(table: store.Table, write: Write) -> None:
    create(table, key="k")
    with pytest.raises(store.OutcomeUnknown):
        write(through(table, unanswered(table.client.call, "PutItem", arrives=True, again=False)))


# Delete.


def test_a_record_without_a_key_leaves_nothing(table: store.Table) -> None:
    record, _ = create(table)
    delete(table, record["recordID"])
    assert items(table) == []


def test_a_tombstone_is_outside_every_index_and_expires_in_a_day(table: store.Table) -> None:
    create(table, key="k", days=3650)
    assert len(listed(table)) == 4
    delete(table, ID)
    (tombstone,) = items(table)
    assert set(tombstone) == {"recordID", "requestHash", "deletedAt", "writeToken", "expiresAt"}
    assert tombstone["expiresAt"] == int((NOW + DAY).timestamp())
    assert listed(table) == []


def test_what_is_deleted_can_be_neither_deleted_nor_changed_again(table: store.Table) -> None:
    create(table, key="k")
    delete(table, ID)
    before = items(table)
    with pytest.raises(records.NotFound):
        delete(table, ID)
    with pytest.raises(records.NotFound):
        update(table, ID, {"status": "done"})
    assert items(table) == before
