"""One change of a record: its place in the chain of entries, and the transaction that makes it.

The record and its history entry are written by one transaction, so there is never one without the
other. A state that the chain does not describe, because something outside this service wrote it, is
recorded first, as an `adopt` entry in the same transaction.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from . import entries, history, representation, store
from .history import Author, Entry, Link
from .store import FEED, FEED_KEY, Record, Table

# A larger version, which another program stored, is not continued.
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


def timestamp(moment: datetime) -> str:
    """Return `moment` as RFC 3339 text in UTC, truncated to milliseconds.

    The width is fixed, so that timestamps sort by time.
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def first_turn(record_id: str, now: datetime) -> Turn:
    """Return the attempt to create a record that has no history."""
    return Turn(record_id, None, None, None, timestamp(now), int(now.timestamp()))


def turn(
    table: Table, record_id: str, stored: Record | None, origin: Origin, now: datetime
) -> Turn:
    """Return an attempt to change the record `stored`, or to restore it if it is None.

    `now` is the time of the attempt. Raises the errors of `store`.
    """
    seconds = int(now.timestamp())
    last = None if stored is None else _described_by(stored)
    entry = None if last else entries.newest(table, record_id, seconds)
    link = last or (history.link(entry) if entry else None)
    adopted = None
    if stored is not None and last is None:
        adopted = _adoption(stored, link, origin.author, _after(link, now))
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


def commit(
    table: Table,
    turn: Turn,
    change: str,
    record: Record | None,
    origin: Origin,
    *,
    tombstone: Record | None = None,
) -> bool:
    """Make the change; return False if the record was modified concurrently.

    `record` is the stamped record, or None to delete it. A deleted record is replaced with
    `tombstone` if there is one. Raises the errors of `store`.
    """
    entry = _entry(turn, change, record, origin)
    item = tombstone if record is None else _item(record, entry, turn)
    writes = [_record_write(table, turn, item)]
    for each in filter(None, (turn.adopted, entry)):
        stored = _stored_entry(each, record or turn.stored or {}, turn, origin)
        writes.append(store.put(table.history_name, stored, store.is_absent(turn.now)))
    try:
        store.transact(table, writes)
    except store.Conflict:
        # The entry cannot be changed, so it tells whether an earlier attempt of this very request
        # made the change.
        written = entries.get_entry(table, turn.record_id, turn.version, turn.now)
        return written is not None and written.get("writeToken") == origin.token
    return True


def _described_by(record: Record) -> Link | None:
    """Return the end of the chain that the record names, if it describes the record."""
    version, last = representation.entry_version(record), record.get("last")
    if version is None or version != representation.version(record):
        return None
    try:
        link_hash, state = last["hash"].hex(), last["state"].hex()
        first = int(last.get("first", 1))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if state != _state(record):
        return None
    return Link(version, link_hash, str(record.get("updatedAt")), first)


def _adoption(stored: Record, link: Link | None, author: Author, changed_at: str) -> Entry:
    """Return the entry for a state that something outside this service wrote."""
    number = representation.version(stored)
    earliest = link.version + 1 if link else 1
    return history.entry(
        history.ADOPT,
        stored["recordID"],
        representation.public(stored | {"last": None}),
        Author(None, author.request_id),
        link,
        version=max(number, earliest) if number <= MAX_ADOPTED_VERSION else earliest,
        changed_at=changed_at,
        expires_at=_expires_at(stored),
    )


def _entry(turn: Turn, change: str, record: Record | None, origin: Origin) -> Entry:
    return history.entry(
        change,
        turn.record_id,
        None if record is None else representation.public(record),
        origin.author,
        turn.link,
        version=turn.version,
        changed_at=turn.changed_at,
        expires_at=_expires_at(record or turn.stored or {}),
    )


def _item(record: Record, entry: Entry, turn: Turn) -> Record:
    """Return the item of a record, which names its last entry."""
    last: dict[str, Any] = {
        "version": turn.version,
        "hash": bytes.fromhex(entry["hash"]),
        "state": bytes.fromhex(_state(record)),
    }
    if turn.link and turn.link.first > 1:
        last["first"] = turn.link.first
    indexed = {FEED_KEY: FEED, "position": store.position(record)} if _is_indexable(record) else {}
    return indexed | record | {"last": last}


def _stored_entry(entry: Entry, record: Record, turn: Turn, origin: Origin) -> Record:
    """Return an entry with the attributes that callers do not see."""
    internal: dict[str, Any] = {
        "feed": history.FEED,
        "position": history.position(entry),
        "writeToken": origin.token,
    }
    if "requestHash" in record:
        internal["requestHash"] = record["requestHash"]
    if turn.link and turn.link.first > 1:
        internal["first"] = turn.link.first
    return entry | internal


def _record_write(table: Table, turn: Turn, item: Record | None) -> store.Write:
    if turn.stored is None:
        return store.put(table.name, item or {}, store.is_absent(turn.now))
    if item is None:
        return store.remove(table.name, turn.record_id, store.is_unchanged(turn.stored))
    return store.put(table.name, item, store.is_unchanged(turn.stored))


def _state(record: Record) -> str:
    request_hash = record.get("requestHash")
    return history.state(
        representation.public(record),
        _expires_at(record),
        request_hash if isinstance(request_hash, str) else None,
    )


def _expires_at(record: Record) -> int | None:
    number = record.get("expiresAt")
    return int(number) if type(number) in (int, Decimal) else None


def _is_indexable(record: Record) -> bool:
    return "createdAt" in record


def _after(link: Link | None, now: datetime) -> str:
    """Return the time of the next change: `now`, but later than the change before it."""
    if link is None:
        return timestamp(now)
    try:
        previous = datetime.fromisoformat(link.changed_at)
        return timestamp(max(now, previous + MILLISECOND))
    except (TypeError, ValueError, OverflowError):
        return timestamp(now)
