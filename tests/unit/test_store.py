"""Which index serves which question, paging, conditional writes: on DynamoDB's rules, and call by call.

What takes only the fixture `table` runs on an emulator too: tests/e2e/test_store.py.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from records_api import dynamodb, records, store
from records_api.cursor import ItemKey
from unit.support import FILTERS, NOW, items, page, scripted, table_of, walk

Write = Callable[[store.Table, store.Record], None]

DAY = "2026-01-31T09:30:00"


def record(number: int = 1, **more: Any) -> store.Record:  # noqa: ANN401 (any JSON value)
    return {
        "recordID": f"record-{number}",
        "createdAt": f"{DAY}.{number:03d}Z",
        "submittedBy": "alice",
        "type": "backup",
        "status": "ok",
        "version": 1,
        "writeToken": f"token-{number}",
        **more,
    }


def stored(table: store.Table, *written: store.Record) -> list[store.Record]:
    for each in written:
        store.insert(table, each, 0)
    return list(written)


def ids(records: list[store.Record]) -> list[str]:
    return [each["recordID"] for each in records]


def rewrite(table: store.Table, old: store.Record) -> None:
    store.replace(table, old, {**old, "message": "rewritten"})


WRITES = [rewrite, store.remove]


def test_a_record_is_read_back_as_it_was_written(table: store.Table) -> None:
    attributes = {
        "n": Decimal(12345678901234567890123456789012345678),
        "small": Decimal("-1E-130"),
        "large": Decimal("9.9999999999999999999999999999999999999E+125"),
        "all": [None, True, False, "", "ä\u0000\U0001f600", {}, [], {"a": [Decimal("0.1")]}],
    }
    (written,) = stored(table, record(attributes=attributes, message="m"))
    added = {"feed": "records", "position": f"{DAY}.001Z#record-1"}
    assert store.get(table, "record-1") == written | added
    assert store.get(table, "record-2") is None


def test_an_id_that_is_held_is_not_written_again(table: store.Table) -> None:
    stored(table, record(message="first", expiresAt=1000))
    with pytest.raises(store.Conflict) as caught:
        store.insert(table, record(message="second"), 999)
    assert caught.value.current == store.get(table, "record-1")
    assert (store.get(table, "record-1") or {})["message"] == "first"


def test_an_item_that_expired_counts_as_absent(table: store.Table) -> None:
    stored(table, record(message="first", expiresAt=1000))
    store.insert(table, record(message="second"), 1000)
    assert (store.get(table, "record-1") or {})["message"] == "second"


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
def test_a_write_holds_only_while_what_was_read_still_stands(
    table: store.Table,
    write: Write,
    changed: dict[str, Any],
) -> None:
    stored(table, record())
    old = store.get(table, "record-1") or {}
    other = {name: value for name, value in (old | changed).items() if value is not None}
    store.replace(table, old, other)
    with pytest.raises(store.Conflict) as caught:
        write(table, old)
    assert caught.value.current == store.get(table, "record-1") == other
    assert not caught.value.ambiguous
    write(table, other)
    assert store.get(table, "record-1") != other


@pytest.mark.parametrize("write", WRITES)
def test_a_write_to_what_is_gone_brings_nothing_back(
    table: store.Table,
    write: Write,
) -> None:
    stored(table, record())
    old = store.get(table, "record-1") or {}
    store.remove(table, old)
    with pytest.raises(store.Conflict) as caught:
        write(table, old)
    assert caught.value.current is None
    assert items(table) == []


def test_a_record_of_another_writer_without_version_is_replaced_once(table: store.Table) -> None:
    foreign = {"recordID": "foreign", "createdAt": f"{DAY}Z", "type": "audit"}
    table.client.call(
        "PutItem", {"TableName": table.name, "Item": store._item(foreign)}, table.deadline
    )
    store.replace(table, foreign, foreign | {"version": 2, "writeToken": "t"})
    with pytest.raises(store.Conflict):
        store.replace(table, foreign, foreign | {"version": 2, "writeToken": "u"})


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize(
    "filters", [{}, {"type": "backup"}, {"status": "ok"}, {"submittedBy": "alice"}], ids="".join
)
def test_each_index_pages_through_every_record_once_and_in_order(
    table: store.Table, filters: dict[str, str], limit: int, *, descending: bool
) -> None:
    wanted = stored(table, *(record(number) for number in (3, 1, 7, 5, 2, 6, 4)))
    if filters:
        stored(table, record(8, **{name: f"not {value}" for name, value in filters.items()}))
    else:
        wanted += stored(table, record(8))
    pages = list(walk(table, store.Query(filters, descending), limit))
    assert {len(each) for each in pages[:-1]} <= {limit}
    found = ids([each for found in pages for each in found])
    assert found == sorted(ids(wanted), reverse=descending)


def test_records_of_one_millisecond_are_paged_by_their_ids(table: store.Table) -> None:
    stored(table, *(record(number, createdAt=f"{DAY}.000Z") for number in range(9)))
    pages = list(walk(table, store.Query({}, descending=False), 2))
    assert ids([each for found in pages for each in found]) == [
        f"record-{number}" for number in range(9)
    ]


def test_bounds_are_part_of_the_question(table: store.Table) -> None:
    stored(table, *(record(number) for number in range(1, 6)))
    query = store.Query({}, descending=False, lower=f"{DAY}.001Z$", upper=f"{DAY}.004Z")
    assert [ids(found) for found in walk(table, query, 1)] == [["record-2"], ["record-3"]]
    empty = query._replace(lower=f"{DAY}.003Z$", upper=f"{DAY}.003Z$")
    assert page(table, empty) == ([], None)


def test_several_filters_all_hold(table: store.Table) -> None:
    stored(
        table, *(record(number, status="ok" if number % 3 else "failed") for number in range(1, 10))
    )
    stored(
        table,
        record(10, type="audit", status="failed"),
        record(11, submittedBy="bob", status="failed"),
    )
    query = store.Query({"type": "backup", "status": "failed", "submittedBy": "alice"})
    assert [ids(found) for found in walk(table, query, 2)] == [
        ["record-9", "record-6"],
        ["record-3"],
    ]


def test_a_changed_attribute_moves_the_record_between_indexes(table: store.Table) -> None:
    stored(table, record())
    old = store.get(table, "record-1") or {}
    store.replace(table, old, old | {"type": "audit", "status": "failed", "version": 2})
    queries = [
        {"type": "backup"},
        {"status": "ok"},
        {"type": "audit"},
        {"status": "failed"},
        {"submittedBy": "alice"},
    ]
    found = [len(page(table, store.Query(filters))[0]) for filters in queries]
    assert found == [0, 0, 1, 1, 1]


def test_what_expired_is_not_listed(table: store.Table) -> None:
    stored(table, record(1, expiresAt=1000), record(2, expiresAt=1001), record(3))
    found, after = page(table, store.Query({}, descending=False), now=1000)
    assert (ids(found), after) == (["record-2", "record-3"], None)


@pytest.mark.parametrize("operation", ["list", "get", "create", "update", "delete"])
def test_a_probe_writes_nothing_and_fits_the_real_table(table: store.Table, operation: str) -> None:
    store.probe(table, operation)
    stored(table, record(recordID=store.ABSENT_ID))
    before = items(table)
    store.probe(table, operation)
    assert items(table) == before


# Items of other writers, which fill in the keys of the indexes themselves.


def put(table: store.Table, *written: store.Record) -> None:
    for item in written:
        request = {"TableName": table.name, "Item": store._item(item)}
        table.client.call("PutItem", request, table.deadline)


def foreign(record_id: str, position: str = f"{DAY}.002Z#record-2", **more: Any) -> store.Record:  # noqa: ANN401
    keys = {"recordID": record_id, "feed": "records", "position": position}
    content = {"createdAt": f"{DAY}.009Z", "type": "backup", "status": "ok", "submittedBy": "alice"}
    return {**content, **keys, **more}


IRREGULAR = [
    *(foreign(f"copy-{number}") for number in range(5)),
    foreign("empty-end", f"{DAY}.002Z#"),
    foreign("no-id", f"{DAY}.002Z"),
    foreign("seconds", f"{DAY}Z#seconds"),
    foreign("text", "yesterday \u00e4"),
    foreign("longest", "9" * 255),
    foreign("expires-at-text", f"{DAY}.003Z#expires-at-text", expiresAt="1000"),
    foreign("expires-at-null", f"{DAY}.003Z#expires-at-null", expiresAt=None),
    foreign("version-text", version='a"\r\n'),
    foreign("version-fraction", version=Decimal("1.5")),
    foreign("version-huge", version=Decimal("1E+100")),
    foreign("version-set", version={Decimal(1), Decimal(2)}),
]


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 99])
@pytest.mark.parametrize("filters", [{}, {"type": "backup"}, {"type": "backup", "status": "ok"}])
def test_items_of_other_writers_are_listed_once_and_never_stop_a_listing(
    table: store.Table, filters: dict[str, str], limit: int, *, descending: bool
) -> None:
    stored(table, record(1), record(2), record(3))
    put(table, *IRREGULAR)
    pages = list(walk(table, store.Query(filters, descending), limit, 1000, most_pages=30))
    listed = [each for found in pages for each in found]
    assert sorted(ids(listed)) == sorted(["record-1", "record-2", "record-3", *ids(IRREGULAR)])
    positions = [each["position"] for each in listed]
    assert positions == sorted(positions, reverse=descending)


@pytest.mark.parametrize("item", IRREGULAR, ids=lambda item: item["recordID"])
def test_an_item_of_another_writer_can_be_read_updated_and_deleted(
    table: store.Table, item: store.Record
) -> None:
    put(table, item)
    found = records.get(table, item["recordID"], NOW)
    assert records.public(found)["version"] == 1
    assert re.fullmatch('"1-[0-9a-f]{12}"', records.tag(found))
    updated = records.update(table, item["recordID"], {"status": "done"}, None, NOW)
    assert (updated["version"], updated["status"]) == (2, "done")
    records.delete(table, item["recordID"], None, NOW)
    assert items(table) == []


def test_what_no_caller_could_read_is_not_listed_and_does_not_stop_a_listing(
    table: store.Table,
) -> None:
    stored(table, record(1), record(4))
    put(
        table,
        foreign("a/b"),
        foreign("x" * 129),
        foreign("z" * 1000),
        foreign("long-position", f"{DAY}.002Z{'#' * 400}"),
        foreign("deleted", deletedAt="2026-01-31"),
        foreign("expired", expiresAt=1000),
        foreign("below-every-bound", "!"),
        foreign("above-every-bound", "~~"),
    )
    for descending in (True, False):
        query = store.Query({}, descending)
        pages = list(walk(table, query, 1, 1000, most_pages=9))
        assert sorted(ids([each for found in pages for each in found])) == ["record-1", "record-4"]


# What takes `table` ends here: from here on, call by call.

PAGE: dict[str, Any] = {"Items": [], "ConsumedCapacity": {"CapacityUnits": 0.5}}


def last_key(number: int) -> dict[str, Any]:
    return {"LastEvaluatedKey": key_of(number)}


def key_of(number: int) -> dict[str, Any]:
    return store._item(
        {"position": f"{DAY}.{number:03d}Z#record-{number}", "recordID": f"record-{number}"}
    )


def listed_item(number: int, **more: object) -> dict[str, Any]:
    position = f"{DAY}.{number:03d}Z#record-{number}"
    return store._item(record(number, position=position) | more)


def place_of(number: int) -> ItemKey:
    return ItemKey(f"{DAY}.{number:03d}Z#record-{number}", f"record-{number}")


@pytest.mark.parametrize(
    ("filters", "available", "index", "applied_after"),
    [
        ("", FILTERS, "byCreated", ""),
        ("type", FILTERS, "byType", ""),
        ("status", FILTERS, "byStatus", ""),
        ("submittedBy", FILTERS, "bySubmittedBy", ""),
        ("type status", FILTERS, "byType", "status"),
        ("status submittedBy", FILTERS, "bySubmittedBy", "status"),
        ("type submittedBy", FILTERS, "bySubmittedBy", "type"),
        ("type status submittedBy", FILTERS, "bySubmittedBy", "type status"),
        ("type status submittedBy", {"status", "type"}, "byType", "status submittedBy"),
        ("type status submittedBy", {"status"}, "byStatus", "submittedBy type"),
        ("type status submittedBy", set(), "byCreated", "status submittedBy type"),
    ],
)
def test_a_question_picks_its_index_in_a_fixed_order(
    filters: str, available: set[str], index: str, applied_after: str
) -> None:
    call, asked = scripted(PAGE)
    query = store.Query({name: f"the {name}" for name in filters.split()})
    after = ItemKey(f"{DAY}.001Z#an id", "another id")
    page(table_of(call, filter_indexes=frozenset(available)), query, 10, after, 77)
    ((operation, request),) = asked
    key = next(name for name, other in store.INDEXES.items() if other == index)
    value = {"S": "records" if key == "feed" else f"the {key}"}
    assert (operation, request["IndexName"]) == ("Query", index)
    assert (
        request["KeyConditionExpression"]
        == f"#{key} = :{key} AND #position BETWEEN :lower AND :upper"
    )
    # DynamoDB refuses filter expressions that name a key, and every name goes through a placeholder.
    filtered = set(re.findall(r"#(\w+) = ", request["FilterExpression"]))
    assert filtered == set(applied_after.split())
    assert set(request["ExpressionAttributeNames"]) == {
        f"#{name}" for name in (key, "position", "deletedAt", "expiresAt", *filtered)
    }
    assert request["ExpressionAttributeValues"] == {
        f":{key}": value,
        ":lower": {"S": "0"},
        ":upper": {"S": "~"},
        ":now": {"N": "77"},
        ":numeric": {"S": "N"},
        **{f":{name}": {"S": f"the {name}"} for name in filtered},
    }
    # The partition is that of the query; only the place within it comes from a cursor.
    assert request["ExclusiveStartKey"] == {
        key: value,
        "position": {"S": after.position},
        "recordID": {"S": "another id"},
    }


@pytest.mark.parametrize(
    ("filters", "limit", "read"),
    [("type", 10, 11), ("type", 1000, 1001), ("type status", 10, 250), ("type status", 1000, 1001)],
)
def test_one_record_more_than_is_asked_for_tells_whether_there_is_more(
    filters: str, limit: int, read: int
) -> None:
    call, asked = scripted(PAGE)
    page(table_of(call), store.Query(dict.fromkeys(filters.split(), "x")), limit)
    assert [request["Limit"] for _, request in asked] == [read]


def test_a_page_reads_no_more_than_its_budget_and_says_where_to_go_on() -> None:
    call, asked = scripted(*({**PAGE, **last_key(number)} for number in range(1, 100)))
    table = table_of(call)
    assert page(table, store.Query({"type": "rare"})) == ([], place_of(8))
    assert len(asked) == store.READ_BUDGET_PAGES == 8
    starts = [
        request.get("ExclusiveStartKey", {}).get("recordID", {}).get("S") for _, request in asked
    ]
    assert starts == [None, *(f"record-{number}" for number in range(1, 8))]
    assert table.consumed_read_units == 8 * 0.5


def test_a_page_that_is_full_before_its_budget_stops_reading() -> None:
    held = [listed_item(number, position=f"held {number}") for number in (1, 2)]
    call, asked = scripted(*({**PAGE, "Items": held, **last_key(number)} for number in range(1, 9)))
    found, after = page(table_of(call), store.Query({"type": "backup"}), 3)
    # The start of the next page is what the index holds, whatever createdAt says.
    assert (len(found), after, len(asked)) == (3, ItemKey("held 1", "record-1"), 2)


def test_an_exact_last_page_has_nothing_to_go_on_after() -> None:
    call, _ = scripted({**PAGE, "Items": [listed_item(1)]})
    assert page(table_of(call), store.Query({}), 1)[1] is None


def test_a_page_that_is_full_reads_and_decodes_no_further() -> None:
    beyond = {"recordID": {"S": "record-3"}, "position": {"S": "3"}, "type": {"what": "is this?"}}
    call, asked = scripted(
        {**PAGE, "Items": [listed_item(1), listed_item(2), beyond], **last_key(3)}
    )
    after = store.read_page(table_of(call), store.Query({}), 2, None, 0, lambda _: True)
    assert (after, len(asked)) == (place_of(2), 1)
    room = iter([True, False])
    call, asked = scripted({**PAGE, "Items": [listed_item(1), listed_item(2)], **last_key(3)})
    after = store.read_page(table_of(call), store.Query({}), 99, None, 0, lambda _: next(room))
    assert (after, len(asked)) == (place_of(1), 1)


def test_a_page_does_not_end_at_a_place_that_no_cursor_holds() -> None:
    far = {"LastEvaluatedKey": store._item({"position": "9" * 400, "recordID": "far"})}
    call, asked = scripted(*[{**PAGE, **far}] * 20, {**PAGE, **last_key(1)})
    found, after = page(table_of(call), store.Query({}))
    assert (found, after, len(asked)) == ([], place_of(1), 21 + store.READ_BUDGET_PAGES - 1)
    assert asked[1][1]["ExclusiveStartKey"] == far["LastEvaluatedKey"]


SLOW = dynamodb.Unavailable("ThrottlingException", "slow")


@pytest.mark.parametrize(
    ("answers", "found", "reached"),
    [
        ([{"Items": [listed_item(1)], **last_key(2)}, SLOW], ["record-1"], 2),
        ([{"Items": [], **last_key(2)}, SLOW], [], 2),
        ([{"Items": [], **last_key(2)}, {"Items": [listed_item(3)], **last_key(4)}, SLOW],
         ["record-3"], 4),
    ],
    ids=["found one", "got on", "both"],
)  # fmt: skip
def test_a_page_that_runs_out_of_time_answers_with_what_it_has(
    answers: list[dict[str, Any] | Exception], found: list[str], reached: int
) -> None:
    listed, after = page(table_of(scripted(*answers)[0]), store.Query({}))
    assert (ids(listed), after) == (found, place_of(reached))


@pytest.mark.parametrize("start", [None, place_of(7)])
def test_only_a_page_that_got_nowhere_fails(start: ItemKey | None) -> None:
    with pytest.raises(store.Unavailable):
        page(table_of(scripted(SLOW)[0]), store.Query({}), after=start)
    # Reads that end at no place a cursor holds get nowhere, too.
    far = {"LastEvaluatedKey": store._item({"position": "9" * 400, "recordID": "far"})}
    with pytest.raises(store.Unavailable):
        page(table_of(scripted({**PAGE, **far}, SLOW)[0]), store.Query({}), after=start)


def test_what_takes_its_time_with_the_records_ends_a_page_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    call, _ = scripted({**PAGE, "Items": [listed_item(number) for number in range(9)]})
    table = table_of(call)
    table.deadline = 3
    found, after = page(table, store.Query({}, descending=False))
    assert ids(found) == ["record-0", "record-1", "record-2", "record-3"]
    assert after == place_of(3)
    table.deadline = -1
    assert len(page(table, store.Query({}))[0]) == 1


AMBIGUOUS = dynamodb.Unavailable("TimeoutError", "no answer", ambiguous=True)
REFUSED_AFTER_AMBIGUOUS = dynamodb.Refused("ExpiredTokenException", "expired", ambiguous=True)


@pytest.mark.parametrize(
    ("error", "of_a_write", "of_a_read"),
    [
        (dynamodb.Unavailable("ThrottlingException", "slow"), store.Unavailable, store.Unavailable),
        (AMBIGUOUS, store.OutcomeUnknown, store.Unavailable),
        (dynamodb.Refused("AccessDeniedException", "no"), dynamodb.Refused, dynamodb.Refused),
        (REFUSED_AFTER_AMBIGUOUS, store.OutcomeUnknown, dynamodb.Refused),
    ],
    ids=["throttled", "unanswered", "refused", "refused after unanswered"],
)
def test_only_a_write_that_may_have_happened_is_of_unknown_outcome(
    error: Exception, of_a_write: type[Exception], of_a_read: type[Exception]
) -> None:
    table = table_of(scripted(error)[0])
    writes: list[Callable[[], None]] = [
        lambda: store.insert(table, record(), 0),
        lambda: store.replace(table, record(), record()),
        lambda: store.remove(table, record()),
    ]
    for write in writes:
        with pytest.raises(of_a_write):
            write()
    with pytest.raises(of_a_read):
        store.get(table, "record-1")
    with pytest.raises(of_a_read):
        page(table, store.Query({}))


def test_reads_by_id_are_strongly_consistent_and_metered() -> None:
    call, asked = scripted({"ConsumedCapacity": {"CapacityUnits": 1.5}})
    table = table_of(call)
    assert store.get(table, "a") is None
    assert store.get(table, "b") is None
    assert [request["ConsistentRead"] for _, request in asked] == [True, True]
    assert table.consumed_read_units == 3.0


def test_every_call_is_bounded_by_the_requests_deadline() -> None:
    deadlines: list[float] = []

    def call(_operation: str, _payload: object, deadline: float) -> dict[str, Any]:
        deadlines.append(deadline)
        return dict(PAGE)

    table = table_of(call)
    table.deadline = 12.5
    store.get(table, "a")
    page(table, store.Query({}))
    store.insert(table, record(), 0)
    store.replace(table, record(), record())
    store.remove(table, record())
    assert deadlines == [12.5] * 5


@pytest.mark.parametrize(
    ("operation", "calls"),
    [
        ("list", ["Query byCreated", "Query byStatus", "Query bySubmittedBy", "Query byType"]),
        ("get", ["GetItem"]),
        ("create", ["PutItem"]),
        ("update", ["GetItem", "PutItem"]),
        ("delete", ["GetItem", "PutItem", "DeleteItem"]),
    ],
)
def test_a_probe_makes_every_call_its_operation_needs(operation: str, calls: list[str]) -> None:
    call, asked = scripted(PAGE)
    store.probe(table_of(call), operation)
    assert [
        " ".join([name, request.get("IndexName", "")]).strip() for name, request in asked
    ] == calls
    conditions = {
        request["ConditionExpression"]
        for name, request in asked
        if name in ("PutItem", "DeleteItem")
    }
    assert conditions <= {"attribute_exists(#recordID) AND attribute_not_exists(#recordID)"}


def test_a_probe_of_a_listing_tries_only_the_indexes_that_exist() -> None:
    call, asked = scripted(PAGE)
    store.probe(table_of(call, filter_indexes=frozenset({"type"})), "list")
    assert [request["IndexName"] for _, request in asked] == ["byCreated", "byType"]


@pytest.mark.parametrize("operation", ["list", "get", "create", "update", "delete"])
def test_a_probe_that_is_refused_says_so(operation: str) -> None:
    call, _ = scripted(dynamodb.Refused("AccessDeniedException", "not authorized"))
    with pytest.raises(dynamodb.Refused):
        store.probe(table_of(call), operation)
