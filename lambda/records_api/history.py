"""The history of a record: its entries, their canonical text, and the hashes that chain them.

An entry states one change of one record: who made it, when, by which request, and the whole record
after it. It holds the hash of the entry before it, so none can be altered, removed or inserted
without breaking the chain. lambda/openapi.yaml (schema `HistoryEntry`) states the canonical form
for those who verify it.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from .jsontext import to_json

Entry = dict[str, Any]

# Every entry has the same value of `feed`, so that the change feed is a Query.
FEED = "changes"

CREATE, UPDATE, DELETE, RESTORE, ADOPT = "create", "update", "delete", "restore", "adopt"
REDACT = "redact"  # made by scripts/redact only
# An item holds at most 400 KB ("Quotas in Amazon DynamoDB"). Only other writers can store a record
# that is too large to embed; its entry has the record's hash alone.
MAX_EMBEDDED_BYTES = 300_000
# What callers see of an entry, in this order. The optional fields are absent unless they apply.
PUBLIC_FIELDS = (
    "recordID",
    "version",
    "change",
    "changedAt",
    "changedBy",
    "requestId",
    "record",
    "omitted",
    "redacted",
    "reason",
    "redactedVersions",
    "recordHash",
    "expiresAt",
    "previousHash",
    "hash",
)
# `record` is covered by `recordHash`: its content can be redacted while the chain holds.
UNHASHED_FIELDS = frozenset({"hash", "omitted", "record", "redacted"})


class Author(NamedTuple):
    """Who makes a change, and by which request. `identity` is None if the service cannot know."""

    identity: str | None
    request_id: str


class Link(NamedTuple):
    """The end of a chain, which the next entry continues.

    `changed_at` is a timestamp; `first` is the version of the chain's first entry.
    """

    version: int
    hash: str
    changed_at: str
    first: int


def canonical(value: Any) -> str:
    """Return the canonical JSON text of a value.

    Names are sorted by code point; there is no white space; strings are written as in RFC 8785,
    section 3.2.2.2; numbers are spelled as in the API's responses. Sets are lists, and binary
    values are base64 text.
    """
    return to_json(value, sort_keys=True)


def digest(text: str) -> str:
    """Return the SHA-256 of UTF-8 text as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def entry(
    change: str,
    record_id: str,
    record: Mapping[str, Any] | None,
    author: Author,
    previous: Link | None,
    *,
    version: int,
    changed_at: str,
    expires_at: int | Decimal | None,
    **stated: Any,
) -> Entry:
    """Return the entry for a change, with its hash.

    `record` is the public form of the record after the change, None after a deletion;
    `expires_at` (epoch seconds) is the record's. `stated` are further public fields.
    """
    text = None if record is None else canonical(record)
    made: Entry = {
        "recordID": record_id,
        "version": version,
        "change": change,
        "changedAt": changed_at,
        "changedBy": author.identity,
        "requestId": author.request_id,
        "record": text,
        "recordHash": None if text is None else digest(text),
        "previousHash": previous.hash if previous else None,
    }
    if text is not None and len(text.encode()) > MAX_EMBEDDED_BYTES:
        made |= {"record": None, "omitted": True}
    if expires_at is not None:
        made["expiresAt"] = expires_at
    made |= stated
    return made | {"hash": entry_hash(made)}


def entry_hash(stored: Mapping[str, Any]) -> str:
    """Return the hash that an entry must have: of its public fields except UNHASHED_FIELDS."""
    covered = [name for name in PUBLIC_FIELDS if name in stored and name not in UNHASHED_FIELDS]
    return digest(canonical({name: stored[name] for name in covered}))


def link(entry: Mapping[str, Any], first: int | None = None) -> Link:
    """Return the link that continues the chain after an entry.

    `first` is the version of the chain's first entry; by default, it is what the entry states.
    """
    version = int(entry["version"])
    return Link(version, entry["hash"], entry["changedAt"], first or int(entry.get("first", 1)))


def position(entry: Mapping[str, Any]) -> str:
    """Return the sort key of the change feed, `changedAt#recordID#version`."""
    return f"{entry['changedAt']}#{entry['recordID']}#{int(entry['version']):010}"


def state(
    record: Mapping[str, Any], expires_at: int | Decimal | None, request_hash: str | None
) -> str:
    """Return the hash of everything that an entry determines about a stored record.

    `record` is its public form. A record whose state differs from the one in its last entry was
    changed by something else.
    """
    optional = {"expiresAt": expires_at, "requestHash": request_hash}
    present = {name: value for name, value in optional.items() if value is not None}
    return digest(canonical({"record": record, **present}))


def to_text(stored: Mapping[str, Any], **more: Any) -> str:
    """Return an entry as JSON text for callers. `record` is stored as JSON text and embedded."""
    shown = {name: stored[name] for name in PUBLIC_FIELDS if name in stored} | more
    texts = [
        f"{to_json(name)}:{value if name == 'record' and value else to_json(value)}"
        for name, value in shown.items()
    ]
    return "{" + ",".join(texts) + "}"
