"""Verifies the histories that the API shows, and makes seals of them.

The feed is read once, oldest first, and then the list of all records. Memory holds one `Tip` for
each record, whatever the number of its entries. A record that raises a suspicion, which may just be
a change during the run, is verified once more by its own history, with consistent reads; only that
decides.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from records_cli import chains, reads, seals
from records_cli.chains import Chain, Entry, Finding, Leaf, Record
from records_cli.failure import Failure
from records_cli.jsontext import digest
from records_cli.reads import Api

# The feed shows what is older than 60 s. Twice that, so that no clock matters.
_FEED_LAG = timedelta(seconds=120)
# A record that changes during each of these readings is not compared with its history.
_READINGS = 5
_THREADS, _BATCH = 8, 256

Progress = Callable[[str], None]


@dataclass(slots=True)
class Tip:
    """The end of a record's chain in the feed.

    `entries` is the number of its entries in the feed so far; `missing` are versions that the feed
    has skipped.
    """

    version: int
    hash: str
    record_hash: str | None
    expires_at: int | None
    is_confirmed: bool = False
    entries: int = 0
    missing: list[range] = field(default_factory=list)

    def lacks(self, version: int) -> bool:
        """Return whether the feed did not show this version where it should."""
        return version > self.version or any(version in each for each in self.missing)


class Outcome(NamedTuple):
    """What was verified, and what is wrong.

    `entries` counts those of records that were read again as their histories show them.
    """

    entries: int
    records: int
    findings: list[Finding]

    @property
    def damage(self) -> list[Finding]:
        """Return the findings that nothing but tampering, loss or a fault explains."""
        return [each for each in self.findings if each.kind not in chains.HARMLESS]

    @property
    def harmless(self) -> list[Finding]:
        """Return the other findings."""
        return [each for each in self.findings if each.kind in chains.HARMLESS]


@dataclass
class Walk:
    """What one reading of the feed and of the list of records has shown."""

    tips: dict[str, Tip] = field(default_factory=dict)
    suspects: set[str] = field(default_factory=set)
    entries: int = 0
    # The redacted entries that no redact entry has named so far, by record.
    redacted: dict[str, set[int]] = field(default_factory=dict)
    # A digest for each record of the leaves that the seal to compare with must contain.
    folds: dict[str, bytes] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take the next entry of the feed."""
        self.entries += 1
        each = chains.leaf(entry)
        record_id, version = each.record_id, each.version
        tip = self.tips.get(record_id)
        is_next = (
            chains.begins_a_chain(entry)
            if tip is None
            else chains.follows(entry, tip.version, tip.hash)
        )
        if not is_next or chains.entry_problem(entry):
            self.suspects.add(record_id)
        self._note_redaction(record_id, entry)
        first = 1 if tip is None else tip.version + 1
        if tip is None:
            tip = self.tips[record_id] = Tip(0, "", None, None)
        tip.entries += 1
        if not is_next and version > first:
            tip.missing.append(range(first, version))
        if version > tip.version:
            tip.version, tip.hash, tip.expires_at = version, each.hash, each.expires_at
            tip.record_hash = entry.get("recordHash")

    def compare(self, record: Record) -> None:
        """Take a record of the list."""
        record_id = str(record["recordID"])
        tip = self.tips.get(record_id)
        if tip is not None and tip.record_hash == digest(record):
            tip.is_confirmed = True
        else:
            self.suspects.add(record_id)

    def end(self, now: float) -> None:
        """Suspect the records that should be in the list and were not, and open redactions."""
        for record_id, tip in self.tips.items():
            has_expired = tip.expires_at is not None and tip.expires_at <= now
            if tip.record_hash is not None and not tip.is_confirmed and not has_expired:
                self.suspects.add(record_id)
        self.suspects.update(record_id for record_id, open_ in self.redacted.items() if open_)

    def _note_redaction(self, record_id: str, entry: Entry) -> None:
        if "redacted" in entry or entry.get("change") == "redact":
            chains.note_redaction(self.redacted.setdefault(record_id, set()), entry)


def verify_records(api: Api, record_ids: Iterable[str], seal: seals.Seal | None = None) -> Outcome:
    """Verify records by their IDs, and against a seal if there is one.

    Raises Failure for an ID of which there is no trace.
    """
    wanted = dict.fromkeys(record_ids)
    sealed = {key: leaves for key, leaves in seal.by_record() if key in wanted} if seal else {}
    findings: list[Finding] = []
    entries = 0
    for record_id in wanted:
        chain, found = _verify_record(api, record_id)
        if seal:
            leaves = sealed.get(record_id, [])
            found += chains.unsealed(chain, leaves, seal.up_to, time.time())
        if not chain.leaves and not found:
            cause = f"there is neither a record nor a history with the ID {record_id!r}"
            raise Failure(cause, "check the ID; records and histories may have expired")
        findings += found
        entries += len(chain.leaves)
    return Outcome(entries, len(wanted), findings)


def verify_all(
    api: Api,
    seal: seals.Seal | None = None,
    progress: Progress = lambda _: None,
    *,
    leaves: seals.Leaves | None = None,
    up_to: str = "",
) -> Outcome:
    """Verify every history, and compare all with a seal if there is one.

    `leaves` collects the leaves of the entries with a `changedAt` before `up_to`.
    """
    horizon = timestamp(datetime.now(UTC) - _FEED_LAG)
    walk = Walk()
    for entries in reads.changes(api):
        for entry in entries:
            walk.add(entry)
            _collect(walk, entry, seal, leaves, up_to)
        progress(f"feed: {walk.entries:,} entries of {len(walk.tips):,} records")
    listed = 0
    for page in reads.records(api):
        for record in page:
            walk.compare(record)
        listed += len(page)
        progress(f"list: {listed:,} records")
    walk.end(time.time())
    doubts = dict(_doubts(walk, seal)) if seal else {}
    findings: list[Finding] = []
    suspects = walk.suspects | doubts.keys()
    # The last page of the feed has only part of the unsettled entries if there are many, so what is
    # read again may have more entries than the feed has shown.
    count = sum(tip.entries for key, tip in walk.tips.items() if key not in suspects)
    for chain, found in _verify_each(api, sorted(suspects), progress):
        record_id = chain.record_id
        count += len(chain.leaves)
        findings += found
        if chain.finding is None:
            findings += _holes(chain, walk.tips.get(record_id), horizon)
        if seal and record_id in doubts:
            findings += chains.unsealed(chain, doubts[record_id], seal.up_to, time.time())
        if leaves:
            covered = zip(chain.leaves, chain.times, strict=True)
            leaves.replace(record_id, [each for each, changed_at in covered if changed_at < up_to])
    return Outcome(count, len(walk.tips.keys() | suspects), findings)


def timestamp(moment: datetime) -> str:
    """Return a moment as the API writes it, so that texts compare by time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _collect(
    walk: Walk, entry: Entry, seal: seals.Seal | None, leaves: seals.Leaves | None, up_to: str
) -> None:
    changed_at = str(entry.get("changedAt"))
    each = chains.leaf(entry)
    if seal and changed_at < seal.up_to:
        walk.folds[each.record_id] = seals.fold(walk.folds.get(each.record_id, b""), each)
    if leaves and changed_at < up_to:
        leaves.add(each)


def _verify_each(
    api: Api, record_ids: list[str], progress: Progress
) -> Iterator[tuple[Chain, list[Finding]]]:
    """Yield each record's chain and findings. A batch at a time, so that few chains are held."""
    with ThreadPoolExecutor(_THREADS) as pool:
        for start in range(0, len(record_ids), _BATCH):
            progress(f"histories read again: {start:,} of {len(record_ids):,}")
            batch = record_ids[start : start + _BATCH]
            yield from pool.map(lambda record_id: _verify_record(api, record_id), batch)


def _verify_record(api: Api, record_id: str) -> tuple[Chain, list[Finding]]:
    """Return a record's chain, and what is wrong with it and with the record.

    Both are read again if they do not match, because a change may have been made in between; the
    difference is a finding if nothing has changed since.
    """
    before = None
    for _ in range(_READINGS):
        chain = chains.chain(record_id, reads.history(api, record_id))
        record = reads.record(api, record_id)
        difference = chains.compare(record_id, chain.last, record, time.time())
        if difference is None or (chain.leaves, record) == before:
            break
        before = (chain.leaves, record)
    else:
        what = f"it changed during each of {_READINGS} readings"
        difference = Finding(record_id, None, chains.NOT_COMPARED, what)
    return chain, [each for each in (chain.finding, difference) if each]


def _holes(chain: Chain, tip: Tip | None, horizon: str) -> Iterator[Finding]:
    """Yield the entries of an intact history that the feed should have shown."""
    for each, changed_at in zip(chain.leaves, chain.times, strict=True):
        if changed_at < horizon and (tip is None or tip.lacks(each.version)):
            what = "GET /changes does not show it in its place"
            yield Finding(each.record_id, each.version, chains.NOT_IN_FEED, what)


def _doubts(walk: Walk, seal: seals.Seal) -> Iterator[tuple[str, list[Leaf]]]:
    """Yield the records whose entries in the feed are not those of the seal, with its leaves."""
    now = time.time()
    for record_id, leaves in seal.by_record():
        shown = walk.folds.pop(record_id, None)
        folded = b""
        for each in leaves:
            folded = seals.fold(folded, each)
        is_gone = shown is None and all(each.has_expired(now) for each in leaves)
        if shown != folded and not is_gone:
            yield record_id, leaves
    for record_id in walk.folds:
        yield record_id, []
