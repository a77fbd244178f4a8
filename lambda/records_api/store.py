"""The records table: index selection, paging and conditional writes. A record is a plain dict."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import attributes, cursor, dynamodb
from .cursor import ItemKey
from .fields import RECORD_ID

Record = dict[str, Any]

# Every listed record has the same value of `feed`, so that an unfiltered list is also a Query.
FEED_KEY, FEED = "feed", "records"
INDEXES = {
    FEED_KEY: "byCreated",
    "submittedBy": "bySubmittedBy",
    "type": "byType",
    "status": "byStatus",
}
# A query with several filters uses the index of the first of these that the table has.
FILTER_PREFERENCE = ("submittedBy", "type", "status")
# A position begins with a digit, so these are below and above every position. DynamoDB rejects an
# empty string in a key condition.
LOWEST, HIGHEST = "0", "~"
# A page makes at most this many Query calls (each reads up to 1 MB). A query with few matches
# returns shorter pages instead of taking longer.
READ_BUDGET_PAGES = 8
# A Query with a filter expression reads at least this many items, so that a query with few matches
# does not need a call per record.
FILTERED_READ_ITEMS = 250
# A write requires these to be unchanged since the record was read. Items from other programs may
# lack `version` and `writeToken`; for those, `createdAt` detects that an item was replaced.
VERSION_ATTRIBUTES = ("recordID", "createdAt", "version", "writeToken")
# The self-test uses this ID. No record has it, because a record ID cannot start with a dash.
ABSENT_ID = "-self-test"


@dataclass
class Table:
    """The records table, for one request.

    `deadline` is in seconds of time.monotonic(). `consumed_read_units` counts the request's reads.
    """

    client: dynamodb.Client
    name: str
    filter_indexes: frozenset[str]
    deadline: float
    consumed_read_units: float = 0.0


class Query(NamedTuple):
    """A query for records: exact filters, order, and inclusive bounds of `position`."""

    filters: dict[str, str]
    descending: bool = True
    lower: str = LOWEST
    upper: str = HIGHEST


class Conflict(Exception):
    """The condition of a write was false.

    `current` is the stored item, or None. `ambiguous` is that of dynamodb.DynamoDBError.
    """

    def __init__(self, current: Record | None, *, ambiguous: bool) -> None:
        super().__init__("the condition of the write was false")
        self.current = current
        self.ambiguous = ambiguous


class Unavailable(Exception):
    """DynamoDB did not complete the call within the deadline and retries. Nothing was written."""


class OutcomeUnknown(Exception):
    """A write was sent but not confirmed, so it may or may not have been applied."""


def position(record: Mapping[str, Any]) -> str:
    """Return the sort key of every index, `createdAt#recordID`: unique and ordered by time."""
    return f"{record['createdAt']}#{record['recordID']}"


def get(table: Table, record_id: str) -> Record | None:
    """Return the item with this ID (strongly consistent read), or None."""
    response = _call(
        table, "GetItem", {"Key": _item({"recordID": record_id}), "ConsistentRead": True}
    )
    return _record(response["Item"]) if "Item" in response else None


def read_page(
    table: Table,
    query: Query,
    limit: int,
    after: ItemKey | None,
    now: int,
    add: Callable[[Record], bool],
) -> ItemKey | None:
    """Pass the records of a page to `add`; return the key to continue after, or None at the end.

    The page starts after the key `after`, in the query's order. It ends after `limit` records,
    before a record for which `add` returns False, after READ_BUDGET_PAGES, or at the deadline, so
    it may be short or empty without being the last. It omits records that were deleted, that
    expired by `now` (epoch seconds), or that no URL or cursor can name. Raises Unavailable only if
    the page made no progress.
    """
    last_key, added, reads = after, 0, 0
    try:
        for key, item in _read_items(table, _query_request(table, query, limit, after, now)):
            if item is None:
                reads += 1
            elif added < limit and add(_record(item)):
                added += 1
            else:
                return last_key
            last_key = key
            if reads >= READ_BUDGET_PAGES or time.monotonic() >= table.deadline:
                return last_key
    except Unavailable:
        if last_key == after:
            raise
        return last_key
    return None


def insert(table: Table, record: Record, now: int) -> None:
    """Write a new record. An item that expired by `now` (epoch seconds) counts as absent.

    Raises Conflict if the ID is in use.
    """
    is_unused = "attribute_not_exists(#recordID) OR #expiresAt <= :now"
    item = _item(record | {FEED_KEY: FEED, "position": position(record)})
    terms = _terms(["recordID", "expiresAt"], {"now": now})
    _write(table, "PutItem", {"Item": item}, is_unused, terms)


def replace(table: Table, old: Record, new: Record) -> None:
    """Replace `old` with `new`. Raises Conflict if `old` was modified concurrently."""
    _write(table, "PutItem", {"Item": _item(new)}, *_unchanged(old))


def remove(table: Table, old: Record) -> None:
    """Delete `old`. Raises Conflict if it was modified concurrently."""
    _write(table, "DeleteItem", {"Key": _item({"recordID": old["recordID"]})}, *_unchanged(old))


def probe(table: Table, operation: str) -> None:
    """Make every call that `operation` needs, without writing anything.

    Raises dynamodb.Refused if DynamoDB rejects a call, or Unavailable or OutcomeUnknown.
    """
    key = {"Key": _item({"recordID": ABSENT_ID})}
    impossible = (
        "attribute_exists(#recordID) AND attribute_not_exists(#recordID)",
        _terms(["recordID"], {}),
    )
    if operation == "list":
        for name in [FEED_KEY, *sorted(table.filter_indexes)]:
            condition = {
                "KeyConditionExpression": f"#{name} = :{name}",
                **_terms([name], {name: ABSENT_ID}),
            }
            _call(table, "Query", {"IndexName": INDEXES[name], "Limit": 1, **condition})
    if operation in ("get", "update", "delete"):
        _call(table, "GetItem", key)
    if operation in ("create", "update", "delete"):
        with suppress(Conflict):
            _write(table, "PutItem", {"Item": key["Key"]}, *impossible)
    if operation == "delete":
        with suppress(Conflict):
            _write(table, "DeleteItem", key, *impossible)


def _read_items(
    table: Table, request: dict[str, Any]
) -> Iterator[tuple[ItemKey, Mapping[str, Any] | None]]:
    """Yield each item of a Query with its key; after each call but the last, (end key, None)."""
    while True:
        response = _call(table, "Query", request)
        # The items are taken out of the response, so that its memory is freed before the next call.
        for item in response.pop("Items"):
            if _is_listed(key := _item_key(item)):
                yield key, item
        if "LastEvaluatedKey" not in response:
            return
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        if cursor.fits(key := _item_key(response["LastEvaluatedKey"])):
            yield key, None


def _query_request(
    table: Table, query: Query, limit: int, after: ItemKey | None, now: int
) -> dict[str, Any]:
    """Return the Query request for the records after the key `after`."""
    name, value, residual = _choose_index(table, query)
    # As in DynamoDB's TTL, an item whose expiresAt is not a number never expires.
    conditions = [
        "attribute_not_exists(#deletedAt)",
        "(NOT attribute_type(#expiresAt, :numeric) OR #expiresAt > :now)",
        *(f"#{field} = :{field}" for field in residual),
    ]
    values = {name: value, "lower": query.lower, "upper": query.upper, "now": now, "numeric": "N"}
    request = {
        "IndexName": INDEXES[name],
        "KeyConditionExpression": f"#{name} = :{name} AND #position BETWEEN :lower AND :upper",
        "FilterExpression": " AND ".join(conditions),
        "ScanIndexForward": not query.descending,
        "Limit": max(limit + 1, FILTERED_READ_ITEMS) if residual else limit + 1,
        **_terms([name, "position", "deletedAt", "expiresAt", *residual], values | residual),
    }
    if after is not None:
        keys = {name: value, "position": after.position, "recordID": after.record_id}
        request["ExclusiveStartKey"] = _item(keys)
    return request


def _item_key(item: Mapping[str, Any]) -> ItemKey:
    return ItemKey(item["position"]["S"], item["recordID"]["S"])


def _is_listed(key: ItemKey) -> bool:
    """Return whether lists show an item: a URL can name its ID, and a cursor can hold its key."""
    return RECORD_ID.fullmatch(key.record_id) is not None and cursor.fits(key)


def _choose_index(table: Table, query: Query) -> tuple[str, str, dict[str, str]]:
    """Return the partition key attribute for `query`, its value, and the filters left to apply."""
    for name in FILTER_PREFERENCE:
        if name in query.filters and name in table.filter_indexes:
            residual = {field: query.filters[field] for field in query.filters if field != name}
            return name, query.filters[name], residual
    return FEED_KEY, FEED, query.filters


def _unchanged(old: Record) -> tuple[str, dict[str, Any]]:
    """Return the condition that `old` was not modified since it was read, and its terms."""
    expected = {name: old[name] for name in VERSION_ATTRIBUTES if name in old}
    clauses = [
        f"#{name} = :{name}" if name in expected else f"attribute_not_exists(#{name})"
        for name in VERSION_ATTRIBUTES
    ]
    return " AND ".join(clauses), _terms(VERSION_ATTRIBUTES, expected)


def _write(
    table: Table, operation: str, request: dict[str, Any], condition: str, terms: dict[str, Any]
) -> None:
    """Make a conditional write. Raises Conflict if the condition is false."""
    conditional = {
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **terms,
    }
    try:
        _call(table, operation, request | conditional)
    except dynamodb.ConditionFailed as error:
        raise Conflict(
            _record(error.item) if error.item else None, ambiguous=error.ambiguous
        ) from error


def _call(table: Table, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's response. Raises Unavailable, OutcomeUnknown or dynamodb.Refused."""
    request = {"TableName": table.name, "ReturnConsumedCapacity": "TOTAL", **request}
    try:
        response = table.client.call(operation, request, table.deadline)
    except (dynamodb.Unavailable, dynamodb.Refused) as error:
        # A refusal does not settle an earlier attempt: the credentials may have expired in between.
        if error.ambiguous and "ConditionExpression" in request:
            raise OutcomeUnknown(str(error)) from error
        if isinstance(error, dynamodb.Refused):
            raise
        raise Unavailable(str(error)) from error
    if operation in ("GetItem", "Query"):
        table.consumed_read_units += response.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
    return response


def _terms(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expression's placeholders. Every name gets one, so that reserved words work."""
    terms: dict[str, Any] = {"ExpressionAttributeNames": {f"#{name}": name for name in names}}
    if values:
        terms["ExpressionAttributeValues"] = {
            f":{name}": attributes.encode(value) for name, value in values.items()
        }
    return terms


def _item(record: Record) -> dict[str, Any]:
    return {name: attributes.encode(value) for name, value in record.items()}


def _record(item: Mapping[str, Any]) -> Record:
    return {name: attributes.decode(value) for name, value in item.items()}
