"""HTTP, coming in: what a request's caller, query, headers and body say."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from . import cursor, records, store
from .fields import MAX_LENGTHS, Invalid, Problem
from .jsontext import parse, to_json

Event = Mapping[str, Any]

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
FILTERS = ("type", "status", "submittedBy")
LIST_PARAMETERS = (*FILTERS, "createdAfter", "createdBefore", "order", "limit", "cursor")
# RFC 3339, section 5.6, date-time.
DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
# RFC 9110, section 8.8.3.
ENTITY_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
ENTITY_TAGS = re.compile(rf"{ENTITY_TAG}(?:[ \t]*,[ \t]*{ENTITY_TAG})*")
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
MAX_BODY_BYTES = records.MAX_RECORD_BYTES


class UnsupportedMediaType(Exception):
    """The body is of another media type, charset or coding than the operation takes."""


class NoIdentity(Exception):
    """The authorizer passed on no identity that could be recorded."""


class Listing(NamedTuple):
    """What a list request asks: the question, the most records to return, the position to go on after."""

    query: store.Query
    limit: int
    after: cursor.Place | None
    parameters: dict[str, str]


def caller(event: Event, auth_mode: str) -> records.Caller:
    """Return who calls, as the route's authorizer says. Raises NoIdentity: a route without one fails closed."""
    if auth_mode == "NONE":
        return records.Caller("anonymous", "anonymous")
    authorizer = event["requestContext"].get("authorizer") or {}
    if auth_mode == "IAM":
        iam = authorizer.get("iam") or {}
        identity, account, user = (
            _text(iam.get(name)) for name in ("userArn", "accountId", "userId")
        )
        # userId is `AROA...:session` for an assumed role; what stands before the colon outlives the session.
        namespace = f"{account}/{user.partition(':')[0]}" if account and user else ""
    else:
        claims = (authorizer.get("jwt") or {}).get("claims") or {}
        issuer, subject = (
            _text(claims.get("iss")),
            _text(claims.get("sub")) or _text(claims.get("client_id")),
        )
        identity = namespace = f"{issuer}#{subject}" if issuer and subject else ""
    if not identity or not namespace or len(identity) > MAX_LENGTHS["submittedBy"]:
        raise NoIdentity
    return records.Caller(identity, namespace)


def listing(event: Event) -> Listing:
    """Return what `GET /records` asks. Raises Invalid with every parameter that is unknown, repeated or wrong."""
    given, errors = _parameters(event, LIST_PARAMETERS)
    filters = {name: given[name] for name in FILTERS if name in given}
    for name, value in filters.items():
        if not 1 <= len(value) <= MAX_LENGTHS[name]:
            errors.append(
                {"parameter": name, "detail": f"must have 1 to {MAX_LENGTHS[name]} characters"}
            )
    order = given.get("order", "desc")
    if order not in ("asc", "desc"):
        errors.append({"parameter": "order", "detail": "must be asc or desc"})
    limit = given.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch("0*[1-9][0-9]*", limit):
        detail = f"must be a whole number from 1; more than {MAX_LIMIT} is lowered to that"
        errors.append({"parameter": "limit", "detail": detail})
    query = store.Query(filters, order == "desc", *_bounds(given, errors))
    position = None
    if "cursor" in given and not errors:
        try:
            position = cursor.decode(
                given["cursor"], to_json(list(query)), query.lower, query.upper
            )
        except ValueError:
            detail = "must be the `next` of a page of this same query; start again without it"
            errors.append({"parameter": "cursor", "detail": detail})
    if errors:
        raise Invalid(errors)
    return Listing(query, int(min(Decimal(limit), Decimal(MAX_LIMIT))), position, given)


def instant(text: str) -> tuple[str, str] | None:
    """Return a date-time as a timestamp, cut to the millisecond, and the digits cut off; None where it is none."""
    parts = DATE_TIME.fullmatch(text)
    if not parts:
        return None
    seconds, fraction, offset = parts[1], (parts[2] or "").ljust(3, "0"), parts[3]
    try:
        moment = datetime.fromisoformat(f"{seconds}.{fraction[:3]}{offset}".upper())
        return records.timestamp(moment), fraction[3:].rstrip("0")
    except (ValueError, OverflowError):
        return None


def no_parameters(event: Event) -> None:
    """Raise Invalid where there are query parameters: only listings take any."""
    _, errors = _parameters(event, ())
    if errors:
        raise Invalid(errors)


def record_id(event: Event) -> str:
    """Return the record id of the path, as it was meant before percent-encoding. Raises Invalid: see no_parameters."""
    no_parameters(event)
    return unquote((event.get("pathParameters") or {}).get("recordID", ""))


def body(event: Event, *media_types: str) -> Any:
    """Return the JSON value of the body. Raises UnsupportedMediaType, records.TooLarge, or Invalid."""
    media_type, _, parameters = _header(event, "content-type").partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters, re.IGNORECASE)
    is_utf8 = charset is None or charset[1].lower() in ("utf-8", "utf8", "us-ascii")
    coding = _header(event, "content-encoding").lower()
    if (
        media_type.strip().lower() not in media_types
        or not is_utf8
        or coding not in ("", "identity")
    ):
        raise UnsupportedMediaType
    text = event.get("body") or ""
    octets = (
        b64decode(text) if event.get("isBase64Encoded") else text.encode(errors="surrogatepass")
    )
    if len(octets) > MAX_BODY_BYTES:
        raise records.TooLarge
    try:
        return parse(octets.decode())
    except ValueError as error:
        raise Invalid([{"pointer": "", "detail": f"must be JSON in UTF-8: {error}"}]) from error


def idempotency_key(event: Event) -> str | None:
    """Return the Idempotency-Key, or None where there is none. Raises Invalid."""
    if "idempotency-key" not in event["headers"]:
        return None
    key = _header(event, "idempotency-key")
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid(
            [{"header": "Idempotency-Key", "detail": "must be 1 to 255 visible ASCII characters"}]
        )
    return key


def precondition(event: Event) -> records.Precondition | None:
    """Return the test that `If-Match` puts to a record's tag, or None (RFC 9110, section 13.1.1). Raises Invalid."""
    tags = _entity_tags(event, "If-Match")
    # Strong comparison: a weak tag matches nothing.
    return None if tags is None else lambda tag: tag in tags or "*" in tags


def is_known(event: Event, tag: str) -> bool:
    """Tell whether `If-None-Match` names the tag (RFC 9110, section 13.1.2, weak comparison). Raises Invalid."""
    tags = _entity_tags(event, "If-None-Match")
    return tags is not None and ("*" in tags or tag in [each.removeprefix("W/") for each in tags])


def accepts_gzip(event: Event) -> bool:
    """Tell whether Accept-Encoding admits gzip (RFC 9110, section 12.5.3)."""
    codings = {}
    for part in _header(event, "accept-encoding").lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        codings[coding] = not re.fullmatch(r"0(\.0*)?", weight)
    return codings.get("gzip", codings.get("*", False))


def _header(event: Event, name: str) -> str:
    return str(event["headers"].get(name, "")).strip()


def _text(claim: Any) -> str:
    """Return a claim as text; issuers send numbers as well, and anything else identifies nobody."""
    return str(claim) if isinstance(claim, str | int) and not isinstance(claim, bool) else ""


def _parameters(event: Event, known: Sequence[str]) -> tuple[dict[str, str], list[Problem]]:
    """Return the query's parameters and what is wrong with their names; a typo must not widen a question unseen."""
    try:
        pairs = parse_qsl(event.get("rawQueryString", ""), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Invalid(
            [{"parameter": "", "detail": "the query string must be percent-encoded UTF-8"}]
        ) from error
    names = [name for name, _ in pairs]
    allowed = f"parameters are {', '.join(known)}" if known else "there are none here"
    errors = [
        {"parameter": name, "detail": f"is not a parameter; {allowed}"}
        for name in names
        if name not in known
    ]
    errors += [
        {"parameter": name, "detail": "must be given once"}
        for name in known
        if names.count(name) > 1
    ]
    return dict(pairs), errors


def _bounds(given: Mapping[str, str], errors: list[Problem]) -> tuple[str, str]:
    """Return the texts between which a position lies, both ends of time being exclusive; `errors` gains what is wrong.

    "$" sorts behind the "#" of a position, so that `<millisecond>$` lies behind all records of that millisecond.
    """
    instants = {
        name: instant(given[name]) for name in ("createdAfter", "createdBefore") if name in given
    }
    for name, bound in instants.items():
        if bound is None:
            detail = "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z; a + must be sent as %2B"
            errors.append({"parameter": name, "detail": detail})
    after, before = instants.get("createdAfter"), instants.get("createdBefore")
    if after and before and after >= before:
        errors.append({"parameter": "createdAfter", "detail": "must lie before createdBefore"})
        errors.append({"parameter": "createdBefore", "detail": "must lie after createdAfter"})
    lower = f"{after[0]}$" if after else store.LOWEST
    if not before:
        return lower, store.HIGHEST
    millisecond, rest = before
    return lower, f"{millisecond}$" if rest else millisecond


def _entity_tags(event: Event, name: str) -> list[str] | None:
    """Return the entity tags of a header, ["*"] for any, or None where the header is not there."""
    if name.lower() not in event["headers"]:
        return None
    text = _header(event, name.lower())
    if text == "*":
        return ["*"]
    if not ENTITY_TAGS.fullmatch(text):
        detail = 'must be * or entity tags in double quotes, such as "1-0a1b2c3d4e5f"'
        raise Invalid([{"header": name, "detail": detail}])
    return re.findall(ENTITY_TAG, text)
