"""Rules for records: IDs, merge patches, idempotency keys, and which changes are allowed."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from . import entries, history, store, writes
from .fields import CLIENT_FIELDS, RECORD_ID, check, check_growth
from .ids import derived_id, uuid7
from .jsontext import to_json
from .representation import is_visible, public, tag, timestamp
from .store import Item, Record, Table
from .writes import Origin

MAX_RECORD_BYTES = 64 * 1024

# Returns whether a record with the given entity tag may be changed. The tag is None if there is no
# record, which can be restored.
Precondition = Callable[[str | None], bool]
# Returns what the record becomes. The argument is what it is, or None if there is none.
Change = Callable[[Record | None], Record]


class TooLarge(Exception):
    """The record would exceed MAX_RECORD_BYTES."""


class NotFound(Exception):
    """No record has this ID."""


class Deleted(Exception):
    """The record that was created with this Idempotency-Key has been deleted."""


class KeyReused(Exception):
    """The Idempotency-Key was already used with a different body."""


class PreconditionFailed(Exception):
    """The record does not satisfy the request's preconditions.

    `tag` is its current entity tag, or None if there is no record.
    """

    def __init__(self, tag: str | None) -> None:
        super().__init__("the record does not satisfy the preconditions")
        self.tag = tag


class Caller(NamedTuple):
    """The sender of a request.

    `identity` is stored as `submittedBy`. `namespace` scopes the caller's idempotency keys; unlike
    `identity`, it does not include a role session.
    """

    identity: str
    namespace: str


def create(
    table: Table,
    body: Any,
    caller: Caller,
    origin: Origin,
    *,
    key: str | None,
    retention_days: int,
    open_auth: bool,
) -> tuple[Record, bool]:
    """Store a new record; return the record and whether an earlier request had created it.

    With an idempotency key, the ID is derived from the caller and the key, so the conditional write
    detects an earlier request with the same key. The key stays in use as long as the history of its
    record is kept, also after a deletion. `open_auth` allows `submittedBy` in the body. A record
    expires after `retention_days`; 0 means never. Raises Invalid, TooLarge, KeyReused or Deleted,
    and the errors of `store`.
    """
    check(
        body,
        (*CLIENT_FIELDS, "submittedBy") if open_auth else CLIENT_FIELDS,
        required=("type", "status"),
    )
    content: Record = {"submittedBy": caller.identity, "attributes": {}, **body}
    if key is not None:
        content["requestHash"] = hashlib.sha256(to_json(body, sort_keys=True).encode()).hexdigest()
    while True:
        now = origin.clock()
        record_id = uuid7(now) if key is None else derived_id(caller.namespace, key)
        content |= {"recordID": record_id, "createdAt": timestamp(now)}
        if retention_days:
            content["expiresAt"] = int(now.timestamp()) + retention_days * 86400
        turn = writes.first_turn(record_id, now)
        record = _sized(writes.stamped(turn, content, origin))
        if writes.commit(table, turn, history.CREATE, record, origin):
            return record, False
        if key is not None and (earlier := _replayed(table, record, now)):
            return earlier, True


def get(table: Table, record_id: str, now: datetime) -> Item:
    """Return the record with this ID, as DynamoDB returns it.

    Raises NotFound if the ID is malformed, or if the record does not exist, was deleted or expired.
    """
    if RECORD_ID.fullmatch(record_id):
        item = store.read_item(table, table.name, {"recordID": record_id})
        if item and is_visible(store.decode_only(item, "deletedAt", "expiresAt"), now):
            return item
    raise NotFound


def read_history(
    table: Table,
    record_id: str,
    limit: int,
    after: int | None,
    now: datetime,
    add: entries.Add,
    *,
    descending: bool,
) -> int | None:
    """Pass a page of a record's history to `add`, as `entries.read_history` describes.

    A deleted record has a history, and a record that an earlier release wrote last may have none.
    Raises NotFound if the ID is malformed, or if there is neither a history nor a record.
    """
    if not RECORD_ID.fullmatch(record_id):
        raise NotFound
    seconds, is_empty = int(now.timestamp()), True

    def add_found(item: Item) -> bool:
        nonlocal is_empty
        is_empty = False
        return add(item)

    version = entries.read_history(
        table, record_id, limit, after, seconds, add_found, descending=descending
    )
    has_ended = is_empty and version is None
    if has_ended and (after is None or entries.newest(table, record_id, seconds) is None):
        get(table, record_id, now)
    return version


def update(
    table: Table, record_id: str, patch: Any, precondition: Precondition, origin: Origin
) -> Record:
    """Apply a JSON Merge Patch and return the updated record.

    Concurrent modification is handled as in `change`. Raises Invalid, TooLarge, NotFound,
    PreconditionFailed, and the errors of `store`.
    """
    check(patch, CLIENT_FIELDS, removable=("message", "attributes"))

    def patched(current: Record | None) -> Record:
        return _patched(_required(current, precondition), patch)

    return change(table, record_id, history.UPDATE, patched, origin)


def delete(table: Table, record_id: str, precondition: Precondition, origin: Origin) -> None:
    """Delete a record.

    Its history remains, so a late retry of the create does not bring it back. Concurrent
    modification is handled as in `change`. Raises NotFound, PreconditionFailed, and the errors of
    `store`.
    """

    def deleted(current: Record | None) -> Record:
        return _required(current, precondition)

    change(table, record_id, history.DELETE, deleted, origin)


def change(table: Table, record_id: str, kind: str, new_content: Change, origin: Origin) -> Record:
    """Change a record and return it as it is after the change, or as deleted.

    If it is modified concurrently, it is read again, and `new_content` is called again, until the
    table's deadline. Raises the errors of `new_content`, TooLarge, and the errors of `store`.
    """
    is_repeated = False
    while True:
        now = origin.clock()
        stored = store.get(table, record_id) if RECORD_ID.fullmatch(record_id) else None
        content = new_content(stored if is_visible(stored, now) else None)
        turn = writes.turn(table, record_id, stored, origin, now, is_repeated=is_repeated)
        record = writes.stamped(turn, content, origin)
        after = None if kind == history.DELETE else _sized(record)
        if writes.commit(table, turn, kind, after, origin):
            return record
        is_repeated = True


def check_precondition(record: Record | None, precondition: Precondition) -> None:
    """Raise PreconditionFailed unless `precondition` allows to change the record."""
    current = None if record is None else tag(record)
    if not precondition(current):
        raise PreconditionFailed(current)


def content_of(record: Record) -> Record:
    """Return the fields that clients set."""
    return {name: record[name] for name in CLIENT_FIELDS if name in record}


def without_content(record: Record) -> Record:
    """Return the other fields and attributes."""
    return {name: value for name, value in record.items() if name not in CLIENT_FIELDS}


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` with `patch` applied (RFC 7396, section 2). Neither argument is modified."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _replayed(table: Table, record: Record, now: datetime) -> Record | None:
    """Return the record that an earlier request with the idempotency key of `record` created.

    Returns None if nothing holds the key any more. Raises KeyReused or Deleted.
    """
    stored = store.get(table, record["recordID"])
    holder = stored
    if stored is None or store.is_expired(stored, int(now.timestamp())):
        holder = entries.get_entry(table, record["recordID"], 1, int(now.timestamp()))
    if holder is None:
        return None
    if holder.get("requestHash") != record["requestHash"]:
        raise KeyReused
    if holder is not stored or "deletedAt" in holder:
        raise Deleted
    return stored


def _required(record: Record | None, precondition: Precondition) -> Record:
    """Return the record if it satisfies `precondition`. Raises NotFound or PreconditionFailed."""
    if record is None:
        raise NotFound
    check_precondition(record, precondition)
    return record


def _patched(current: Record, patch: Any) -> Record:
    """Return `current` with `patch` applied. Raises Invalid."""
    content: Record = {"attributes": {}} | merge_patch(content_of(current), patch)
    if "attributes" in patch:
        check_growth(current.get("attributes"), content["attributes"])
    return without_content(current) | content


def _sized(record: Record) -> Record:
    """Return the record. Raises TooLarge."""
    if len(to_json(public(record)).encode()) > MAX_RECORD_BYTES:
        raise TooLarge
    return record
