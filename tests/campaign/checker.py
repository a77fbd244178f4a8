"""Compares the responses that clients received with the tables and the API."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import pairwise
from typing import Any, NamedTuple

from campaign.clients import Outcome
from records_cli import chains, jsontext

UNKNOWN = "urn:records-api:outcome-unknown"
WRITES = {
    "create": "create",
    "create with a key": "create",
    "update": "update",
    "update if unchanged": "update",
    "delete": "delete",
    "restore": "restore",
}
# The problems that a client may receive; any other is a defect.
EXPECTED_PROBLEMS = {
    "idempotency-key-reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "nothing-to-restore": HTTPStatus.CONFLICT,
    "outcome-unknown": HTTPStatus.SERVICE_UNAVAILABLE,
    "precondition-failed": HTTPStatus.PRECONDITION_FAILED,
    "record-deleted": HTTPStatus.GONE,
    "record-not-found": HTTPStatus.NOT_FOUND,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "version-not-found": HTTPStatus.NOT_FOUND,
}

Entry = Mapping[str, Any]


class State(NamedTuple):
    """What the service holds at the end.

    `entries` and `records` are those of the API: the feed, each record's history, oldest first,
    each record by its ID, and lists of records by their query. `stored` counts the items in the
    history table. `followed` are the IDs and versions that a consumer of the feed received, None
    if there was no consumer.
    """

    feed: list[Entry]
    histories: dict[str, list[Entry]]
    records: dict[str, Mapping[str, Any]]
    lists: dict[str, list[Mapping[str, Any]]]
    stored: int
    followed: list[tuple[str, int]] | None


def problems(outcomes: Iterable[Outcome], state: State) -> list[str]:
    """Return every difference between the outcomes of requests and the state."""
    received = list(outcomes)
    return [
        *_unexpected_responses(received),
        *_writes(received, state),
        *_chains(state),
        *_feed(state),
        *_lists(state),
    ]


def _unexpected_responses(outcomes: list[Outcome]) -> Iterator[str]:
    for each in outcomes:
        if each.problem is not None:
            name = each.problem.rpartition(":")[2]
            if EXPECTED_PROBLEMS.get(name) != each.status:
                yield f"{each.request_id}: {each.request} returned {each.status} {name}"


def _writes(outcomes: list[Outcome], state: State) -> Iterator[str]:
    """Yield acknowledged writes without exactly one entry, and entries without a request."""
    by_request = defaultdict(list)
    for entry in state.feed:
        if entry["change"] != "adopt":  # not the change of a request
            by_request[entry["requestId"]].append(entry)
    for each in outcomes:
        entries = by_request.pop(each.request_id, [])
        expected = _expected_entries(each)
        if len(entries) not in expected:
            what = f"{each.status} {each.problem or ''}".strip()
            yield f"{each.request_id}: {each.request} returned {what}; {len(entries)} entries"
        for entry in entries:
            yield from _differences(each, entry)
    for request_id, entries in by_request.items():
        yield f"{request_id}: {len(entries)} entries of an unknown request"


def _expected_entries(outcome: Outcome) -> range:
    """Return how many entries a request may have."""
    if outcome.request not in WRITES or outcome.replayed:
        return range(1)
    if outcome.problem == UNKNOWN:
        return range(2)
    is_acknowledged = outcome.problem is None
    return range(1, 2) if is_acknowledged else range(1)


def _differences(outcome: Outcome, entry: Entry) -> Iterator[str]:
    """Yield the differences between an entry and the response."""
    place = f"{outcome.request_id}: entry {entry['recordID']} v{entry['version']}"
    if entry["change"] != WRITES[outcome.request]:
        yield f"{place} is a {entry['change']}, the request was {outcome.request}"
    if outcome.record is not None and entry["record"] != jsontext.parse(outcome.record):
        yield f"{place} does not hold the record of the response"
    if outcome.request == "delete" and entry["record"] is not None:
        yield f"{place} holds a record"


def _chains(state: State) -> Iterator[str]:
    for record_id, entries in state.histories.items():
        chain = chains.chain(record_id, entries)
        finding = chain.finding or chains.compare(
            record_id, chain.last, state.records.get(record_id), 0
        )
        if finding is not None:
            yield str(finding)
        versions = [int(entry["version"]) for entry in entries]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{record_id}: the versions are {versions}"
    for record_id in state.records.keys() - state.histories.keys():
        yield f"{record_id}: a record without a history"


def _feed(state: State) -> Iterator[str]:
    places = [
        (entry["changedAt"], entry["recordID"], int(entry["version"])) for entry in state.feed
    ]
    if any(one >= other for one, other in pairwise(places)):
        yield "the feed is not in order, or has an entry twice"
    in_feed = Counter(jsontext.canonical(entry) for entry in state.feed)
    in_histories = Counter(
        jsontext.canonical(each) for entries in state.histories.values() for each in entries
    )
    if in_feed != in_histories:
        yield f"feed and histories differ in {(in_feed - in_histories) + (in_histories - in_feed)}"
    changes = Counter((str(each["recordID"]), int(each["version"])) for each in state.feed)
    if state.followed is not None and (followed := Counter(state.followed)) != changes:
        yield f"the consumer missed {changes - followed}, and received twice {followed - changes}"
    if len(state.feed) != state.stored:
        yield f"the feed has {len(state.feed)} entries, the table {state.stored}"


def _lists(state: State) -> Iterator[str]:
    for query, listed in state.lists.items():
        field, _, value = query.partition("=")
        expected = {
            record_id: record
            for record_id, record in state.records.items()
            if not field or record[field] == value
        }
        if {each["recordID"]: jsontext.canonical(each) for each in listed} != {
            record_id: jsontext.canonical(record) for record_id, record in expected.items()
        }:
            yield f"the list {query!r} is not complete"
        places = [(each["createdAt"], each["recordID"]) for each in listed]
        if any(one <= other for one, other in pairwise(places)):
            yield f"the list {query!r} is not in order, or has a record twice"
