"""Lists: the index of each query, and paging.

tests/e2e/test_store.py repeats the tests that need only the fixture `table` on the emulator.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest

from records_api import dynamodb, listing, pages, store
from records_api.cursor import ItemKey
from unit.support import FILTERS, page, put, scripted, table_of, walk

DAY = "2026-01-31T09:30:00"


def record(number: int = 1, **more: Any) -> store.Record:
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
    put(table, *(each | store.index_keys(each) for each in written))
    return list(written)


def ids(records: Iterable[store.Record]) -> list[str]:
    return [each["recordID"] for each in records]


def ids_of_pages(pages: Iterable[Iterable[store.Record]]) -> list[str]:
    return ids(chain.from_iterable(pages))


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize(
    "filters", [{}, {"type": "backup"}, {"status": "ok"}, {"submittedBy": "alice"}], ids="".join
)
def test_each_index_lists_every_record_once_in_order(
    table: store.Table, filters: dict[str, str], limit: int, *, descending: bool
) -> None:
    expected = stored(table, *(record(number) for number in (3, 1, 7, 5, 2, 6, 4)))
    if filters:
        stored(table, record(8, **{name: f"not {value}" for name, value in filters.items()}))
    else:
        expected += stored(table, record(8))
    pages = list(walk(table, listing.Query(filters, descending), limit))
    assert {len(each) for each in pages[:-1]} <= {limit}
    assert ids_of_pages(pages) == sorted(ids(expected), reverse=descending)


def test_records_of_one_millisecond_are_sorted_by_id(table: store.Table) -> None:
    stored(table, *(record(number, createdAt=f"{DAY}.000Z") for number in range(9)))
    pages = walk(table, listing.Query({}, descending=False), 2)
    assert ids_of_pages(pages) == [f"record-{number}" for number in range(9)]


def test_pages_read_no_more_of_an_item_than_they_show(table: store.Table) -> None:
    last = {"version": 3, "hash": b"hash", "state": b"state", "first": 1}
    shown = record(1, version=3, updatedBy="bob", attributes={"version": 1}, more="internal")
    stored(table, shown | {"last": last}, record(2, last="of another program"))
    (second, first), _ = page(table, listing.Query({}))
    assert first == {
        name: value for name, value in shown.items() if name not in ("writeToken", "more")
    } | {"position": store.position(shown), "last": {"version": 3}}
    assert "last" not in second


def test_bounds_limit_the_list(table: store.Table) -> None:
    stored(table, *(record(number) for number in range(1, 6)))
    query = listing.Query({}, descending=False, lower=f"{DAY}.001Z$", upper=f"{DAY}.004Z")
    assert [ids(records) for records in walk(table, query, 1)] == [["record-2"], ["record-3"]]
    empty = query._replace(lower=f"{DAY}.003Z$", upper=f"{DAY}.003Z$")
    assert page(table, empty) == ([], None)


def test_all_filters_apply(table: store.Table) -> None:
    stored(
        table, *(record(number, status="ok" if number % 3 else "failed") for number in range(1, 10))
    )
    stored(
        table,
        record(10, type="audit", status="failed"),
        record(11, submittedBy="bob", status="failed"),
    )
    query = listing.Query({"type": "backup", "status": "failed", "submittedBy": "alice"})
    assert [ids(records) for records in walk(table, query, 2)] == [
        ["record-9", "record-6"],
        ["record-3"],
    ]


def test_changed_field_moves_the_record_between_indexes(table: store.Table) -> None:
    stored(table, record())
    stored(table, record() | {"type": "audit", "status": "failed", "version": 2})
    queries = [
        {"type": "backup"},
        {"status": "ok"},
        {"type": "audit"},
        {"status": "failed"},
        {"submittedBy": "alice"},
    ]
    counts = [len(page(table, listing.Query(filters))[0]) for filters in queries]
    assert counts == [0, 0, 1, 1, 1]


def test_expired_records_are_not_listed(table: store.Table) -> None:
    stored(table, record(1, expiresAt=1000), record(2, expiresAt=1001), record(3))
    records, after = page(table, listing.Query({}, descending=False), now=1000)
    assert (ids(records), after) == (["record-2", "record-3"], None)


# Items of other writers, which contain index keys.


def foreign(record_id: str, position: str = f"{DAY}.002Z#record-2", **more: Any) -> store.Record:
    keys = {"recordID": record_id, "feed": "records", "position": position}
    fields = {"createdAt": f"{DAY}.009Z", "type": "backup", "status": "ok", "submittedBy": "alice"}
    return {**fields, **keys, **more}


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
def test_irregular_items_are_listed_once(
    table: store.Table, filters: dict[str, str], limit: int, *, descending: bool
) -> None:
    stored(table, record(1), record(2), record(3))
    put(table, *IRREGULAR)
    pages = list(walk(table, listing.Query(filters, descending), limit, 1000, most_pages=30))
    listed = list(chain.from_iterable(pages))
    assert sorted(ids(listed)) == sorted(["record-1", "record-2", "record-3", *ids(IRREGULAR)])
    positions = [each["position"] for each in listed]
    assert positions == sorted(positions, reverse=descending)


def test_unreadable_items_are_skipped(table: store.Table) -> None:
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
        query = listing.Query({}, descending)
        pages = walk(table, query, 1, 1000, most_pages=9)
        assert sorted(ids_of_pages(pages)) == ["record-1", "record-4"]


# From here on, tests compare single calls to DynamoDB.

PAGE: dict[str, Any] = {"Items": [], "ConsumedCapacity": {"CapacityUnits": 0.5}}


def last_key(number: int) -> dict[str, Any]:
    return {"LastEvaluatedKey": key_of(number)}


def key_of(number: int) -> dict[str, Any]:
    return store.encode(
        {"position": f"{DAY}.{number:03d}Z#record-{number}", "recordID": f"record-{number}"}
    )


def listed_item(number: int, **more: object) -> dict[str, Any]:
    position = f"{DAY}.{number:03d}Z#record-{number}"
    return store.encode(record(number, position=position) | more)


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
def test_index_is_chosen_in_a_fixed_order(
    filters: str, available: set[str], index: str, applied_after: str
) -> None:
    call, requests = scripted(PAGE)
    query = listing.Query({name: f"the {name}" for name in filters.split()})
    after = ItemKey(f"{DAY}.001Z#an id", "another id")
    page(table_of(call, filter_indexes=frozenset(available)), query, 10, after, 77)
    ((operation, request),) = requests
    key = next(name for name, other in store.INDEXES.items() if other == index)
    value = {"S": "records" if key == "feed" else f"the {key}"}
    assert (operation, request["IndexName"]) == ("Query", index)
    condition = f"#{key} = :{key} AND #position BETWEEN :lower AND :upper"
    assert request["KeyConditionExpression"] == condition
    # DynamoDB rejects key attributes in filter expressions, and placeholders that are not used.
    filtered = set(re.findall(r"#(\w+) = ", request["FilterExpression"]))
    assert filtered == set(applied_after.split())
    expressions = [text for name, text in request.items() if name.endswith("Expression")]
    used = set(re.findall(r"#\w+", " ".join(expressions)))
    assert request["ExpressionAttributeNames"] == {name: name[1:] for name in used}
    assert request["ExpressionAttributeValues"] == {
        f":{key}": value,
        ":lower": {"S": "0"},
        ":upper": {"S": "~"},
        ":now": {"N": "77"},
        ":numeric": {"S": "N"},
        **{f":{name}": {"S": f"the {name}"} for name in filtered},
    }
    # The partition key comes from the query; only position and id come from the cursor.
    assert request["ExclusiveStartKey"] == {
        key: value,
        "position": {"S": after.position},
        "recordID": {"S": "another id"},
    }


@pytest.mark.parametrize(
    ("filters", "limit", "read"),
    [("type", 10, 11), ("type", 1000, 1001), ("type status", 10, 250), ("type status", 1000, 1001)],
)
def test_one_record_more_than_the_limit_is_read(filters: str, limit: int, read: int) -> None:
    call, requests = scripted(PAGE)
    page(table_of(call), listing.Query(dict.fromkeys(filters.split(), "x")), limit)
    assert [request["Limit"] for _, request in requests] == [read]


def test_page_ends_with_its_read_budget() -> None:
    call, requests = scripted(*({**PAGE, **last_key(number)} for number in range(1, 100)))
    table = table_of(call)
    assert page(table, listing.Query({"type": "rare"})) == ([], place_of(8))
    assert len(requests) == pages.READ_BUDGET_PAGES == 8
    starts = [
        request.get("ExclusiveStartKey", {}).get("recordID", {}).get("S") for _, request in requests
    ]
    assert starts == [None, *(f"record-{number}" for number in range(1, 8))]
    assert table.consumed_read_units == 8 * 0.5


def test_full_page_stops_reading() -> None:
    items = [listed_item(number, position=f"held {number}") for number in (1, 2)]
    call, requests = scripted(
        *({**PAGE, "Items": items, **last_key(number)} for number in range(1, 9))
    )
    records, after = page(table_of(call), listing.Query({"type": "backup"}), 3)
    # The next page begins after the stored position, which createdAt does not determine.
    assert (len(records), after, len(requests)) == (3, ItemKey("held 1", "record-1"), 2)


def test_last_page_that_is_exactly_full_has_no_next() -> None:
    call, _ = scripted({**PAGE, "Items": [listed_item(1)]})
    assert page(table_of(call), listing.Query({}), 1)[1] is None


def test_full_page_decodes_no_further_items() -> None:
    beyond = {"recordID": {"S": "record-3"}, "position": {"S": "3"}, "type": {"unknown": "type"}}
    call, requests = scripted(
        {**PAGE, "Items": [listed_item(1), listed_item(2), beyond], **last_key(3)}
    )
    table = table_of(call)
    after = listing.read_page(
        table, listing.Query({}), 2, None, 0, lambda item: bool(store.decode(item))
    )
    assert (after, len(requests)) == (place_of(2), 1)
    room = iter([True, False])
    call, requests = scripted({**PAGE, "Items": [listed_item(1), listed_item(2)], **last_key(3)})
    after = listing.read_page(table_of(call), listing.Query({}), 99, None, 0, lambda _: next(room))
    assert (after, len(requests)) == (place_of(1), 1)


def test_page_does_not_end_at_a_key_too_long_for_a_cursor() -> None:
    far = {"LastEvaluatedKey": store.encode({"position": "9" * 400, "recordID": "far"})}
    call, requests = scripted(*[{**PAGE, **far}] * 20, {**PAGE, **last_key(1)})
    records, after = page(table_of(call), listing.Query({}))
    assert (records, after, len(requests)) == ([], place_of(1), 21 + pages.READ_BUDGET_PAGES - 1)
    assert requests[1][1]["ExclusiveStartKey"] == far["LastEvaluatedKey"]


SLOW = dynamodb.Unavailable("ThrottlingException", "slow")


@pytest.mark.parametrize(
    ("responses", "expected", "last"),
    [
        ([{"Items": [listed_item(1)], **last_key(2)}, SLOW], ["record-1"], 2),
        ([{"Items": [], **last_key(2)}, SLOW], [], 2),
        ([{"Items": [], **last_key(2)}, {"Items": [listed_item(3)], **last_key(4)}, SLOW],
         ["record-3"], 4),
    ],
    ids=["record", "progress", "both"],
)  # fmt: skip
def test_failed_read_returns_what_was_read_before(
    responses: list[dict[str, Any] | Exception], expected: list[str], last: int
) -> None:
    records, after = page(table_of(scripted(*responses)[0]), listing.Query({}))
    assert (ids(records), after) == (expected, place_of(last))


@pytest.mark.parametrize("start", [None, place_of(7)])
def test_failed_read_without_progress_fails(start: ItemKey | None) -> None:
    with pytest.raises(store.Unavailable):
        page(table_of(scripted(SLOW)[0]), listing.Query({}), after=start)
    # A read that ends at a key too long for a cursor is no progress.
    far = {"LastEvaluatedKey": store.encode({"position": "9" * 400, "recordID": "far"})}
    with pytest.raises(store.Unavailable):
        page(table_of(scripted({**PAGE, **far}, SLOW)[0]), listing.Query({}), after=start)


def test_slow_processing_ends_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(pages, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    call, _ = scripted({**PAGE, "Items": [listed_item(number) for number in range(9)]})
    table = table_of(call)
    table.deadline = 3
    records, after = page(table, listing.Query({}, descending=False))
    assert ids(records) == ["record-0", "record-1", "record-2", "record-3"]
    assert after == place_of(3)
    table.deadline = -1
    assert len(page(table, listing.Query({}))[0]) == 1
