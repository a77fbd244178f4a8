"""The tables: keys, reads, conditions and transactions. A record is a plain dict."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from . import attributes, dynamodb, ids

Record = dict[str, Any]
# A record as DynamoDB returns it: attribute values by name.
Item = Mapping[str, Any]
# One member of a transaction, and the condition of such a member with its placeholders.
Write = dict[str, Any]
Condition = dict[str, Any]

# Every listed record has the same value of `feed`, so that an unfiltered list is also a Query.
FEED_KEY, FEED = "feed", "records"
INDEXES = {
    FEED_KEY: "byCreated",
    "submittedBy": "bySubmittedBy",
    "type": "byType",
    "status": "byStatus",
}
# A write requires these to be unchanged since the record was read. Items from other programs may
# lack `version` and `writeToken`; for those, `createdAt` detects that an item was replaced.
VERSION_ATTRIBUTES = ("recordID", "createdAt", "version", "writeToken")


class Table:
    """The records table and its history table, for one request.

    `deadline` is in seconds of time.monotonic(). `consumed_read_units` counts the request's reads.
    """

    def __init__(
        self,
        client: dynamodb.Client,
        name: str,
        history_name: str,
        filter_indexes: frozenset[str],
        deadline: float,
    ) -> None:
        # Not a dataclass: importing that module would take a tenth of a cold start.
        self.client = client
        self.name = name
        self.history_name = history_name
        self.filter_indexes = filter_indexes
        self.deadline = deadline
        self.consumed_read_units = 0.0


class Conflict(Exception):
    """A condition of a transaction was false.

    Nothing was written, unless it is `ambiguous`, as in dynamodb.DynamoDBError.
    """

    def __init__(self, message: str = "", *, ambiguous: bool = False) -> None:
        super().__init__(message)
        self.ambiguous = ambiguous


class Unavailable(Exception):
    """DynamoDB did not complete the call within the deadline and retries. Nothing was written."""


class OutcomeUnknown(Exception):
    """A write was sent but not confirmed, so it may or may not have been applied."""


def position(record: Mapping[str, Any]) -> str:
    """Return the sort key of every index, `createdAt#recordID`: unique and ordered by time."""
    return f"{record['createdAt']}#{record['recordID']}"


def index_keys(record: Record) -> Record:
    """Return the attributes that list a record, or none if its `createdAt` is not text."""
    is_listed = isinstance(record.get("createdAt"), str)
    return {FEED_KEY: FEED, "position": position(record)} if is_listed else {}


def is_expired(item: Mapping[str, Any], now: float) -> bool:
    """Return whether an item has expired by `now` (epoch seconds), removed or not.

    As in DynamoDB's TTL, an item whose expiresAt is not a number never expires.
    """
    expires_at: Any = item.get("expiresAt")
    return type(expires_at) in (int, Decimal) and expires_at <= now


def get(table: Table, record_id: str) -> Record | None:
    """Return the item with this ID (strongly consistent read), or None."""
    return get_item(table, table.name, {"recordID": record_id})


def get_item(table: Table, name: str, key: Record) -> Record | None:
    """Return the item with this key in the table `name` (strongly consistent read), or None."""
    item = read_item(table, name, key)
    return None if item is None else decode(item)


def read_item(table: Table, name: str, key: Record) -> Item | None:
    """Return what `get_item` does, as DynamoDB returns it."""
    request = {"TableName": name, "Key": encode(key), "ConsistentRead": True}
    item: Item | None = read(table, "GetItem", request).get("Item")
    return item


def put(name: str, item: Record, condition: Condition) -> Write:
    """Return the write that stores `item` in the table `name` if `condition` is true."""
    return {"Put": {"TableName": name, "Item": encode(item), **condition}}


def remove(name: str, record_id: str, condition: Condition) -> Write:
    """Return the write that deletes an item from the records table if `condition` is true."""
    return {"Delete": {"TableName": name, "Key": encode({"recordID": record_id}), **condition}}


def is_absent(now: int) -> Condition:
    """Return the condition that the item does not exist or has expired by `now` (epoch seconds)."""
    expression = "attribute_not_exists(#recordID) OR #expiresAt <= :now"
    return _condition(expression, ["recordID", "expiresAt"], {"now": now})


def is_unchanged(old: Record) -> Condition:
    """Return the condition that the record `old` was not modified since it was read."""
    expected = {name: old[name] for name in VERSION_ATTRIBUTES if name in old}
    clauses = [
        f"#{name} = :{name}" if name in expected else f"attribute_not_exists(#{name})"
        for name in VERSION_ATTRIBUTES
    ]
    return _condition(" AND ".join(clauses), VERSION_ATTRIBUTES, expected)


def is_impossible() -> Condition:
    """Return a condition that is always false, for the self-test."""
    expression = "attribute_exists(#recordID) AND attribute_not_exists(#recordID)"
    return _condition(expression, ["recordID"], {})


def transact(table: Table, writes: Sequence[Write]) -> None:
    """Apply all of `writes`, or none of them.

    The request has a new token, so that DynamoDB applies it once however often the wire client
    sends it (Amazon DynamoDB API Reference, TransactWriteItems, ClientRequestToken). Raises
    Conflict if a condition is false, Unavailable, OutcomeUnknown or dynamodb.Refused.
    """
    request = {"ClientRequestToken": ids.token(), "TransactItems": list(writes)}
    try:
        table.client.call("TransactWriteItems", request, table.deadline)
    except dynamodb.ConditionFailed as error:
        raise Conflict(str(error), ambiguous=error.ambiguous) from error
    except (dynamodb.Unavailable, dynamodb.Refused) as error:
        # A refusal does not settle an earlier attempt: the credentials may have expired in between.
        if error.ambiguous:
            raise OutcomeUnknown(str(error)) from error
        if isinstance(error, dynamodb.Refused):
            raise
        raise Unavailable(str(error)) from error


def read(table: Table, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's response to GetItem or Query. Raises Unavailable or dynamodb.Refused."""
    request = {"TableName": table.name, "ReturnConsumedCapacity": "TOTAL", **request}
    try:
        response = table.client.call(operation, request, table.deadline)
    except dynamodb.Unavailable as error:
        raise Unavailable(str(error)) from error
    table.consumed_read_units += response.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
    return response


def placeholders(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an expression's placeholders. Every name gets one, so that reserved words work."""
    terms: dict[str, Any] = {"ExpressionAttributeNames": {f"#{name}": name for name in names}}
    if values:
        terms["ExpressionAttributeValues"] = {
            f":{name}": attributes.encode(value) for name, value in values.items()
        }
    return terms


def encode(item: Record) -> dict[str, Any]:
    """Return an item as attribute values."""
    return {name: attributes.encode(value) for name, value in item.items()}


def decode(item: Item) -> Record:
    """Return an item of attribute values as a plain dict."""
    return {name: attributes.decode(value) for name, value in item.items()}


def decode_only(item: Item, *names: str) -> Record:
    """Return the attributes with these names, as far as the item has them, as a plain dict."""
    return {name: attributes.decode(item[name]) for name in names if name in item}


def _condition(expression: str, names: Iterable[str], values: Mapping[str, Any]) -> Condition:
    return {"ConditionExpression": expression, **placeholders(names, values)}
