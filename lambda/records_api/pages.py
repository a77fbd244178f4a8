"""Read one page of a Query, within a budget of calls and time."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from . import store
from .store import Item, Table, Unavailable

# A page makes at most this many Query calls (each reads up to 1 MB). A query with few matches
# returns shorter pages instead of taking longer.
READ_BUDGET_PAGES = 8

Key = TypeVar("Key")


def read(
    table: Table,
    request: Mapping[str, Any],
    limit: int,
    key_of: Callable[[Item], Key | None],
    add: Callable[[Item], bool],
    is_shown: Callable[[Item], bool] = lambda _: True,
) -> tuple[Key | None, bool]:
    """Pass the items of a page to `add`; return the last key, and whether the end was reached.

    The last key is that of the last item that was added or filtered out; None if there is none. The
    page ends after `limit` items, before an item for which `add` returns False (with the methods of
    page_responses.Page: at the size limit of a response), after READ_BUDGET_PAGES, or at the
    deadline, so it may be short or empty without being the last.
    `key_of` returns the key of an item or of DynamoDB's LastEvaluatedKey, or None if no page can
    end there. An item without a key, or that is not shown, is skipped. Raises Unavailable only if
    the page made no progress.
    """
    last_key, added, reads = None, 0, 0
    try:
        for key, item in _items(table, dict(request), key_of, is_shown):
            if item is None:
                reads += 1
            elif added < limit and add(item):
                added += 1
            else:
                return last_key, False
            last_key = key
            if reads >= READ_BUDGET_PAGES or time.monotonic() >= table.deadline:
                return last_key, False
    except Unavailable:
        if last_key is None:
            raise
        return last_key, False
    return last_key, True


def _items(
    table: Table,
    request: dict[str, Any],
    key_of: Callable[[Item], Key | None],
    is_shown: Callable[[Item], bool],
) -> Iterator[tuple[Key, Item | None]]:
    """Yield each item of a Query with its key; after each call but the last, (end key, None)."""
    while True:
        response = store.read(table, "Query", request)
        # The items are taken out of the response, so that its memory is freed before the next call.
        for item in response.pop("Items"):
            if is_shown(item) and (key := key_of(item)) is not None:
                yield key, item
        if "LastEvaluatedKey" not in response:
            return
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]
        if (key := key_of(response["LastEvaluatedKey"])) is not None:
            yield key, None
