"""Which index serves which question, paging, and conditional writes, for records as plain dicts."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import attributes, cursor, dynamodb
from .cursor import Place
from .fields import RECORD_ID

Record = dict[str, Any]

# Every listed record has this one value of `feed`, so that a listing of everything is a Query too.
FEED_KEY, FEED = "feed", "records"
INDEXES = {
    FEED_KEY: "byCreated",
    "submittedBy": "bySubmittedBy",
    "type": "byType",
    "status": "byStatus",
}
# Which filter's index serves a question that has several: the first that the table has.
FILTER_PREFERENCE = ("submittedBy", "type", "status")
# A position begins with a digit: these lie below and above every one. (A key condition takes no empty string.)
LOWEST, HIGHEST = "0", "~"
# A page reads at most this many Query pages (1 MB each at most): a rare match costs more pages, never an endless one.
READ_BUDGET_PAGES = 8
# Filtered questions read at least this many items a Query: one that matches seldom should not take a call per record.
FILTERED_READ_ITEMS = 250
# What tells two states of a record apart. createdAt is there for items of other writers, which lack the others.
VERSION_ATTRIBUTES = ("recordID", "createdAt", "version", "writeToken")
# The self-test reads this id; its leading dash is one that no record's id has.
ABSENT_ID = "-self-test"


@dataclass
class Table:
    """The table as one request sees it: bounded by the request's deadline (time.monotonic() seconds), metered."""

    client: dynamodb.Client
    name: str
    filter_indexes: frozenset[str]
    deadline: float
    consumed_read_units: float = 0.0


class Query(NamedTuple):
    """A question. `lower` and `upper` are texts between which a `position` lies."""

    filters: dict[str, str]
    descending: bool = True
    lower: str = LOWEST
    upper: str = HIGHEST


class Conflict(Exception):
    """A write's condition did not hold. `current` is what stands there; `ambiguous` as in dynamodb.DynamoDBError."""

    def __init__(self, current: Record | None, *, ambiguous: bool) -> None:
        super().__init__("the condition of a write did not hold")
        self.current = current
        self.ambiguous = ambiguous


class Unavailable(Exception):
    """DynamoDB throttled, slow or gone for longer than the request's deadline or its retries; nothing was written."""


class OutcomeUnknown(Exception):
    """A write was sent and its outcome can't be told: it may or may not have happened."""


def position(record: Mapping[str, Any]) -> str:
    """Return the sort key of every index, `createdAt#recordID`: unique, and ordered by time."""
    return f"{record['createdAt']}#{record['recordID']}"


def get(table: Table, record_id: str) -> Record | None:
    """Return the item of that id as of now (a strongly consistent read), or None."""
    answer = _call(
        table, "GetItem", {"Key": _item({"recordID": record_id}), "ConsistentRead": True}
    )
    return _record(answer["Item"]) if "Item" in answer else None


def page(
    table: Table,
    query: Query,
    limit: int,
    after: Place | None,
    now: int,
    add: Callable[[Record], bool],
) -> Place | None:
    """Pass records to `add` in the query's order; return the place to go on after, or None at the end.

    A page ends after `limit` records, before a record that `add` returns False for, after READ_BUDGET_PAGES, and when
    the time is up: it may be short, or empty, and yet not the last. Raises Unavailable only where nothing was reached.
    Left out: what expired by `now` (epoch seconds), what was deleted, and what `_is_listed` refuses.
    """
    reached, added, reads = after, 0, 0
    try:
        for place, item in _walk(table, _listing(table, query, limit, after, now)):
            if item is None:
                reads += 1
            elif added < limit and add(_record(item)):
                added += 1
            else:
                return reached
            reached = place
            if reads >= READ_BUDGET_PAGES or time.monotonic() >= table.deadline:
                return reached
    except Unavailable:
        if reached == after:
            raise
        return reached
    return None


def insert(table: Table, record: Record, now: int) -> None:
    """Write a record whose id nobody holds; an item that expired by `now` (epoch seconds) counts as absent."""
    free = "attribute_not_exists(#recordID) OR #expiresAt <= :now"
    item = _item(record | {FEED_KEY: FEED, "position": position(record)})
    _write(table, "PutItem", {"Item": item}, free, _terms(["recordID", "expiresAt"], {"now": now}))


def replace(table: Table, old: Record, new: Record) -> None:
    """Write `new` where `old` still stands. Raises Conflict where another hand came first."""
    _write(table, "PutItem", {"Item": _item(new)}, *_unchanged(old))


def remove(table: Table, old: Record) -> None:
    """Delete `old` where it still stands. Raises Conflict where another hand came first."""
    _write(table, "DeleteItem", {"Key": _item({"recordID": old["recordID"]})}, *_unchanged(old))


def probe(table: Table, operation: str) -> None:
    """Make every call that `operation` needs, writing nothing. Raises dynamodb.Refused where one is not allowed."""
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


def _walk(
    table: Table, request: dict[str, Any]
) -> Iterator[tuple[Place, Mapping[str, Any] | None]]:
    """Yield each item that a Query finds with its place; after each read but the last, where it ended, and None."""
    while True:
        answer = _call(table, "Query", request)
        # Taken out of the answer, so that a megabyte is freed before the next one is read.
        for item in answer.pop("Items"):
            if _is_listed(place := _place(item)):
                yield place, item
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        if cursor.holds(place := _place(answer["LastEvaluatedKey"])):
            yield place, None


def _listing(
    table: Table, query: Query, limit: int, after: Place | None, now: int
) -> dict[str, Any]:
    """Return the Query request for the records behind `after`."""
    name, value, residual = _partition(table, query)
    # An expiresAt that is no number never expires, as for DynamoDB's TTL.
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


def _place(item: Mapping[str, Any]) -> Place:
    return Place(item["position"]["S"], item["recordID"]["S"])


def _is_listed(place: Place) -> bool:
    """Tell whether a listing shows an item: its id can stand in a URL, and its place in a cursor."""
    return RECORD_ID.fullmatch(place.record_id) is not None and cursor.holds(place)


def _partition(table: Table, query: Query) -> tuple[str, str, dict[str, str]]:
    """Return the partition key that serves `query` best, its value, and the filters left to apply to what it holds."""
    for name in FILTER_PREFERENCE:
        if name in query.filters and name in table.filter_indexes:
            return (
                name,
                query.filters[name],
                {field: query.filters[field] for field in query.filters if field != name},
            )
    return FEED_KEY, FEED, query.filters


def _unchanged(old: Record) -> tuple[str, dict[str, Any]]:
    """Return the condition under which nobody has written since `old` was read, and its terms."""
    seen = {name: old[name] for name in VERSION_ATTRIBUTES if name in old}
    clauses = [
        f"#{name} = :{name}" if name in seen else f"attribute_not_exists(#{name})"
        for name in VERSION_ATTRIBUTES
    ]
    return " AND ".join(clauses), _terms(VERSION_ATTRIBUTES, seen)


def _write(
    table: Table, operation: str, request: dict[str, Any], condition: str, terms: dict[str, Any]
) -> None:
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
    request = {"TableName": table.name, "ReturnConsumedCapacity": "TOTAL", **request}
    try:
        answer = table.client.call(operation, request, table.deadline)
    except (dynamodb.Unavailable, dynamodb.Refused) as error:
        # Also a refusal says nothing of an earlier attempt: credentials may have expired between the two.
        if error.ambiguous and "ConditionExpression" in request:
            raise OutcomeUnknown(str(error)) from error
        if isinstance(error, dynamodb.Refused):
            raise
        raise Unavailable(str(error)) from error
    if operation in ("GetItem", "Query"):
        table.consumed_read_units += answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
    return answer


def _terms(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the placeholders of an expression; names always go through one, so that none is a reserved word."""
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
