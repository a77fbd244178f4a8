"""Lists of records: index selection, filters and paging."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from . import cursor, store
from .cursor import ItemKey
from .fields import RECORD_ID
from .store import FEED, FEED_KEY, INDEXES, Record, Table, Unavailable

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


class Query(NamedTuple):
    """A query for records: exact filters, order, and inclusive bounds of `position`."""

    filters: dict[str, str]
    descending: bool = True
    lower: str = LOWEST
    upper: str = HIGHEST


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
            elif added < limit and add(store.decode(item)):
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


def _read_items(
    table: Table, request: dict[str, Any]
) -> Iterator[tuple[ItemKey, Mapping[str, Any] | None]]:
    """Yield each item of a Query with its key; after each call but the last, (end key, None)."""
    while True:
        response = store.read(table, "Query", request)
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
        **store.placeholders(
            [name, "position", "deletedAt", "expiresAt", *residual], values | residual
        ),
    }
    if after is not None:
        keys = {name: value, "position": after.position, "recordID": after.record_id}
        request["ExclusiveStartKey"] = store.encode(keys)
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
