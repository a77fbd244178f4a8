"""Reads of the history table. An entry is a plain dict, as `history.entry` returns it."""

from typing import Any

from . import store
from .history import Entry
from .store import Table


def get_entry(table: Table, record_id: str, version: int, now: float) -> Entry | None:
    """Return the entry of a version (strongly consistent read).

    Returns None if there is none, or if it has expired by `now` (epoch seconds).
    """
    key = {"recordID": record_id, "version": version}
    entry = store.get_item(table, table.history_name, key)
    return None if entry is None or store.is_expired(entry, now) else entry


def newest(table: Table, record_id: str, now: float) -> Entry | None:
    """Return the newest entry of a record (strongly consistent read), or None if it has none.

    Entries that have expired by `now` (epoch seconds) belong to an earlier record with this ID.
    """
    request: dict[str, Any] = {
        "TableName": table.history_name,
        "KeyConditionExpression": "#recordID = :recordID",
        "ScanIndexForward": False,
        "ConsistentRead": True,
        "Limit": 1,
        **store.placeholders(["recordID"], {"recordID": record_id}),
    }
    while True:
        response = store.read(table, "Query", request)
        for item in response["Items"]:
            entry = store.decode(item)
            if not store.is_expired(entry, now):
                return entry
        if "LastEvaluatedKey" not in response:
            return None
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]
