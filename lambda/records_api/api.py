"""HTTP requests: parse and check the query, the headers and the body."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import unquote

from . import cursor, records, store, syntax
from .fields import MAX_LENGTHS, Invalid, Problem, refuse
from .jsontext import parse, to_json

Event = Mapping[str, Any]

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
FILTERS = ("type", "status", "submittedBy")
LIST_PARAMETERS = (*FILTERS, "createdAfter", "createdBefore", "order", "limit", "cursor")
# RFC 3339, section 5.6, date-time.
DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?"
    r"(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII | re.IGNORECASE,
)
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
CHARSETS = ("utf-8", "utf8", "us-ascii")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_BODY_BYTES = records.MAX_RECORD_BYTES


class UnsupportedMediaType(Exception):
    """The operation does not support the body's media type, charset or content coding."""


class Conditions(NamedTuple):
    """The entity tags of `If-Match` and `If-None-Match`; None if the header is not set."""

    if_match: list[str] | None
    if_none_match: list[str] | None

    def selects(self, tag: str) -> bool:
        """Return whether If-Match allows a record with this tag (RFC 9110, section 13.1.1)."""
        return self.if_match is None or syntax.matches_strongly(self.if_match, tag)

    def is_known(self, tag: str) -> bool:
        """Return whether If-None-Match lists this tag (RFC 9110, section 13.1.2)."""
        return self.if_none_match is not None and syntax.matches_weakly(self.if_none_match, tag)

    def allow_write(self, tag: str) -> bool:
        """Return whether a record with this tag may be changed (RFC 9110, section 13.2.2)."""
        return self.selects(tag) and not self.is_known(tag)


class ListRequest(NamedTuple):
    """A list request: the query, the page size, the key to continue after, and the parameters."""

    query: store.Query
    limit: int
    after: cursor.ItemKey | None
    parameters: dict[str, str]


def list_request(event: Event) -> ListRequest:
    """Return the list request in `event`. Raises Invalid with every invalid parameter."""
    values, problems = _parameters(event, LIST_PARAMETERS)
    filters = {name: values[name] for name in FILTERS if name in values}
    for name, value in filters.items():
        if not 1 <= len(value) <= MAX_LENGTHS[name]:
            detail = f"must have 1 to {MAX_LENGTHS[name]} characters"
            problems.append(Problem("parameter", name, detail))
    order = values.get("order", "desc")
    if order not in ("asc", "desc"):
        problems.append(Problem("parameter", "order", "must be asc or desc"))
    bounds = _bounds(values, problems)
    query = store.Query(filters, order == "desc", *bounds)
    is_query_valid = not problems
    limit = values.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch("0*[1-9][0-9]*", limit):
        detail = (
            f"must be a whole number of at least 1; values over {MAX_LIMIT} count as {MAX_LIMIT}"
        )
        problems.append(Problem("parameter", "limit", detail))
    after = None
    if "cursor" in values:
        try:
            after = _item_key(values["cursor"], query if is_query_valid else None)
        except ValueError:
            detail = "must be the `next` of a page of the same query; omit it to start again"
            problems.append(Problem("parameter", "cursor", detail))
    refuse(problems)
    return ListRequest(query, int(min(Decimal(limit), Decimal(MAX_LIMIT))), after, values)


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
        return records.timestamp(moment), fraction[3:].rstrip("0")
    except (ValueError, OverflowError):
        return None


def require_no_parameters(event: Event) -> None:
    """Raise Invalid if the request has query parameters. Only list requests may have them."""
    _, problems = _parameters(event, ())
    refuse(problems)


def record_id(event: Event) -> str:
    """Return the percent-decoded record ID in the path. Raises Invalid for query parameters."""
    require_no_parameters(event)
    return unquote((event.get("pathParameters") or {}).get("recordID", ""))


def body(event: Event, *media_types: str) -> Any:
    """Return the JSON value of the body, which must have one of `media_types`.

    Raises UnsupportedMediaType, records.TooLarge or Invalid.
    """
    if not _is_supported(event, media_types):
        raise UnsupportedMediaType
    text = event.get("body") or ""
    octets = (
        b64decode(text) if event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
    )
    if len(octets) > MAX_BODY_BYTES:
        raise records.TooLarge
    try:
        return _parsed(octets)
    except ValueError as error:
        raise Invalid([Problem("pointer", (), f"The body is {error}.")]) from error


def idempotency_key(event: Event) -> str | None:
    """Return the Idempotency-Key, or None if it is not set. Raises Invalid."""
    key = _header(event, "idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        detail = "must be 1 to 255 visible ASCII characters"
        raise Invalid([Problem("header", "Idempotency-Key", detail)])
    return key


def conditions(event: Event) -> Conditions:
    """Return the request's preconditions. Raises Invalid."""
    tag_lists: list[list[str] | None] = []
    problems = []
    for name in ("If-Match", "If-None-Match"):
        text = _header(event, name.lower())
        try:
            tag_lists.append(None if text is None else syntax.entity_tags(text))
        except ValueError:
            detail = 'must be * or a list of entity tags in double quotes, such as "1-0a1b2c3d4e5f"'
            problems.append(Problem("header", name, detail))
    refuse(problems)
    return Conditions(*tag_lists)


def accepts_gzip(event: Event) -> bool:
    """Return whether Accept-Encoding allows gzip."""
    return syntax.accepts_gzip(_header(event, "accept-encoding") or "")


def _header(event: Event, name: str) -> str | None:
    """Return the value of a header, or None if it is not set."""
    value = (event.get("headers") or {}).get(name)
    return None if value is None else str(value).strip(" \t")


def _is_supported(event: Event, media_types: Sequence[str]) -> bool:
    """Return whether the body has one of `media_types`, is UTF-8 and has no content coding."""
    try:
        media_type, parameters = syntax.media_type(_header(event, "content-type") or "")
    except ValueError:
        return False
    charsets = {value.lower() for name, value in parameters if name == "charset"}
    coding = (_header(event, "content-encoding") or "").lower()
    is_utf8 = charsets.issubset(CHARSETS)
    return media_type in media_types and is_utf8 and coding in ("", "identity")


def _parsed(octets: bytes) -> Any:
    """Return the JSON value of a body.

    Raises ValueError, whose text completes "The body is ...".
    """
    if not octets.strip():
        raise ValueError("empty; a JSON object is required")
    if octets.startswith(BYTE_ORDER_MARK):
        raise ValueError("not valid JSON: it begins with a byte order mark")
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        byte = f"byte 0x{octets[error.start]:02X} at offset {error.start}"
        raise ValueError(f"not valid UTF-8: invalid {byte}") from error
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"not valid JSON: {error}") from error


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


def _item_key(text: str, query: store.Query | None) -> cursor.ItemKey:
    """Return the key in a cursor. Raises ValueError if the cursor is invalid.

    If `query` is None, because the request's query is invalid, only the cursor's format is checked.
    """
    if query is None:
        return cursor.parse(text)
    return cursor.decode(text, to_json(list(query)), query.lower, query.upper)


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
            detail = (
                "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z, with + sent as %2B"
            )
            problems.append(Problem("parameter", name, detail))
    after, before = instants.get("createdAfter"), instants.get("createdBefore")
    if after and before and after >= before:
        problems.append(Problem("parameter", "createdAfter", "must be earlier than createdBefore"))
        problems.append(Problem("parameter", "createdBefore", "must be later than createdAfter"))
    lower = f"{after[0]}$" if after else store.LOWEST
    if not before:
        return lower, store.HIGHEST
    millisecond, rest = before
    return lower, f"{millisecond}$" if rest else millisecond
