"""HTTP requests: parse and check the headers and the body."""

import re
from base64 import b64decode
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from . import parameters, records, syntax
from .fields import Invalid, Problem, refuse
from .jsontext import REPEATED, parse
from .parameters import Event
from .representation import MAX_VERSION

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

    def selects(self, tag: str | None) -> bool:
        """Return whether If-Match allows a record with this tag (RFC 9110, section 13.1.1).

        No record, whose tag is None, satisfies no If-Match.
        """
        if self.if_match is None:
            return True
        return tag is not None and syntax.matches_strongly(self.if_match, tag)

    def is_known(self, tag: str | None) -> bool:
        """Return whether If-None-Match lists this tag (RFC 9110, section 13.1.2)."""
        if self.if_none_match is None or tag is None:
            return False
        return syntax.matches_weakly(self.if_none_match, tag)

    def allow_write(self, tag: str | None) -> bool:
        """Return whether a record with this tag may be changed (RFC 9110, section 13.2.2)."""
        return self.selects(tag) and not self.is_known(tag)


def require_no_parameters(event: Event) -> None:
    """Raise Invalid if the request has query parameters."""
    parameters.require_none(event)


def record_id(event: Event) -> str:
    """Return the percent-decoded record ID in the path. Raises Invalid for query parameters."""
    parameters.require_none(event)
    return parameters.path_id(event)


def version(event: Event) -> int:
    """Return the `version` in the body `{"version": n}`.

    Raises UnsupportedMediaType, records.TooLarge or Invalid.
    """
    content = body(event, JSON)
    if not isinstance(content, dict):
        raise Invalid([Problem("pointer", (), "the body must be a JSON object")])
    problems = [
        Problem("pointer", (name,), "is not a known field; allowed fields: version")
        for name in content
        if name != "version"
    ]
    number = content.get("version")
    if "version" not in content:
        problems.append(Problem("pointer", ("version",), "is required"))
    elif number is REPEATED:
        problems.append(Problem("pointer", ("version",), "appears more than once"))
    elif not _is_version(number):
        detail = f"must be a whole number from 1 to {MAX_VERSION}"
        problems.append(Problem("pointer", ("version",), detail))
    refuse(problems)
    return int(content["version"])


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


def _is_version(number: Any) -> bool:
    """Return whether a JSON value is a whole number that a version can be."""
    is_number = type(number) is Decimal and number.is_finite()
    return is_number and 1 <= number <= MAX_VERSION and number % 1 == 0


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
