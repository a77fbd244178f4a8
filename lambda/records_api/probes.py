"""What the self-test tries: every call that an operation makes, without writing anything."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import entries, ids, store
from .store import FEED_KEY, INDEXES, Table

# A record ID cannot start with a dash. Each probe uses new ones, because two self-tests that write
# the same items at once would be in conflict.
PREFIX = "-self-test-"


def probe(table: Table, operation: str) -> None:
    """Make every call that `operation` makes, with the same permissions, but write nothing.

    Raises dynamodb.Refused if DynamoDB rejects a call, or store.Unavailable or
    store.OutcomeUnknown.
    """
    for call in CALLS[operation]:
        call(table)


def _get_record(table: Table) -> None:
    store.get(table, _absent_id())


def _get_entry(table: Table) -> None:
    entries.get_entry(table, _absent_id(), 1, 0)


def _newest_entry(table: Table) -> None:
    entries.newest(table, _absent_id(), 0)


def _read_lists(table: Table) -> None:
    for name in [FEED_KEY, *sorted(table.filter_indexes)]:
        _query(table, table.name, INDEXES[name], name, _absent_id())


def _read_changes(table: Table) -> None:
    _query(table, table.history_name, entries.CHANGES_INDEX, FEED_KEY, _absent_id())


def _put(table: Table) -> None:
    """Try to write a record and an entry."""
    record_id = _absent_id()
    _try(table, store.put(table.name, {"recordID": record_id}, store.is_impossible()), record_id)


def _remove(table: Table) -> None:
    """Try to delete a record and write an entry."""
    record_id = _absent_id()
    _try(table, store.remove(table.name, record_id, store.is_impossible()), record_id)


def _try(table: Table, write: store.Write, record_id: str) -> None:
    entry = {"recordID": record_id, "version": 1}
    with suppress(store.Conflict):
        condition = store.is_impossible()
        store.transact(table, [write, store.put(table.history_name, entry, condition)])


def _query(table: Table, table_name: str, index: str, key: str, value: str) -> None:
    request: dict[str, Any] = {
        "TableName": table_name,
        "IndexName": index,
        "KeyConditionExpression": f"#{key} = :{key}",
        "Limit": 1,
        **store.placeholders([key], {key: value}),
    }
    store.read(table, "Query", request)


def _absent_id() -> str:
    return PREFIX + ids.token()


_WRITES = (_get_record, _get_entry, _put)
# The calls of each operation, which are what modules/records-api/operations.tf permits.
CALLS: dict[str, tuple[Callable[[Table], None], ...]] = {
    "list": (_read_lists,),
    "get": (_get_record,),
    "create": _WRITES,
    "update": (*_WRITES, _newest_entry),
    "delete": (*_WRITES, _newest_entry, _remove),
    "history": (_get_record, _newest_entry),
    "changes": (_read_changes,),
    "restore": (*_WRITES, _newest_entry),
}
