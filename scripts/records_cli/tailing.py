"""Follows new records in the listing, or changes in the feed: each once, and oldest first."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]
Query = dict[str, str]
# Returns the members of a page of GET /records or GET /changes.
Read = Callable[[Query], Mapping[str, Any]]

PAGE = 1000  # the largest page
_FIRST_PAGE = 100  # usually more than there is in a minute
# A record can appear in the listing after others that were created later: its write may take as
# long as its invocation, and the index follows the table. The feed has the same delay.
LATE = timedelta(seconds=60)
# A listing may omit a record for a moment that it has shown before.
_FORGET_SECONDS = 600.0
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


@dataclass
class NewRecords:
    """The new records of a listing with these filters, which may include `createdAfter`.

    `bound` is the time after which the listing is read again each time: records that appear late
    are in that range. `shown` has the time (monotonic seconds) when each was last in the listing.
    """

    read: Read
    filters: Query
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    bound: str = ""
    shown: dict[str, float] = field(default_factory=dict)

    def first(self, count: int | None) -> list[Record]:
        """Return the last `count` records (None: all), oldest first. Later ones are new."""
        records: list[Record] = []
        size = PAGE if count is None else min(max(count, _FIRST_PAGE), PAGE)
        for page in self._pages({"order": "desc", "limit": str(size)}):
            records += page
            self._move(page)
            is_enough = count is not None and len(records) >= count
            if page and is_enough and str(page[-1]["createdAt"]) < self.bound:
                break
        self._unseen(records)
        records = records[::-1]
        return records if count is None else records[len(records) - min(count, len(records)) :]

    def more(self) -> Iterator[list[Record]]:
        """Yield the records that were not shown yet, page by page."""
        query = {"order": "asc", "limit": str(PAGE)}
        if self.bound > self.filters.get("createdAfter", ""):
            query["createdAfter"] = self.bound
        for page in self._pages(query):
            yield self._unseen(page)
            self._move(page)

    def _pages(self, query: Query) -> Iterator[list[Record]]:
        query = {**self.filters, **query}
        while True:
            page = self.read(query)
            yield page["records"]
            if "next" not in page:
                return
            query["cursor"] = page["next"]

    def _unseen(self, records: list[Record]) -> list[Record]:
        moment = time.monotonic()
        unseen = [each for each in records if each["recordID"] not in self.shown]
        self.shown.update((str(each["recordID"]), moment) for each in records)
        if len(self.shown) > 2 * len(records) + 10_000:
            known = self.shown.items()
            self.shown = {key: seen for key, seen in known if moment - seen < _FORGET_SECONDS}
        return unseen

    def _move(self, records: list[Record]) -> None:
        """Move the bound to LATE before the newest record, but not after LATE before now.

        Another program may have written a record with a time in the future, or none that is valid.
        """
        times = [str(each.get("createdAt")) for each in records]
        latest = timestamp(self.now() - LATE)
        for newest in filter(_TIMESTAMP.fullmatch, times):
            bound = min(timestamp(datetime.fromisoformat(newest) - LATE), latest)
            self.bound = max(self.bound, bound)


@dataclass
class NewChanges:
    """The changes of the feed after a time, also those that are not settled yet.

    The cursor does not pass those, so they come again: `shown` are their keys.
    """

    read: Read
    position: Query
    shown: set[tuple[str, str, str]] = field(default_factory=set)

    def more(self) -> Iterator[list[Record]]:
        """Yield the changes that were not shown yet, page by page."""
        while True:
            page = self.read({**self.position, "limit": str(PAGE), "unsettled": "true"})
            yield [each for each in page["changes"] if self._is_new(each)]
            self.position = {"cursor": page["next"]}
            if page["caughtUp"]:
                return

    def _is_new(self, entry: Record) -> bool:
        key = (str(entry["recordID"]), str(entry["version"]), str(entry["changedAt"]))
        is_new = key not in self.shown
        if entry.get("settled") is False:
            self.shown.add(key)
        else:
            self.shown.discard(key)
        return is_new


def timestamp(moment: datetime) -> str:
    """Return a moment as the API writes it, so that texts compare by time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
