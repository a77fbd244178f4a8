"""The query parameters of requests: parse and check them.

Unknown parameters are refused by name, so that a typo does not silently widen a query.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote

from . import cursor, entries, listing, syntax
from .fields import MAX_LENGTHS, Problem, refuse
from .jsontext import to_json
from .representation import timestamp

Event = Mapping[str, Any]

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
FILTERS = ("type", "status", "submittedBy")
LIST_PARAMETERS = (*FILTERS, "createdAfter", "createdBefore", "order", "limit", "cursor")
HISTORY_PARAMETERS = ("order", "limit", "cursor")
CHANGES_PARAMETERS = ("since", "limit", "unsettled", "cursor")
# What the cursors of the change feed are bound to.
CHANGES = "changes"
# RFC 3339, section 5.6, date-time.
DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
# A version in a cursor; the largest that a record can have is representation.MAX_VERSION.
VERSION = re.compile(r"[1-9][0-9]{0,15}")
DATE_TIME_RULE = "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z, with + sent as %2B"
CURSOR_RULE = "must be the `next` of a page of the same query; omit it to start again"


class ListRequest(NamedTuple):
    """A list request: the query, the page size, the key to continue after, and the parameters."""

    query: listing.Query
    limit: int
    after: cursor.ItemKey | None
    parameters: dict[str, str]


class HistoryRequest(NamedTuple):
    """A request for a record's history, with the version to continue after and the parameters."""

    record_id: str
    descending: bool
    limit: int
    after: int | None
    parameters: dict[str, str]

    @property
    def query(self) -> str:
        """Return what the cursors of this history are bound to."""
        return to_json(["history", self.record_id, self.descending])


class ChangesRequest(NamedTuple):
    """A request for changes after a place in the feed.

    `shows_unsettled` includes changes that are not settled yet.
    """

    after: str
    limit: int
    shows_unsettled: bool


def list_request(event: Event) -> ListRequest:
    """Return the list request in `event`. Raises Invalid with every invalid parameter."""
    values, problems = _parameters(event, LIST_PARAMETERS)
    filters = {name: values[name] for name in FILTERS if name in values}
    for name, value in filters.items():
        if not 1 <= len(value) <= MAX_LENGTHS[name]:
            detail = f"must have 1 to {MAX_LENGTHS[name]} characters"
            problems.append(Problem("parameter", name, detail))
    query = listing.Query(filters, _is_descending(values, problems), *_bounds(values, problems))
    is_query_valid = not problems
    limit = _limit(values, problems)
    after = None
    if "cursor" in values:
        try:
            after = _item_key(values["cursor"], query if is_query_valid else None)
        except ValueError:
            problems.append(Problem("parameter", "cursor", CURSOR_RULE))
    refuse(problems)
    return ListRequest(query, limit, after, values)


def history_request(event: Event) -> HistoryRequest:
    """Return the history request in `event`. Raises Invalid with every invalid parameter."""
    values, problems = _parameters(event, HISTORY_PARAMETERS)
    descending = _is_descending(values, problems)
    is_query_valid = not problems
    request = HistoryRequest(path_id(event), descending, _limit(values, problems), None, values)
    if "cursor" in values:
        try:
            after = _version(values["cursor"], request.query if is_query_valid else None)
            request = request._replace(after=after)
        except ValueError:
            problems.append(Problem("parameter", "cursor", CURSOR_RULE))
    refuse(problems)
    return request


def changes_request(event: Event) -> ChangesRequest:
    """Return the request for changes in `event`. Raises Invalid with every invalid parameter."""
    values, problems = _parameters(event, CHANGES_PARAMETERS)
    unsettled = values.get("unsettled", "false")
    if unsettled not in ("true", "false"):
        problems.append(Problem("parameter", "unsettled", "must be true or false"))
    limit = _limit(values, problems)
    place = entries.BEGINNING
    if "since" in values:
        place = _place_after(values["since"], problems)
    if "cursor" in values:
        try:
            place = _place(values["cursor"])
        except ValueError:
            detail = "must be the `next` of a response of GET /changes; omit it to start again"
            problems.append(Problem("parameter", "cursor", detail))
    if "since" in values and "cursor" in values:
        detail = "must not be sent with cursor, which already says where to continue; omit one"
        problems.append(Problem("parameter", "since", detail))
    refuse(problems)
    return ChangesRequest(place, limit, unsettled == "true")


def path_id(event: Event) -> str:
    """Return the percent-decoded record ID in the path."""
    return unquote((event.get("pathParameters") or {}).get("recordID", ""))


def require_none(event: Event) -> None:
    """Raise Invalid if the request has query parameters."""
    if event.get("rawQueryString"):
        _, problems = _parameters(event, ())
        refuse(problems)


def instant(text: str) -> tuple[str, str] | None:
    """Return an RFC 3339 date-time as a timestamp, and the digits after its milliseconds.

    Returns None if `text` is not a valid date-time.
    """
    parts = DATE_TIME.fullmatch(text)
    if not parts:
        return None
    seconds, fraction, offset = parts[1], (parts[2] or "").ljust(3, "0"), parts[3]
    try:
        moment = datetime.fromisoformat(f"{seconds}.{fraction[:3]}{offset}".upper())
        return timestamp(moment), fraction[3:].rstrip("0")
    except (ValueError, OverflowError):
        return None


def _parameters(event: Event, known: Sequence[str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the query parameters by name, and the problems of names and encoding.

    Unknown names are problems, so that a typo does not silently widen a query.
    """
    allowed = f"use {', '.join(known)}" if known else "this operation takes no parameters"
    encoding = "must be percent-encoded UTF-8"
    values: dict[str, str | None] = {}
    problems = []
    for raw_name, name, value in syntax.query_pairs(event.get("rawQueryString") or ""):
        if name is None:
            problems.append(Problem("parameter", raw_name, encoding))
        elif name not in known:
            problems.append(Problem("parameter", name, f"is not a known parameter; {allowed}"))
        elif name not in values:
            values[name] = value
            if value is None:
                problems.append(Problem("parameter", name, encoding))
        elif values[name] is not None:
            values[name] = None
            problems.append(Problem("parameter", name, "must be sent only once"))
    return {name: value for name, value in values.items() if value is not None}, problems


def _is_descending(values: Mapping[str, str], problems: list[Problem]) -> bool:
    """Return whether the order is newest first, and add to `problems`."""
    order = values.get("order", "desc")
    if order not in ("asc", "desc"):
        problems.append(Problem("parameter", "order", "must be asc or desc"))
    return order == "desc"


def _limit(values: Mapping[str, str], problems: list[Problem]) -> int:
    """Return the page size, and add to `problems`."""
    limit = values.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch("0*[1-9][0-9]*", limit):
        detail = (
            f"must be a whole number of at least 1; values over {MAX_LIMIT} count as {MAX_LIMIT}"
        )
        problems.append(Problem("parameter", "limit", detail))
        return DEFAULT_LIMIT
    return int(min(Decimal(limit), Decimal(MAX_LIMIT)))


def _item_key(text: str, query: listing.Query | None) -> cursor.ItemKey:
    """Return the key in a cursor. Raises ValueError if the cursor is invalid.

    If `query` is None, because the request's query is invalid, only the cursor's format is checked.
    """
    if query is None:
        return cursor.parse(text)
    return cursor.decode(text, to_json(list(query)), query.lower, query.upper)


def _version(text: str, query: str | None) -> int:
    """Return the version in a cursor of a history. Raises ValueError if the cursor is invalid.

    If `query` is None, because the request's query is invalid, only the cursor's format is checked.
    """
    place = cursor.parse_place(text) if query is None else cursor.decode_place(text, query)
    if not VERSION.fullmatch(place):
        raise ValueError("the cursor is malformed")
    return int(place)


def _place(text: str) -> str:
    """Return the place in a cursor of the change feed. Raises ValueError if it is invalid."""
    place = cursor.decode_place(text, CHANGES)
    if not entries.PLACE.fullmatch(place):
        raise ValueError("the cursor is malformed")
    return place


def _place_after(text: str, problems: list[Problem]) -> str:
    """Return the place in the feed after all changes up to a time, and add to `problems`."""
    moment = instant(text)
    if moment is None:
        problems.append(Problem("parameter", "since", DATE_TIME_RULE))
        return entries.BEGINNING
    return f"{moment[0]}{entries.AFTER}"


def _bounds(values: Mapping[str, str], problems: list[Problem]) -> tuple[str, str]:
    """Return the lower and upper bound of the query's positions, and add to `problems`.

    Both times are exclusive. "$" sorts after the "#" of a position, so `<timestamp>$` sorts after
    all records of that millisecond.
    """
    instants = {
        name: instant(values[name]) for name in ("createdAfter", "createdBefore") if name in values
    }
    for name, bound in instants.items():
        if bound is None:
            problems.append(Problem("parameter", name, DATE_TIME_RULE))
    after, before = instants.get("createdAfter"), instants.get("createdBefore")
    if after and before and after >= before:
        problems.append(Problem("parameter", "createdAfter", "must be earlier than createdBefore"))
        problems.append(Problem("parameter", "createdBefore", "must be later than createdAfter"))
    lower = f"{after[0]}$" if after else listing.LOWEST
    if not before:
        return lower, listing.HIGHEST
    millisecond, rest = before
    return lower, f"{millisecond}$" if rest else millisecond
