"""Lists during changes: a record that matches throughout is listed exactly once and in order."""

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from records_api import listing, pages, store
from unit.support import delete_item, new_table, put, table_of, walk

if TYPE_CHECKING:
    import pytest
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1000
VALUES = {"type": ["backup", "audit"], "status": ["ok", "failed"], "submittedBy": ["alice", "bob"]}

# Few times and many ids, so that many records have the same createdAt.
moments = st.integers(0, 9).map(lambda second: f"2026-01-31T09:30:00.{second:03d}Z")
records = st.fixed_dictionaries(
    {name: st.sampled_from(values) for name, values in VALUES.items()}
    | {"createdAt": moments, "expiresAt": st.sampled_from([None, None, None, NOW, NOW + 1])}
)
tables = st.dictionaries(
    st.integers(0, 999).map(lambda number: f"id-{number}"), records, max_size=24
)
filters = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}
)
indexes = st.sets(st.sampled_from(sorted(VALUES))).map(frozenset)


class Change(NamedTuple):
    """A change after a page: a record is inserted, deleted or changed."""

    kind: str
    number: int
    name: str
    value: int
    created_at: str


changes = st.builds(
    Change,
    st.sampled_from(["insert", "delete", "change"]),
    st.integers(0, 99),
    st.sampled_from(sorted(VALUES)),
    st.integers(0, 1),
    moments,
)


def new_record(record_id: str, content: dict[str, Any]) -> store.Record:
    return {name: value for name, value in content.items() if value is not None} | {
        "recordID": record_id,
        "version": 1,
        "writeToken": "t",
    }


def listed(record: store.Record) -> store.Record:
    """Return the item of a record."""
    return record | store.index_keys(record)


def matches(record: store.Record, query: listing.Query) -> bool:
    within = query.lower <= store.position(record) <= query.upper
    lives = record.get("expiresAt", NOW + 1) > NOW
    return within and lives and all(record[name] == value for name, value in query.filters.items())


def apply(table: store.Table, held: dict[str, store.Record], change: Change) -> str:
    """Apply `change` to the table and to `held`; return the id of the record."""
    record_id = sorted(held)[change.number % len(held)] if held else "none"
    value = VALUES[change.name][change.value]
    if change.kind == "insert" or not held:
        record_id = f"new-{len(held)}-{change.number}"
        content = {name: values[change.value] for name, values in VALUES.items()} | {
            "createdAt": change.created_at
        }
        if record_id not in held:
            held[record_id] = new_record(record_id, content)
            put(table, listed(held[record_id]))
    elif change.kind == "delete":
        delete_item(table, held.pop(record_id))
    else:
        old = held[record_id]
        held[record_id] = old | {change.name: value, "version": old["version"] + 1}
        put(table, listed(held[record_id]))
    return record_id


@settings(max_examples=50)
@given(
    content=tables,
    query=st.builds(
        listing.Query,
        filters,
        st.booleans(),
        st.just(listing.LOWEST) | moments.map(lambda moment: f"{moment}$"),
        st.just(listing.HIGHEST) | moments,
    ).filter(lambda query: query.lower <= query.upper),
    filter_indexes=indexes,
    limit=st.integers(1, 9),
    read_at_once=st.integers(1, 9),
    meanwhile=st.lists(changes, max_size=8),
)
def test_matching_records_are_listed_once_in_order(  # noqa: PLR0913 (what hypothesis draws)
    dynamodb_client: "DynamoDBClient",
    monkeypatch: "pytest.MonkeyPatch",
    *,
    content: dict[str, dict[str, Any]],
    query: listing.Query,
    filter_indexes: frozenset[str],
    limit: int,
    read_at_once: int,
    meanwhile: list[Change],
) -> None:
    # Small reads and a small budget, so that pages end for every possible reason.
    monkeypatch.setattr(listing, "FILTERED_READ_ITEMS", read_at_once)
    monkeypatch.setattr(pages, "READ_BUDGET_PAGES", 2)
    table = new_table(dynamodb_client)
    table.filter_indexes = filter_indexes
    held = {record_id: new_record(record_id, each) for record_id, each in content.items()}
    put(table, *map(listed, held.values()))
    matching = {record_id for record_id, record in held.items() if matches(record, query)}
    throughout, ever = set(matching), set(matching)

    records: list[store.Record] = []
    for page in walk(table, query, limit, NOW, most_pages=99):
        assert len(page) <= limit
        records += page
        for change in meanwhile[:2]:
            touched = apply(table, held, change)
            if touched in held and matches(held[touched], query):
                ever.add(touched)
            else:
                throughout.discard(touched)
        del meanwhile[:2]

    ids = [record["recordID"] for record in records]
    assert len(ids) == len(set(ids))
    assert throughout <= set(ids) <= ever
    positions = [store.position(record) for record in records]
    assert positions == sorted(positions, reverse=query.descending)
    dynamodb_client.delete_table(TableName=table.name)


@given(pages=st.lists(st.integers(0, 6), min_size=1, max_size=40), limit=st.integers(1, 5))
def test_list_ends_with_the_index(pages: list[int], limit: int) -> None:
    """DynamoDB's pages can be empty after filtering, and have a last key without further items."""

    def ids_of(page: int) -> list[str]:
        return [f"{page:03d}-{each}" for each in range(pages[page])]

    def item(record_id: str) -> dict[str, Any]:
        return store.encode({"recordID": record_id, "position": f"{record_id}#{record_id}"})

    def call(_operation: str, request: Any, _deadline: float) -> dict[str, Any]:
        start = request.get("ExclusiveStartKey", {}).get("recordID", {}).get("S", "")
        page = next((each for each in range(len(pages)) if f"{each:03d}~" > start), None)
        if page is None:
            return {"Items": []}
        rest = [record_id for record_id in ids_of(page) if record_id > start]
        return {"Items": [item(each) for each in rest], "LastEvaluatedKey": item(f"{page:03d}~")}

    ids = [
        record["recordID"]
        for page in walk(table_of(call), listing.Query({}), limit)
        for record in page
    ]
    assert ids == [record_id for page in range(len(pages)) for record_id in ids_of(page)]
