"""Validation of records: fields, lengths, and the limits of DynamoDB."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from typing import Any, NamedTuple

from .jsontext import REPEATED

# In characters (Unicode code points). submittedBy is an index key, which DynamoDB limits to 2,048
# bytes ("Quotas in Amazon DynamoDB").
MAX_LENGTHS = {"type": 128, "status": 128, "message": 8192, "submittedBy": 512}
CLIENT_FIELDS = ("type", "status", "message", "attributes")
SERVER_FIELDS = ("recordID", "createdAt", "updatedAt", "updatedBy", "submittedBy", "version")
# The fields that callers see, in the order of responses.
PUBLIC_FIELDS = (
    "recordID",
    "createdAt",
    "updatedAt",
    "updatedBy",
    "submittedBy",
    *CLIENT_FIELDS,
    "version",
)
RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
# Decoding takes time and memory for every value, so a limit in bytes alone would not bound a page.
MAX_VALUES = 1000
# Source: "Quotas in Amazon DynamoDB". Of its 32 levels of nesting, the innermost value takes one.
# Numbers have 38 significant digits and magnitudes from 1E-130 to just under 1E+126.
MAX_DEPTH = 31
MAX_DIGITS = 38
MIN_EXPONENT, MAX_EXPONENT = -130, 125
# Limits on a 400 response: the problems listed, and the bytes shown of each location. Its size must
# not grow with the request.
MAX_ERRORS = 100
MAX_LOCATION_BYTES = 1024
ELLIPSIS = "…"
UNPAIRED = "must be valid Unicode; it contains an unpaired surrogate"
BAD_NAME = "the member name must be valid Unicode and not empty"
BAD_NUMBER = (
    f"must be a number with at most {MAX_DIGITS} significant digits that is 0 or has a magnitude "
    f"from 1E{MIN_EXPONENT} to less than 1E+{MAX_EXPONENT + 1}"
)

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One problem of a request.

    `kind` is "pointer", "parameter" or "header". `location` is a path in the body, or the name of a
    parameter or header. A path is converted to text only if the problem is listed.
    """

    kind: str
    location: Path | str
    detail: str


class Invalid(Exception):
    """The request is invalid.

    `errors` describes the first MAX_ERRORS problems; `omitted` is the number of the others.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        remaining = iter(problems)
        self.errors = [_described(problem) for problem in islice(remaining, MAX_ERRORS)]
        self.omitted = sum(1 for _ in remaining)
        super().__init__("; ".join(error["detail"] for error in self.errors))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Invalid if there is any problem."""
    remaining = iter(problems)
    if (first := next(remaining, None)) is not None:
        raise Invalid(chain([first], remaining))


def check(
    body: Any,
    allowed: Sequence[str],
    *,
    required: Sequence[str] = (),
    removable: Sequence[str] = (),
) -> None:
    """Raise Invalid with all problems of `body`.

    Fields must be in `allowed` and valid, and fields in `removable` may be null.
    """
    if isinstance(body, dict):
        refuse(_problems(body, allowed, required, removable))
    else:
        refuse([Problem("pointer", (), "the body must be a JSON object")])


def check_growth(before: Any, after: Any) -> None:
    """Raise Invalid if an update takes `attributes` above MAX_VALUES.

    An item from another program may hold more. It can be updated if the number does not grow.
    """
    count = count_values(after)
    if count > MAX_VALUES and count > count_values(before):
        refuse([_too_many_values(count)])


def count_values(container: Any) -> int:
    """Return the number of members and elements in `container`, at all levels."""
    count, pending = 0, [container]
    while pending:
        match pending.pop():
            case dict() as members:
                children = list(members.values())
            case (list() | set()) as elements:
                children = list(elements)
            case _:
                continue
        count += len(children)
        pending += children
    return count


def _problems(
    body: dict[str, Any], allowed: Sequence[str], required: Sequence[str], removable: Sequence[str]
) -> Iterator[Problem]:
    for name in required:
        if name not in body:
            yield Problem("pointer", (name,), "is required")
    for name, value in body.items():
        path = (name,)
        if value is REPEATED:
            yield Problem("pointer", path, "appears more than once")
        elif name not in allowed:
            reason = "is set by the server" if name in SERVER_FIELDS else "is not a known field"
            yield Problem("pointer", path, f"{reason}; allowed fields: {', '.join(allowed)}")
        elif value is None and name in removable:
            continue
        elif name != "attributes":
            yield from _text_problems(value, path, MAX_LENGTHS[name])
        elif isinstance(value, dict):
            if (count := count_values(value)) > MAX_VALUES:
                yield _too_many_values(count)
            yield from _unstorable(value, path, 1)
        else:
            yield Problem("pointer", path, "must be a JSON object")


def _too_many_values(count: int) -> Problem:
    detail = f"must have at most {MAX_VALUES} values, counted at all levels; it has {count}"
    return Problem("pointer", ("attributes",), detail)


def _text_problems(value: Any, path: Path, max_length: int) -> Iterator[Problem]:
    if not isinstance(value, str) or not 1 <= len(value) <= max_length:
        yield Problem("pointer", path, f"must be a string of 1 to {max_length} characters")
    else:
        yield from _unstorable(value, path, 1)


def _unstorable(value: Any, path: Path, depth: int) -> Iterator[Problem]:
    """Yield a problem for everything in `value` that DynamoDB cannot store.

    `depth` is the level of `value` if it is a container.
    """
    match value:
        case dict() | list() if depth > MAX_DEPTH:
            yield Problem("pointer", path, f"is nested more than {MAX_DEPTH} levels deep")
        case dict():
            for name, member in value.items():
                member_path = (*path, name)
                if not name or not _is_unicode(name):
                    yield Problem("pointer", member_path, BAD_NAME)
                yield from _unstorable(member, member_path, depth + 1)
        case list():
            for index, member in enumerate(value):
                yield from _unstorable(member, (*path, index), depth + 1)
        case str() if not _is_unicode(value):
            yield Problem("pointer", path, UNPAIRED)
        case Decimal() if not _is_storable(value):
            yield Problem("pointer", path, BAD_NUMBER)
        case _ if value is REPEATED:
            yield Problem("pointer", path, "appears more than once")


def _is_storable(number: Decimal) -> bool:
    if not number.is_finite():
        return False
    fits = (
        len(number.as_tuple().digits) <= MAX_DIGITS
        and MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT
    )
    return fits or not number


def _is_unicode(text: str) -> bool:
    return text == text.encode(errors="ignore").decode()


def _described(problem: Problem) -> dict[str, str]:
    """Return a problem as an entry of `errors`."""
    location = problem.location
    text = location if isinstance(location, str) else _pointer(location)
    return {problem.kind: _shortened(text), "detail": problem.detail}


def _pointer(path: Path) -> str:
    """Return a path as a JSON Pointer (RFC 6901), with long names cut to what can be shown."""
    names = [str(part)[:MAX_LOCATION_BYTES] for part in path]
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def _shortened(text: str) -> str:
    """Return at most MAX_LOCATION_BYTES of `text` in UTF-8, with unpaired surrogates escaped."""
    octets = text.encode(errors="backslashreplace")
    if len(octets) <= MAX_LOCATION_BYTES:
        return octets.decode()
    shown = octets[: MAX_LOCATION_BYTES - len(ELLIPSIS.encode())].decode(errors="ignore")
    # A JSON Pointer escape (~0 or ~1) that was cut in half would make the pointer malformed.
    return shown.removesuffix("~") + ELLIPSIS
