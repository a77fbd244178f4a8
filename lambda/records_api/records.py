"""What a record is: ids, versions, merge patch; and the judgement of what became of a write."""

import hashlib
import math
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from . import store
from .fields import CLIENT_FIELDS, PUBLIC_FIELDS, RECORD_ID, check, check_growth
from .jsontext import to_json
from .store import Record

MAX_RECORD_BYTES = 64 * 1024
TOMBSTONE_SECONDS = 24 * 3600
# Whole numbers up to here are exact wherever JSON is read (RFC 8259, section 6).
MAX_VERSION = 2**53 - 1
Precondition = Callable[[str], bool]


class TooLarge(Exception):
    """The record would exceed MAX_RECORD_BYTES."""


class NotFound(Exception):
    """No record has that id."""


class Deleted(Exception):
    """The record that this Idempotency-Key created has been deleted since."""


class KeyReused(Exception):
    """The Idempotency-Key came with another body before."""


class PreconditionFailed(Exception):
    """The record is not in the state the caller named; `tag` is the state it is in."""

    def __init__(self, tag: str) -> None:
        super().__init__("the record has changed since")
        self.tag = tag


class Caller(NamedTuple):
    """Who asks. `identity` is recorded; `namespace`, the same without a session, is where idempotency keys live."""

    identity: str
    namespace: str


def timestamp(moment: datetime) -> str:
    """Return RFC 3339 text, in UTC, of a fixed width (milliseconds, cut off): texts order as their moments do."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def create(
    table: store.Table,
    body: Any,
    caller: Caller,
    now: datetime,
    *,
    key: str | None,
    retention_days: int,
    open_auth: bool,
) -> tuple[Record, bool]:
    """Store a new record and return it, and whether it is a replay: an earlier request with the same key made it.

    With an idempotency key the id follows from caller and key, so the conditional write itself finds the earlier
    request. Under open authentication the body may name `submittedBy`. Raises Invalid, TooLarge, KeyReused or Deleted.
    """
    check(
        body,
        (*CLIENT_FIELDS, "submittedBy") if open_auth else CLIENT_FIELDS,
        required=("type", "status"),
    )
    record: Record = {
        "recordID": uuid7(now) if key is None else derived_id(caller.namespace, key),
        "createdAt": timestamp(now),
        "updatedAt": timestamp(now),
        "submittedBy": caller.identity,
        "attributes": {},
        **body,
        "version": 1,
        "writeToken": secrets.token_hex(16),
    }
    _check_size(record)
    if retention_days:
        record["expiresAt"] = int(now.timestamp()) + retention_days * 86400
    if key is not None:
        record["requestHash"] = hashlib.sha256(to_json(body, sort_keys=True).encode()).hexdigest()
    try:
        store.insert(table, record, int(now.timestamp()))
    except store.Conflict as conflict:
        found = conflict.current or {}
        if found.get("writeToken") == record["writeToken"] or key is None:
            return found, False
        if found.get("requestHash") != record["requestHash"]:
            raise KeyReused from conflict
        if "deletedAt" in found:
            raise Deleted from conflict
        return found, True
    return record, False


def get(table: store.Table, record_id: str, now: datetime) -> Record:
    """Return the record of that id, or raise NotFound: never there, deleted, expired, or no id at all."""
    record = store.get(table, record_id) if RECORD_ID.fullmatch(record_id) else None
    if record is None or not _visible(record, now):
        raise NotFound
    return record


def update(
    table: store.Table, record_id: str, patch: Any, precondition: Precondition | None, now: datetime
) -> Record:
    """Apply a JSON Merge Patch and return the record as it is then.

    Without a precondition a lost race is run again, within the table's deadline. Raises NotFound, PreconditionFailed,
    Invalid, TooLarge, or store.OutcomeUnknown where nobody can tell any more whether the patch was applied.
    """
    check(patch, CLIENT_FIELDS, removable=("message", "attributes"))
    token = secrets.token_hex(16)

    def write(current: Record) -> Record:
        content = {name: current[name] for name in CLIENT_FIELDS if name in current}
        kept = {name: value for name, value in current.items() if name not in CLIENT_FIELDS}
        stamps = {
            "updatedAt": timestamp(now),
            "version": version(current) + 1,
            "writeToken": token,
        }
        changed: Record = kept | {"attributes": {}} | merge_patch(content, patch) | stamps
        if "attributes" in patch:
            check_growth(current.get("attributes"), changed["attributes"])
        _check_size(changed)
        store.replace(table, current, changed)
        return changed

    def settle(current: Record, conflict: store.Conflict) -> Record | None:
        found = conflict.current
        if found and found.get("writeToken") == token:
            return found
        _refuse_to_guess(current, conflict)
        return None

    return _change(table, record_id, precondition, now, write, settle)


def delete(
    table: store.Table, record_id: str, precondition: Precondition | None, now: datetime
) -> None:
    """Delete a record. One made with an idempotency key leaves a tombstone, so that a late retry can't bring it back.

    Raises NotFound, PreconditionFailed, or store.OutcomeUnknown where nobody can tell whether it was deleted.
    """
    token = secrets.token_hex(16)

    def write(current: Record) -> Record:
        if "requestHash" in current:
            tombstone = {name: current[name] for name in ("recordID", "requestHash")}
            tombstone |= {"deletedAt": timestamp(now), "writeToken": token}
            store.replace(
                table, current, tombstone | {"expiresAt": int(now.timestamp()) + TOMBSTONE_SECONDS}
            )
        else:
            store.remove(table, current)
        return current

    def settle(current: Record, conflict: store.Conflict) -> Record | None:
        if conflict.current and _visible(conflict.current, now):
            _refuse_to_guess(current, conflict)
            return None
        # Gone. Whose hand it was can't matter to a caller whose own attempt may have done it.
        return current if conflict.ambiguous else None

    _change(table, record_id, precondition, now, write, settle)


def public(record: Record) -> Record:
    """Return what callers see of an item, in a fixed order; other writers may have left out what has a default."""
    defaults = {"updatedAt": record["createdAt"]} if "createdAt" in record else {}
    complete = {"attributes": {}} | defaults | record | {"version": version(record)}
    return {name: complete[name] for name in PUBLIC_FIELDS if name in complete}


def tag(record: Record) -> str:
    """Return the record's entity tag: its version and a digest of the write that made it (RFC 9110, section 8.8.3)."""
    digest = hashlib.sha256(str(record.get("writeToken", "")).encode()).hexdigest()[:12]
    return f'"{version(record)}-{digest}"'


def version(record: Record) -> int:
    """Return the record's version; an item of another writer, without one that this service can count on, has 1."""
    number = record.get("version", 1)
    is_sane = type(number) in (int, Decimal) and 1 <= number <= MAX_VERSION and number % 1 == 0
    return int(number) if is_sane else 1


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` with `patch` applied (RFC 7396, section 2); neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def uuid7(moment: datetime) -> str:
    """Return a UUID version 7 (RFC 9562, section 5.7)."""
    return _uuid(7, round(moment.timestamp() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))


def derived_id(namespace: str, key: str) -> str:
    """Return the UUID version 8 (RFC 9562, section 5.8) that follows from an idempotency key and whose it is."""
    return _uuid(8, hashlib.sha256(f"{len(namespace)}:{namespace}{key}".encode()).digest()[:16])


def _check_size(record: Record) -> None:
    if len(to_json(public(record)).encode()) > MAX_RECORD_BYTES:
        raise TooLarge


def _visible(record: Record, now: datetime) -> bool:
    """Tell whether the record is there for callers; store.page applies the same rule."""
    expires_at = record.get("expiresAt", math.inf)
    is_expired = type(expires_at) in (int, Decimal) and expires_at <= now.timestamp()
    return "deletedAt" not in record and not is_expired


def _change(
    table: store.Table,
    record_id: str,
    precondition: Precondition | None,
    now: datetime,
    write: Callable[[Record], Record],
    settle: Callable[[Record, store.Conflict], Record | None],
) -> Record:
    """Read, check and write until the write holds, or `settle` finds in a conflict that it did."""
    while True:
        current = get(table, record_id, now)
        if precondition and not precondition(tag(current)):
            raise PreconditionFailed(tag(current))
        try:
            return write(current)
        except store.Conflict as conflict:
            if settled := settle(current, conflict):
                return settled


def _refuse_to_guess(current: Record, conflict: store.Conflict) -> None:
    """Raise OutcomeUnknown unless it is certain that our write, sent and never answered, did not happen.

    It is certain where another hand made the very version that ours would have made.
    """
    found = conflict.current or {}
    same_record = found.get("createdAt") == current.get("createdAt")
    if conflict.ambiguous and not (same_record and version(found) == version(current) + 1):
        raise store.OutcomeUnknown("the record has changed twice since the write was sent")


def _uuid(version: int, octets: bytes) -> str:
    number = int.from_bytes(octets, "big") & ~(0xF << 76 | 0x3 << 62)
    return str(UUID(int=number | version << 76 | 0x2 << 62))
