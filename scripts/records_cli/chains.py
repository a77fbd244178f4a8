"""What is wrong with a record's history: its entries, their links, and the record itself.

Entries and records are those of the API's responses, parsed with `jsontext.parse`. Nothing here
reads: see `verification`. docs/evidence.md says what each finding means.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from records_cli.jsontext import digest

Entry = Mapping[str, Any]
Record = Mapping[str, Any]

# Kinds of findings.
BROKEN = "broken"  # the entries of a record contradict each other or themselves
TRUNCATED = "truncated"  # the beginning of a history is missing
DIFFERS = "differs"  # the record is not what its last entry says
NOT_IN_FEED = "not in the feed"  # an entry of a history that GET /changes does not show
ALTERED, INSERTED, REMOVED = "altered", "inserted", "removed"  # since a seal was made
FOREIGN_WRITE = "foreign write"  # the record was written without the service
NO_HISTORY = "no history"  # the record was last written before the service kept one
NOT_COMPARED = "not compared"  # the record never stopped changing
# These occur without tampering, for example while an older release serves.
HARMLESS = frozenset({FOREIGN_WRITE, NO_HISTORY, NOT_COMPARED})

# `record` is covered by `recordHash`, so that its content can be redacted; `settled` is the feed's.
_NOT_HASHED = frozenset({"hash", "omitted", "record", "redacted", "settled"})
# Only these entries may lack the content because it is too large; other writes have a lower limit.
_CAN_BE_OMITTED = ("adopt", "redact")


class Finding(NamedTuple):
    """Something wrong with a record. `version` is that of the entry, or None if none is named."""

    record_id: str
    version: int | None
    kind: str
    detail: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        place = self.record_id if self.version is None else f"{self.record_id} v{self.version}"
        return f"{place}: {self.kind}: {self.detail}"


class Leaf(NamedTuple):
    """What identifies an entry and its content; a seal keeps these of every entry.

    `expires_at` is epoch seconds, or None if the entry does not expire.
    """

    record_id: str
    version: int
    hash: str
    expires_at: int | None

    def has_expired(self, now: float) -> bool:
        """Return whether the entry may be gone at `now` (epoch seconds)."""
        return self.expires_at is not None and self.expires_at <= now


def leaf(entry: Entry) -> Leaf:
    """Return the leaf of an entry."""
    expires_at = entry.get("expiresAt")
    return Leaf(
        str(entry["recordID"]),
        int(entry["version"]),
        str(entry.get("hash")),
        None if expires_at is None else math.ceil(float(expires_at)),
    )


def entry_problem(entry: Entry) -> str | None:
    """Return how an entry contradicts itself, or None."""
    covered = {name: value for name, value in entry.items() if name not in _NOT_HASHED}
    if digest(covered) != entry.get("hash"):
        return "its hash does not match its fields"
    record, record_hash = entry.get("record"), entry.get("recordHash")
    if record is not None:
        if "redacted" in entry or "omitted" in entry:
            return "it is marked as redacted or omitted, but has a record"
        return None if digest(record) == record_hash else "its record does not match recordHash"
    if record_hash is not None and "redacted" not in entry:
        if "omitted" not in entry:
            return "its record was removed"
        if entry.get("change") not in _CAN_BE_OMITTED:
            return "it is marked as omitted, which only adopt and redact entries can be"
    return None


def begins_a_chain(entry: Entry) -> bool:
    """Return whether a history can begin with this entry."""
    is_first = entry.get("change") == "adopt" or int(entry["version"]) == 1
    return is_first and entry.get("previousHash") is None


def follows(entry: Entry, version: int, hash_: str) -> bool:
    """Return whether an entry continues the chain after the entry with this version and hash."""
    return entry.get("previousHash") == hash_ and _has_next_version(entry, version)


def _has_next_version(entry: Entry, version: int) -> bool:
    """Return whether an entry's version can follow `version`.

    An adopt entry takes over the version of a record that others have updated meanwhile, so it may
    skip some; its previousHash shows that no entry is missing.
    """
    skipped = int(entry["version"]) - version - 1
    return skipped == 0 or (skipped > 0 and entry.get("change") == "adopt")


def _link_problem(previous: Entry, entry: Entry) -> str | None:
    """Return how an entry does not continue the chain after `previous`, or None."""
    version = int(previous["version"])
    if not _has_next_version(entry, version):
        return f"version {version + 1} is missing before it"
    if entry.get("previousHash") != previous.get("hash"):
        return f"its previousHash is not the hash of version {version}"
    if str(entry.get("changedAt")) <= str(previous.get("changedAt")):
        return f"its changedAt is not later than that of version {version}"
    return None


@dataclass
class Chain:
    """A record's history, taken entry by entry; only the leaves and the last entry are kept.

    `finding` is the first thing wrong with it. `unexplained` are the redacted versions that no
    redact entry has named yet.
    """

    record_id: str
    finding: Finding | None = None
    last: Entry | None = None
    leaves: list[Leaf] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    unexplained: set[int] = field(default_factory=set)

    def add(self, entry: Entry) -> None:
        """Take the next entry, oldest first."""
        if self.finding is None:
            self.finding = self._judge(entry)
        note_redaction(self.unexplained, entry)
        self.leaves.append(leaf(entry))
        self.times.append(str(entry.get("changedAt")))
        self.last = entry

    def _judge(self, entry: Entry) -> Finding | None:
        version = int(entry["version"])
        if problem := entry_problem(entry):
            return Finding(self.record_id, version, BROKEN, problem)
        if self.last is None:
            what = "the entries before it are missing"
            is_first = begins_a_chain(entry)
            return None if is_first else Finding(self.record_id, version, TRUNCATED, what)
        problem = _link_problem(self.last, entry)
        return Finding(self.record_id, version, BROKEN, problem) if problem else None

    def end(self) -> None:
        """Note what is only known once all entries were taken."""
        if self.finding is None and self.unexplained:
            what = "its record was removed, and no redact entry names it"
            self.finding = Finding(self.record_id, min(self.unexplained), BROKEN, what)


def chain(record_id: str, entries: Iterable[Entry]) -> Chain:
    """Return what a record's entries, oldest first, amount to."""
    known = Chain(record_id)
    for entry in entries:
        known.add(entry)
    known.end()
    return known


def note_redaction(unexplained: set[int], entry: Entry) -> None:
    """Add a redacted version to `unexplained`, or take out those that a redact entry names."""
    if "redacted" in entry:
        unexplained.add(int(entry["version"]))
    if entry.get("change") == "redact":
        unexplained.difference_update(map(int, entry.get("redactedVersions", [])))


def compare(
    record_id: str, last: Entry | None, record: Record | None, now: float
) -> Finding | None:
    """Return how a record, or its absence, differs from the last entry of its history.

    `now` is epoch seconds.
    """
    if last is None:
        return None if record is None else _without_history(record_id, record)
    end, record_hash = leaf(last), last.get("recordHash")
    if record is None:
        if record_hash is None or end.has_expired(now):
            return None
        what = "the record is gone, and no delete entry says so"
    elif digest(record) == record_hash:
        return None
    elif (version := int(record["version"])) > end.version:
        if "updatedBy" in record:
            what = "the record was written with this entry, which is missing"
            return Finding(record_id, version, BROKEN, what)
        what = f"the record is at version {version}; the next change adopts it"
        return Finding(record_id, end.version, FOREIGN_WRITE, what)
    elif record_hash is None:
        what = "there is a record, although this entry deleted it"
    else:
        what = "the record is not what this entry says"
    return Finding(record_id, end.version, DIFFERS, what)


def _without_history(record_id: str, record: Record) -> Finding:
    # The API shows updatedBy only if the record was written together with an entry.
    if "updatedBy" in record:
        what = "the record was written with this entry, but its history is empty"
        return Finding(record_id, int(record["version"]), BROKEN, what)
    what = "unchanged since before the service kept one; the next change adopts it"
    return Finding(record_id, None, NO_HISTORY, what)


def unsealed(chain: Chain, sealed: Iterable[Leaf], up_to: str, now: float) -> Iterator[Finding]:
    """Yield how a history differs from the leaves of a seal that covers changes before `up_to`."""
    current = {
        each.version: (each, changed_at)
        for each, changed_at in zip(chain.leaves, chain.times, strict=True)
    }
    versions = set()
    for each in sealed:
        versions.add(each.version)
        entry, changed_at = current.get(each.version, (None, up_to))
        # After a record has expired, a create with the same idempotency key reuses its ID.
        if entry == each or (each.has_expired(now) and changed_at >= up_to):
            continue
        if entry is None:
            what = "it is in the seal, but not in the history"
            yield Finding(chain.record_id, each.version, REMOVED, what)
        else:
            what = "its hash or expiresAt is not the one in the seal"
            yield Finding(chain.record_id, each.version, ALTERED, what)
    for version, (_, changed_at) in current.items():
        if version not in versions and changed_at < up_to:
            what = f"it is dated {changed_at}, but not in the seal"
            yield Finding(chain.record_id, version, INSERTED, what)
