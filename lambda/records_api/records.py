"""Rules for records: IDs, versions, merge patches, and how the outcome of a write is determined."""

import hashlib
import math
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from . import entries, history, store
from .fields import CLIENT_FIELDS, PUBLIC_FIELDS, RECORD_ID, check, check_growth
from .jsontext import to_json
from .store import Record

MAX_RECORD_BYTES = 64 * 1024
TOMBSTONE_SECONDS = 24 * 3600
# The largest integer that every JSON parser reads exactly (RFC 8259, section 6).
MAX_VERSION = 2**53 - 1

# Returns whether a record with the given entity tag may be changed.
Precondition = Callable[[str], bool]


class TooLarge(Exception):
    """The record would exceed MAX_RECORD_BYTES."""


class NotFound(Exception):
    """No record has this ID."""


class Deleted(Exception):
    """The record that was created with this Idempotency-Key has been deleted."""


class KeyReused(Exception):
    """The Idempotency-Key was already used with a different body."""


class PreconditionFailed(Exception):
    """The record does not satisfy the request's preconditions; `tag` is its current entity tag."""

    def __init__(self, tag: str) -> None:
        super().__init__("the record does not satisfy the preconditions")
        self.tag = tag


class Caller(NamedTuple):
    """The sender of a request.

    `identity` is stored as `submittedBy`. `namespace` scopes the caller's idempotency keys; unlike
    `identity`, it does not include a role session.
    """

    identity: str
    namespace: str


def timestamp(moment: datetime) -> str:
    """Return `moment` as RFC 3339 text in UTC, truncated to milliseconds.

    The width is fixed, so that timestamps sort by time.
    """
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
    """Store a new record; return the record and whether an earlier request had created it.

    With an idempotency key, the ID is derived from the caller and the key, so the conditional write
    detects an earlier request with the same key. `open_auth` allows `submittedBy` in the body.
    A record expires after `retention_days`; 0 means never. Raises Invalid, TooLarge, KeyReused or
    Deleted, and the errors of `store`.
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
        stored = conflict.current or {}
        if stored.get("writeToken") == record["writeToken"] or key is None:
            return stored, False
        if stored.get("requestHash") != record["requestHash"]:
            raise KeyReused from conflict
        if "deletedAt" in stored:
            raise Deleted from conflict
        return stored, True
    return record, False


def get(table: store.Table, record_id: str, now: datetime) -> Record:
    """Return the record with this ID.

    Raises NotFound if the ID is malformed, or if the record does not exist, was deleted or expired.
    """
    record = store.get(table, record_id) if RECORD_ID.fullmatch(record_id) else None
    if record is None or not _is_visible(record, now):
        raise NotFound
    return record


def read_history(
    table: store.Table,
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

    def add_found(entry: history.Entry) -> bool:
        nonlocal is_empty
        is_empty = False
        return add(entry)

    version = entries.read_history(
        table, record_id, limit, after, seconds, add_found, descending=descending
    )
    has_ended = is_empty and version is None
    if has_ended and (after is None or entries.newest(table, record_id, seconds) is None):
        get(table, record_id, now)
    return version


def update(
    table: store.Table, record_id: str, patch: Any, precondition: Precondition | None, now: datetime
) -> Record:
    """Apply a JSON Merge Patch and return the updated record.

    If the record is modified concurrently, it is read again and the precondition is checked again,
    until the table's deadline. Raises Invalid, TooLarge, NotFound, PreconditionFailed, or
    store.OutcomeUnknown if it cannot be determined whether the patch was applied.
    """
    check(patch, CLIENT_FIELDS, removable=("message", "attributes"))
    token = secrets.token_hex(16)
    while True:
        current = _get_for_write(table, record_id, precondition, now)
        updated = _patched(current, patch, token, now)
        try:
            store.replace(table, current, updated)
        except store.Conflict as conflict:
            stored = conflict.current
            if stored and stored.get("writeToken") == token:
                return stored
            _check_not_written(current, conflict)
        else:
            return updated


def delete(
    table: store.Table, record_id: str, precondition: Precondition | None, now: datetime
) -> None:
    """Delete a record.

    A record that was created with an idempotency key is replaced with a tombstone for
    TOMBSTONE_SECONDS, so that a late retry of the create does not restore it. Concurrent
    modification is handled as in `update`. Raises NotFound, PreconditionFailed, or
    store.OutcomeUnknown if it cannot be determined whether the record was deleted.
    """
    token = secrets.token_hex(16)
    while True:
        current = _get_for_write(table, record_id, precondition, now)
        try:
            if "requestHash" in current:
                store.replace(table, current, _tombstone(current, token, now))
            else:
                store.remove(table, current)
        except store.Conflict as conflict:
            if conflict.current and _is_visible(conflict.current, now):
                _check_not_written(current, conflict)
            elif conflict.ambiguous:
                return  # The record is gone, possibly because of an earlier attempt.
        else:
            return


def public(record: Record) -> Record:
    """Return the fields that callers see, in a fixed order.

    Fields that another program omitted get their defaults.
    """
    defaults = {"updatedAt": record["createdAt"]} if "createdAt" in record else {}
    complete = {"attributes": {}} | defaults | record | {"version": version(record)}
    return {name: complete[name] for name in PUBLIC_FIELDS if name in complete}


def tag(record: Record) -> str:
    """Return the record's entity tag: its version and a digest of its write token.

    The digest keeps tags from being reused after a record is deleted and created again. Source:
    RFC 9110, section 8.8.3.
    """
    digest = hashlib.sha256(str(record.get("writeToken", "")).encode()).hexdigest()[:12]
    return f'"{version(record)}-{digest}"'


def version(record: Record) -> int:
    """Return the record's version, or 1 if another program stored none or an invalid one."""
    number = record.get("version", 1)
    is_valid = type(number) in (int, Decimal) and 1 <= number <= MAX_VERSION and number % 1 == 0
    return int(number) if is_valid else 1


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


def uuid7(moment: datetime) -> str:
    """Return a random UUID version 7 for `moment` (RFC 9562, section 5.7)."""
    return _uuid(7, round(moment.timestamp() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))


def derived_id(namespace: str, key: str) -> str:
    """Return the UUID version 8 for a caller's idempotency key (RFC 9562, section 5.8)."""
    return _uuid(8, hashlib.sha256(f"{len(namespace)}:{namespace}{key}".encode()).digest()[:16])


def _get_for_write(
    table: store.Table, record_id: str, precondition: Precondition | None, now: datetime
) -> Record:
    """Return the record if it satisfies `precondition`. Raises NotFound or PreconditionFailed."""
    record = get(table, record_id, now)
    if precondition and not precondition(tag(record)):
        raise PreconditionFailed(tag(record))
    return record


def _patched(current: Record, patch: Any, token: str, now: datetime) -> Record:
    """Return `current` with `patch` applied and a new version. Raises Invalid or TooLarge."""
    content = {name: current[name] for name in CLIENT_FIELDS if name in current}
    unchanged = {name: value for name, value in current.items() if name not in CLIENT_FIELDS}
    stamps = {
        "updatedAt": timestamp(now),
        "version": version(current) + 1,
        "writeToken": token,
    }
    updated: Record = unchanged | {"attributes": {}} | merge_patch(content, patch) | stamps
    if "attributes" in patch:
        check_growth(current.get("attributes"), updated["attributes"])
    _check_size(updated)
    return updated


def _tombstone(record: Record, token: str, now: datetime) -> Record:
    """Return the item that replaces a deleted record and reserves its idempotency key."""
    return {
        "recordID": record["recordID"],
        "requestHash": record["requestHash"],
        "deletedAt": timestamp(now),
        "writeToken": token,
        "expiresAt": int(now.timestamp()) + TOMBSTONE_SECONDS,
    }


def _check_size(record: Record) -> None:
    if len(to_json(public(record)).encode()) > MAX_RECORD_BYTES:
        raise TooLarge


def _is_visible(record: Record, now: datetime) -> bool:
    """Return whether callers can see the record. Lists filter by the same rule in store.py."""
    expires_at = record.get("expiresAt", math.inf)
    is_expired = type(expires_at) in (int, Decimal) and expires_at <= now.timestamp()
    return "deletedAt" not in record and not is_expired


def _check_not_written(current: Record, conflict: store.Conflict) -> None:
    """Raise OutcomeUnknown if an earlier attempt to change `current` may have succeeded.

    It did not succeed if no attempt is ambiguous, or if another request wrote the next version.
    """
    stored = conflict.current or {}
    is_same_record = stored.get("createdAt") == current.get("createdAt")
    is_next_version = version(stored) == version(current) + 1
    if conflict.ambiguous and not (is_same_record and is_next_version):
        raise store.OutcomeUnknown("the record was modified again after an unconfirmed write")


def _uuid(number: int, octets: bytes) -> str:
    """Return the UUID of this version number with the given 16 bytes as its content."""
    value = int.from_bytes(octets, "big") & ~(0xF << 76 | 0x3 << 62)
    return str(UUID(int=value | number << 76 | 0x2 << 62))
