"""What scripts/bench counts as the tables grow, and the tables in memory that count it."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from lib.bench import growth, units
from lib.bench.endpoint import similar
from lib.bench.tables import PAGE_BYTES, Table, Tables
from records_api import config, handler, logs, store
from unit.support import Context, new_table, wire

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SIZES = (1000, 3000)
TEMPLATE = {
    "recordID": {"S": "first"},
    "feed": {"S": "records"},
    "createdAt": {"S": "2026-01-31T09:30:00.000Z"},
    "position": {"S": "2026-01-31T09:30:00.000Z#first"},
    "status": {"S": "ok"},
    "type": {"S": "backup"},
}
NEXT = list(similar(TEMPLATE, 31))[20]  # a record in the middle


def counted(
    monkeypatch: pytest.MonkeyPatch, filter_indexes: str = "status,submittedBy,type"
) -> dict[str, growth.Counts]:
    """Return what the handler's requests read, in this process and without the wire client."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.NullHandler()])
    logs.configure("records-bench", "INFO")
    tables = growth.new_tables()
    settings = {
        "AUTH_MODE": "IAM",
        "AWS_REGION": "us-east-1",
        "FILTER_INDEXES": filter_indexes,
        "HISTORY_TABLE_NAME": growth.HISTORY,
        "LOG_LEVEL": "INFO",
        "OPERATIONS": ",".join(config.OPERATIONS),
        "RECORD_RETENTION_DAYS": "0",
        "SERVICE_NAME": "records-bench",
        "TABLE_NAME": growth.RECORDS,
    }

    def call(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return tables.answer(operation, payload)

    app = handler.App(config.read(settings), wire(call))
    return growth.count(
        tables, lambda event: handler.serve(app, event, Context()), SIZES, lambda _: None
    )


def test_page_reads_as_much_in_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    results = counted(monkeypatch)
    assert growth.ratio(results) == 1.0
    assert {counts["calls"] for name, counts in results["3000"].items() if "page" in name} == {1}
    scans = [results[str(size)]["scan_for_a_type"] for size in SIZES]
    assert [scan["items"] for scan in scans] == list(SIZES)


def test_missing_index_shows_as_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    assert growth.ratio(counted(monkeypatch, filter_indexes="")) > 2


def test_growth_is_that_of_the_worst_page() -> None:
    small, large = (
        {name: {"read_units": value} for name, value in zip("abc", values, strict=True)}
        for values in ([6.0, 6.0, 9.0], [6.0, 9.0, 900.0])
    )
    pages = {"a": "page_first", "b": "page_deep", "c": "scan_for_a_type"}
    results = {
        size: {pages[name]: counts for name, counts in part.items()}
        for size, part in (("20000", large), ("1000", small))
    }
    assert growth.ratio(results) == 1.5


def test_model_continues_the_line_through_the_largest_tables() -> None:
    results = {
        size: {"page_first": {"read_units": 8.0}, "scan_for_a_type": {"read_units": units_read}}
        for size, units_read in (("1000", 80.0), ("10000", 800.0), ("100000", 8000.0))
    }
    assert growth.model(results)["1000000"] == {
        "page_first": {"read_units": 8.0},
        "scan_for_a_type": {"read_units": 80_000.0},
    }


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ExclusiveStartKey": {name: NEXT[name] for name in ("recordID", "feed", "position")}},
        {"FilterExpression": "attribute_not_exists(#deletedAt) AND #status = :status"},
        {"KeyConditionExpression": "#feed = :feed AND #position BETWEEN :lower AND :upper"},
        {"KeyConditionExpression": "#feed = :feed AND #position < :lower"},
        {"KeyConditionExpression": "#feed = :feed AND #position > :lower"},
    ],
    ids=["all", "after", "filter", "between", "below", "above"],
)
def test_query_answers_as_moto(
    dynamodb_client: "DynamoDBClient", change: dict[str, Any], *, descending: bool
) -> None:
    name = new_table(dynamodb_client).name
    items = list(similar(TEMPLATE, 31))
    for number, item in enumerate(items):
        item["status"] = {"S": "failed" if number % 3 else "ok"}
        dynamodb_client.put_item(TableName=name, Item=item)
    keys = {index: (attribute, "position") for attribute, index in store.INDEXES.items()}
    ours = Tables({name: Table(("recordID",), keys)})
    ours.tables[name].load(items)
    request: dict[str, Any] = {
        "TableName": name,
        "IndexName": "byCreated",
        "KeyConditionExpression": "#feed = :feed",
        "ScanIndexForward": not descending,
        "Limit": 7,
    } | change
    values = {
        ":feed": {"S": "records"},
        ":lower": NEXT["position"],
        ":status": {"S": "ok"},
        ":upper": items[3]["position"],
    }
    expressions = request["KeyConditionExpression"] + request.get("FilterExpression", "")
    names = ("feed", "position", "status", "deletedAt")
    request["ExpressionAttributeNames"] = {
        f"#{each}": each for each in names if f"#{each}" in expressions
    }
    request["ExpressionAttributeValues"] = {
        each: value for each, value in values.items() if each in expressions
    }
    expected = dynamodb_client.query(**request)
    answer = ours.answer("Query", request)
    compared = ("Items", "Count", "ScannedCount", "LastEvaluatedKey")
    assert {each: answer.get(each) for each in compared} == {
        each: expected.get(each) for each in compared
    }
    assert ours.calls[-1].scanned == expected["ScannedCount"]


def test_page_of_a_scan_ends_at_one_megabyte() -> None:
    tables = Tables({"t": Table(("recordID",), {})})
    item = TEMPLATE | {"message": {"S": "x" * 60_000}}
    tables.tables["t"].load(similar(item, 30))
    first = tables.answer("Scan", {"TableName": "t"})
    rest = tables.answer("Scan", {"TableName": "t", "ExclusiveStartKey": first["LastEvaluatedKey"]})
    assert first["Count"] == 18
    assert rest["Count"] == 12
    assert PAGE_BYTES <= tables.calls[0].scanned_bytes < PAGE_BYTES + 61_000
    assert tables.calls[0].read_units == 132.5


def test_replaced_item_is_listed_once() -> None:
    tables = growth.new_tables()
    for status in ("ok", "failed"):
        item = TEMPLATE | {"status": {"S": status}, "submittedBy": {"S": "alice"}}
        tables.answer("PutItem", {"TableName": growth.RECORDS, "Item": item})
    request = {
        "TableName": growth.RECORDS,
        "IndexName": "byStatus",
        "KeyConditionExpression": "#status = :status",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":status": {"S": "ok"}},
    }
    assert tables.answer("Query", request)["Count"] == 0
    request["ExpressionAttributeValues"] = {":status": {"S": "failed"}}
    assert tables.answer("Query", request)["Count"] == 1


def test_item_size_follows_the_developer_guide() -> None:
    # Names and strings count their UTF-8 bytes, numbers about a byte for two digits and one more,
    # containers 3 bytes and 1 for each member.
    item = {
        "id": {"S": "\u20ac1"},
        "n": {"N": "-12.50"},
        "b": {"BOOL": True},
        "m": {"M": {"a": {"L": [{"N": "7"}]}}},
    }
    assert units.item_bytes(item) == (2 + 4) + (1 + 3) + (1 + 1) + (1 + 3 + 1 + 1 + 3 + 1 + 2)


def test_units_follow_the_developer_guide() -> None:
    assert units.read_units(0, consistent=True) == 1.0
    assert units.read_units(4097, consistent=False) == 1.0
    # A create of 1 KB: record and four indexes, and an entry of 2 KB with one index.
    record = units.write_units(1000, 4, transactional=True)
    entry = units.write_units(1500, 1, transactional=True)
    assert record + entry == 12.0
