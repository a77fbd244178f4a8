"""A service in memory, with its records, histories and feed, for tests of what verifies them.

Tests tamper with `entries` and `records`, which are what the tables hold, and with `unindexed`,
the entries that the feed's index lacks.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from records_api import history
from records_cli import jsontext
from records_cli.client import Response

AUTHOR = history.Author("arn:aws:iam::123456789012:user/alice", "request-1")
Stored = dict[str, Any]


def moment(minute: int) -> str:
    """Return a time long ago, in minutes after an arbitrary moment."""
    return f"2026-01-31T{minute // 60:02}:{minute % 60:02}:00.000Z"


@dataclass
class Service:
    """The service; `get` is that of its client. `page` is the number of items in a page."""

    page: int = 3
    entries: dict[tuple[str, int], Stored] = field(default_factory=dict)
    records: dict[str, Stored] = field(default_factory=dict)
    unindexed: set[tuple[str, int]] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    minute: int = 0
    calls: list[str] = field(default_factory=list)
    before_get: Callable[[str], object] = lambda _: None
    clock: Callable[[int], str] = moment

    def write(
        self,
        record_id: str,
        change: str,
        *,
        version: int | None = None,
        expires_at: int | None = None,
        **more: Any,
    ) -> Stored:
        """Make a change as the service does, a minute after the one before; return its entry."""
        self.minute += 1
        last = self.last(record_id)
        version = version or (last["version"] + 1 if last else 1)
        record = None
        if change != history.DELETE:
            record = {
                "recordID": record_id,
                "status": f"at {self.minute}",
                "updatedBy": AUTHOR.identity,
                "attributes": {"exact": 10**30},
                "version": version,
            }
        entry = history.entry(
            change,
            record_id,
            record,
            AUTHOR,
            history.link(last, 1) if last else None,
            version=version,
            changed_at=self.clock(self.minute),
            expires_at=expires_at,
        )
        if more:
            entry |= more
            entry["hash"] = history.entry_hash(entry)
        self.entries[record_id, version] = entry
        self.records.pop(record_id, None)
        if record is not None:
            self.records[record_id] = record
        return entry

    def entries_of(self, record_id: str) -> list[Stored]:
        """Return a record's entries, oldest first."""
        return [entry for (key, _), entry in sorted(self.entries.items()) if key == record_id]

    def last(self, record_id: str) -> Stored | None:
        """Return a record's newest entry."""
        entries = self.entries_of(record_id)
        return entries[-1] if entries else None

    def rehash(self, record_id: str) -> None:
        """Compute all hashes of a history again, so that the chain stays intact."""
        previous = None
        for entry in self.entries_of(record_id):
            if entry["record"] is not None:
                entry["recordHash"] = history.digest(entry["record"])
            entry["previousHash"] = previous
            entry["hash"] = previous = history.entry_hash(entry)

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Return the API's response."""
        self.calls.append(path)
        self.before_get(path)
        _, collection, *rest = path.split("/")
        if collection == "changes":
            return self._changes(query)
        if not rest:
            listed = [self.records[key] for key in sorted(self.records.keys() - self.unlisted)]
            return _page("records", [json.dumps(each) for each in listed], query, self.page)
        record_id = unquote(rest[0])
        if rest[1:] == ["history"]:
            entries = self.entries_of(record_id)
            if entries or record_id in self.records:
                return _page("history", list(map(history.to_text, entries)), query, self.page)
        elif record_id in self.records:
            return Response(200, {}, json.dumps(self.records[record_id]).encode())
        return Response(404, {}, b'{"type":"urn:records-api:not-found"}')

    def _changes(self, query: Mapping[str, str]) -> Response:
        assert query["unsettled"] == "true"
        indexed = [entry for key, entry in self.entries.items() if key not in self.unindexed]
        texts = [history.to_text(each) for each in sorted(indexed, key=_position)]
        start = int(query.get("cursor", 0))
        end = start + self.page
        shown = ",".join(texts[start:end])
        is_last = json.dumps(end >= len(texts))
        body = f'{{"changes":[{shown}],"next":"{min(end, len(texts))}","caughtUp":{is_last}}}'
        return Response(200, {}, body.encode())


def _position(entry: Stored) -> tuple[Any, ...]:
    return entry["changedAt"], entry["recordID"], entry["version"]


def _page(name: str, texts: list[str], query: Mapping[str, str], size: int) -> Response:
    start = int(query.get("cursor", 0))
    end = start + size
    more = f',"next":"{end}"' if end < len(texts) else ""
    return Response(200, {}, f'{{"{name}":[{",".join(texts[start:end])}]{more}}}'.encode())


def parsed(entry: Stored) -> Any:
    """Return an entry as a client reads it."""
    return jsontext.parse(history.to_text(entry))
