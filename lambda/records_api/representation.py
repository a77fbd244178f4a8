"""How callers see a stored record: whether they do, its fields, its version and its entity tag."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .fields import PUBLIC_FIELDS
from .store import Record, is_expired

# The largest integer that every JSON parser reads exactly (RFC 8259, section 6).
MAX_VERSION = 2**53 - 1


def timestamp(moment: datetime) -> str:
    """Return `moment` as RFC 3339 text in UTC, truncated to milliseconds.

    The width is fixed, so that timestamps sort by time.
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def is_visible(item: Record | None, now: datetime) -> bool:
    """Return whether callers can see an item at the time `now`. Lists filter by the same rule."""
    return (
        item is not None and "deletedAt" not in item and not is_expired(item, int(now.timestamp()))
    )


def public(record: Record) -> Record:
    """Return the fields that callers see, in a fixed order.

    Fields that another program omitted get their defaults. `updatedBy` is left out unless the last
    history entry is of this version: other programs do not set it.
    """
    defaults = {"updatedAt": record["createdAt"]} if "createdAt" in record else {}
    complete = {"attributes": {}} | defaults | record | {"version": version(record)}
    if entry_version(record) != complete["version"]:
        complete.pop("updatedBy", None)
    return {name: complete[name] for name in PUBLIC_FIELDS if name in complete}


def version(record: Record) -> int:
    """Return the record's version, or 1 if another program stored none or an invalid one."""
    number = record.get("version", 1)
    is_valid = type(number) in (int, Decimal) and 1 <= number <= MAX_VERSION and number % 1 == 0
    return int(number) if is_valid else 1


def entry_version(record: Record) -> int | None:
    """Return the version of the record's last history entry, or None if the record names none."""
    last = record.get("last")
    number: Any = last.get("version") if isinstance(last, dict) else None
    return int(number) if type(number) in (int, Decimal) else None


def tag(record: Record) -> str:
    """Return the record's entity tag: its version and a digest of its write token.

    The digest keeps tags from being reused after a record is deleted and created again. Source:
    RFC 9110, section 8.8.3.
    """
    digest = hashlib.sha256(str(record.get("writeToken", "")).encode()).hexdigest()[:12]
    return f'"{version(record)}-{digest}"'
