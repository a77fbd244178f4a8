"""Lists of records: index selection, filters and paging."""

from collections.abc import Callable
from typing import Any, NamedTuple

from . import cursor, pages, store
from .cursor import ItemKey
from .fields import PUBLIC_FIELDS, RECORD_ID
from .store import FEED, FEED_KEY, INDEXES, Item, Table

# A query with several filters uses the index of the first of these that the table has.
FILTER_PREFERENCE = ("submittedBy", "type", "status")
# A position begins with a digit, so these are below and above every position. DynamoDB rejects an
# empty string in a key condition.
LOWEST, HIGHEST = "0", "~"
# A Query with a filter expression reads at least this many items, so that a query with few matches
# does not need a call per record.
FILTERED_READ_ITEMS = 250
# What pages and cursors are made of. Without the rest, a response is a third shorter.
USED = (*PUBLIC_FIELDS, "position")
PROJECTION = ", ".join([*(f"#{name}" for name in USED), "#last.#version"])


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
    add: Callable[[Item], bool],
) -> ItemKey | None:
    """Pass the items of a page to `add`; return the key to continue after, or None at the end.

    The page starts after the key `after`, in the query's order, and ends as `pages.read` describes.
    It omits records that were deleted, that expired by `now` (epoch seconds), or that no URL or
    cursor can name. Raises Unavailable only if the page made no progress.
    """
    request = _query_request(table, query, limit, after, now)
    last_key, is_end = pages.read(table, request, limit, _item_key, add, _is_named)
    return None if is_end else last_key or after


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
        "ProjectionExpression": PROJECTION,
        "ScanIndexForward": not query.descending,
        "Limit": max(limit + 1, FILTERED_READ_ITEMS) if residual else limit + 1,
        **store.placeholders([name, *USED, "last", "deletedAt", "expiresAt"], values | residual),
    }
    if after is not None:
        keys = {name: value, "position": after.position, "recordID": after.record_id}
        request["ExclusiveStartKey"] = store.encode(keys)
    return request


def _item_key(item: Item) -> ItemKey | None:
    """Return the key of an item, or None if no cursor can hold it."""
    key = ItemKey(item["position"]["S"], item["recordID"]["S"])
    return key if cursor.fits(key) else None


def _is_named(item: Item) -> bool:
    """Return whether a URL can name the item."""
    return RECORD_ID.fullmatch(item["recordID"]["S"]) is not None


def _choose_index(table: Table, query: Query) -> tuple[str, str, dict[str, str]]:
    """Return the partition key attribute for `query`, its value, and the filters left to apply."""
    for name in FILTER_PREFERENCE:
        if name in query.filters and name in table.filter_indexes:
            residual = {field: query.filters[field] for field in query.filters if field != name}
            return name, query.filters[name], residual
    return FEED_KEY, FEED, query.filters
