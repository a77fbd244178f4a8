"""One change of a record: its place in the chain of entries, and the transaction that makes it.

The record and its history entry are written by one transaction, so there is never one without the
other. A state that the chain does not describe, because something outside this service wrote it, is
recorded first, as an `adopt` entry in the same transaction.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from . import dynamodb, entries, history, representation, store
from .history import Author, Entry, Link
from .representation import timestamp
from .store import Record, Table

# A larger version, which another program stored, is not continued. The position of an entry has
# room for ten digits.
MAX_ADOPTED_VERSION = 10**9
MILLISECOND = timedelta(milliseconds=1)


class Origin(NamedTuple):
    """Where a change comes from: its author, the token of the request's writes, and the clock."""

    author: Author
    token: str
    clock: Callable[[], datetime]


class Turn(NamedTuple):
    """One attempt to change a record.

    `stored` is the item that the change replaces, None if there is none. `adopted` is the entry for
    a state that the chain did not describe. `link` is the end of the chain, with that entry.
    """

    record_id: str
    stored: Record | None
    adopted: Entry | None
    link: Link | None
    changed_at: str
    now: int

    @property
    def version(self) -> int:
        """Return the version after the change."""
        return self.link.version + 1 if self.link else 1

    @property
    def first(self) -> int:
        """Return the version of the chain's first entry."""
        return self.link.first if self.link else 1


def first_turn(record_id: str, now: datetime) -> Turn:
    """Return the attempt to create a record that has no history."""
    return Turn(record_id, None, None, None, timestamp(now), int(now.timestamp()))


def turn(
    table: Table,
    record_id: str,
    stored: Record | None,
    origin: Origin,
    now: datetime,
    *,
    is_repeated: bool = False,
) -> Turn:
    """Return an attempt to change the record `stored`, or to restore it if it is not visible.

    `now` is the time of the attempt. A record names its last entry, which saves a read. If an
    attempt of the request failed (`is_repeated`), the entry is read even so: a record that was
    restored from a backup is behind its history. Raises the errors of `store`.
    """
    seconds = int(now.timestamp())
    if stored is not None and store.is_expired(stored, seconds):
        stored = None
    record = stored if representation.is_visible(stored, now) else None
    link = last = None if record is None else _described_by(record)
    if last is None or is_repeated:
        entry = entries.newest(table, record_id, seconds)
        link = history.link(entry) if entry else None
    adopted = None
    if record is not None and (last is None or link is None or link.hash != last.hash):
        adopted = _adoption(record, link, origin.author, _after(link, now))
        link = history.link(adopted, link.first if link else int(adopted["version"]))
    return Turn(record_id, stored, adopted, link, _after(link, now), seconds)


def stamped(turn: Turn, record: Record, origin: Origin) -> Record:
    """Return `record` with the version, time, author and write token of the change."""
    return record | {
        "updatedAt": turn.changed_at,
        "updatedBy": origin.author.identity,
        "version": turn.version,
        "writeToken": origin.token,
        "last": {"version": turn.version},
    }


def commit(table: Table, turn: Turn, change: str, record: Record | None, origin: Origin) -> bool:
    """Make the change; return False if the record was modified concurrently.

    `record` is the stamped record, or None to delete it. Raises the errors of `store`.
    """
    try:
        store.transact(table, members(table, turn, change, record, origin))
    except store.Conflict as conflict:
        return conflict.ambiguous and _is_made(table, turn, origin)
    return True


def members(
    table: Table,
    turn: Turn,
    change: str,
    record: Record | None,
    origin: Origin,
    **stated: Any,
) -> list[store.Write]:
    """Return the members of the transaction that makes a change; see `commit`.

    `stated` are further fields of the change's entry. The records table is left alone if it has no
    item before and after the change.
    """
    entry = history.entry(
        change,
        turn.record_id,
        None if record is None else representation.public(record),
        origin.author,
        turn.link,
        version=turn.version,
        changed_at=turn.changed_at,
        expires_at=_expires_at(record or turn.stored or {}),
        **stated,
    )
    item = _tombstone(turn, origin) if record is None else _item(record, entry, turn)
    changes = []
    if turn.stored is not None or item is not None:
        changes.append(_record_write(table, turn, item))
    for each in (turn.adopted, entry):
        if each is not None:
            stored = _stored_entry(each, record or turn.stored or {}, turn, origin)
            changes.append(store.put(table.history_name, stored, store.is_absent(turn.now)))
    return changes


def _is_made(table: Table, turn: Turn, origin: Origin) -> bool:
    """Return whether an earlier attempt, which got no response, made the change.

    Its entry is never changed, so the write token in it identifies the request that wrote it.
    Raises OutcomeUnknown if the entry cannot be read.
    """
    try:
        entry = entries.get_entry(table, turn.record_id, turn.version, turn.now)
    except (store.Unavailable, dynamodb.Refused) as error:
        raise store.OutcomeUnknown(str(error)) from error
    return entry is not None and entry.get("writeToken") == origin.token


def _described_by(record: Record) -> Link | None:
    """Return the end of the chain that the record names, if it describes the record."""
    version = representation.entry_version(record)
    if version is None or version != representation.version(record):
        return None
    last: Any = record["last"]
    try:
        link_hash, state = last["hash"].hex(), last["state"].hex()
        first = int(last.get("first", 1))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if state != _state(record):
        return None
    return Link(version, link_hash, str(record.get("updatedAt")), first)


def _adoption(record: Record, link: Link | None, author: Author, changed_at: str) -> Entry:
    """Return the entry for a state that something outside this service wrote."""
    number = representation.version(record)
    earliest = link.version + 1 if link else 1
    return history.entry(
        history.ADOPT,
        record["recordID"],
        representation.public(record | {"last": None}),
        Author(None, author.request_id),
        link,
        version=max(number, earliest) if number <= MAX_ADOPTED_VERSION else earliest,
        changed_at=changed_at,
        expires_at=_expires_at(record),
    )


def _item(record: Record, entry: Entry, turn: Turn) -> Record:
    """Return the item of a record, which names its last entry."""
    last: dict[str, Any] = {
        "version": turn.version,
        "hash": bytes.fromhex(entry["hash"]),
        "state": bytes.fromhex(_state(record)),
    }
    if turn.first > 1:
        last["first"] = turn.first
    is_new = turn.stored is None or "deletedAt" in turn.stored
    keys = store.index_keys(record) if is_new else {}
    return record | keys | {"last": last}


def _tombstone(turn: Turn, origin: Origin) -> Record | None:
    """Return the item that reserves a deleted record's idempotency key, or None.

    It is needed only without the entry of version 1, with which a late retry of the create would
    conflict. It lasts as long as the other entries.
    """
    if turn.stored is None or "requestHash" not in turn.stored or turn.first == 1:
        return None
    kept = {
        name: turn.stored[name]
        for name in ("recordID", "requestHash", "expiresAt")
        if name in turn.stored
    }
    return kept | {"deletedAt": turn.changed_at, "writeToken": origin.token}


def _stored_entry(entry: Entry, record: Record, turn: Turn, origin: Origin) -> Record:
    """Return an entry with the attributes that callers do not see."""
    internal: dict[str, Any] = {
        "feed": history.FEED,
        "position": history.position(entry),
        "writeToken": origin.token,
    }
    if "requestHash" in record:
        internal["requestHash"] = record["requestHash"]
    if turn.first > 1:
        internal["first"] = turn.first
    return entry | internal


def _record_write(table: Table, turn: Turn, item: Record | None) -> store.Write:
    if turn.stored is None:
        return store.put(table.name, item or {}, store.is_absent(turn.now))
    if item is None:
        return store.remove(table.name, turn.record_id, store.is_unchanged(turn.stored))
    return store.put(table.name, item, store.is_unchanged(turn.stored))


def _state(record: Record) -> str:
    return history.state(
        representation.public(record), _expires_at(record), record.get("requestHash")
    )


def _expires_at(record: Record) -> int | Decimal | None:
    number = record.get("expiresAt")
    return number if type(number) in (int, Decimal) else None


def _after(link: Link | None, now: datetime) -> str:
    """Return the time of the next change: `now`, but later than the change before it."""
    if link is None:
        return timestamp(now)
    try:
        return timestamp(max(now, datetime.fromisoformat(link.changed_at) + MILLISECOND))
    except (TypeError, ValueError, OverflowError):
        return timestamp(now)
