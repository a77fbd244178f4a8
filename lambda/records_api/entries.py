"""Reads of the history table. An entry is a plain dict, as `history.entry` returns it."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from . import pages, store
from .history import FEED, Entry
from .store import Item, Table

CHANGES_INDEX = "byChange"
# Changes are settled when they are older. A write may be applied as late as its invocation can
# last, 29 s; the rest is for clocks that differ, and for the index, which follows the table.
SETTLING_TIME = timedelta(seconds=60)
# A place in the feed is a text; the changes after it have a larger `position`. A position begins
# with a digit, so these are below and above every position. DynamoDB rejects an empty string in a
# key condition.
BEGINNING, END = "0", "~"
# "$" sorts after the "#" of a position, and no position begins with another one. So `<position>$`
# sorts directly after that position, and `<timestamp>$` after all changes of that millisecond.
AFTER = "$"
TIMESTAMP = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z"
PLACE = re.compile(rf"{BEGINNING}|{TIMESTAMP}(\{AFTER}|#[^#]+#[0-9]{{10,16}})")
# Expired entries belong to an earlier record with the same ID and may be many. Usually there are
# none, so `newest` reads one entry first, and then this many at once.
EXPIRED_READ_ITEMS = 250
# As in DynamoDB's TTL, an item whose expiresAt is not a number never expires.
NOT_EXPIRED = "NOT attribute_type(#expiresAt, :numeric) OR #expiresAt > :now"

# Takes an entry, as DynamoDB returns it, for a page; or returns False if it has no room for it.
Add = Callable[[Item], bool]


class Reached(NamedTuple):
    """Where a page of changes ended: the place to continue after, and whether nothing is left."""

    place: str
    is_end: bool


def get_entry(table: Table, record_id: str, version: int, now: int) -> Entry | None:
    """Return the entry of a version (strongly consistent read).

    Returns None if there is none, or if it has expired by `now` (epoch seconds).
    """
    key = {"recordID": record_id, "version": version}
    entry = store.get_item(table, table.history_name, key)
    return None if entry is None or store.is_expired(entry, now) else entry


def newest(table: Table, record_id: str, now: int) -> Entry | None:
    """Return the newest entry of a record (strongly consistent read), or None if it has none.

    Entries that have expired by `now` (epoch seconds) belong to an earlier record with this ID.
    """
    request = _history_request(table, record_id, None, now, descending=True) | {"Limit": 1}
    while True:
        response = store.read(table, "Query", request)
        if response["Items"]:
            return store.decode(response["Items"][0])
        if "LastEvaluatedKey" not in response:
            return None
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        request["Limit"] = EXPIRED_READ_ITEMS


def read_history(
    table: Table,
    record_id: str,
    limit: int,
    after: int | None,
    now: int,
    add: Add,
    *,
    descending: bool,
) -> int | None:
    """Pass a page of a record's entries to `add` (strongly consistent read).

    Returns the version to continue after, or None at the end. The page starts after the version
    `after`, in the order of versions, and ends as `pages.read` describes. It omits entries that
    have expired by `now` (epoch seconds). Raises Unavailable only if the page made no progress.
    """
    request = _history_request(table, record_id, after, now, descending=descending)
    version, is_end = pages.read(table, request | {"Limit": limit + 1}, limit, _version, add)
    return None if is_end else version


def read_changes(table: Table, after: str, before: str, limit: int, now: int, add: Add) -> Reached:
    """Pass a page of the changes between two places to `add`, oldest first.

    The page starts after the place `after` and ends before the place `before`, or earlier as
    `pages.read` describes. It omits entries that have expired by `now` (epoch seconds). Raises
    Unavailable only if the page made no progress.
    """
    lower = after + AFTER
    if lower > before:  # DynamoDB rejects bounds in the wrong order.
        return Reached(after, is_end=True)
    request = _request(
        table,
        "#feed = :feed AND #position BETWEEN :lower AND :upper",
        ("feed", "position"),
        {"feed": FEED, "lower": lower, "upper": before, "now": now},
    )
    request |= {"IndexName": CHANGES_INDEX, "Limit": limit + 1}
    place, is_end = pages.read(table, request, limit, _position, add)
    return Reached(place or after, is_end)


def _history_request(
    table: Table, record_id: str, after: int | None, now: int, *, descending: bool
) -> dict[str, Any]:
    """Return the Query for the entries of a record after the version `after`."""
    condition, names = "#recordID = :recordID", ["recordID"]
    values: dict[str, Any] = {"recordID": record_id, "now": now}
    if after is not None:
        condition += f" AND #version {'<' if descending else '>'} :version"
        names.append("version")
        values["version"] = after
    order = {"ScanIndexForward": not descending, "ConsistentRead": True}
    return _request(table, condition, names, values) | order


def _request(
    table: Table, condition: str, names: Sequence[str], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a Query of the history table that omits entries expired by `values["now"]`."""
    return {
        "TableName": table.history_name,
        "KeyConditionExpression": condition,
        "FilterExpression": NOT_EXPIRED,
        **store.placeholders([*names, "expiresAt"], {**values, "numeric": "N"}),
    }


def _version(item: Item) -> int:
    return int(item["version"]["N"])


def _position(item: Item) -> str:
    text: str = item["position"]["S"]
    return text
