"""What may stand in a record: fields, lengths, and what DynamoDB can hold."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from .jsontext import REPEATED

# Longest texts, in characters. submittedBy is an index key: 2,048 bytes at most ("Quotas in Amazon
# DynamoDB").
MAX_LENGTHS = {"type": 128, "status": 128, "message": 8192, "submittedBy": 512}
CLIENT_FIELDS = ("type", "status", "message", "attributes")
SERVER_FIELDS = ("recordID", "createdAt", "updatedAt", "submittedBy", "version")
# What callers see, in this order.
PUBLIC_FIELDS = ("recordID", "createdAt", "updatedAt", "submittedBy", *CLIENT_FIELDS, "version")
RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
# Decoding costs time and memory for every value, so the size in bytes alone does not bound a page.
MAX_VALUES = 1000
# "Quotas in Amazon DynamoDB": 32 levels of nesting, of which `attributes` is one and its innermost
# value another; 38 significant digits, magnitudes from 1E-130 to under 1E+126.
MAX_DEPTH = 31
MAX_DIGITS = 38
MIN_EXPONENT, MAX_EXPONENT = -130, 125
# A 400 lists this many problems and shows this much of each place: its size does not depend on the
# request's.
MAX_ERRORS = 100
MAX_PLACE_BYTES = 1024
ELLIPSIS = "…"
UNPAIRED = "must be valid Unicode; it contains an unpaired surrogate"
BAD_NAME = "the member's name must be valid Unicode and not empty"
NUMBERS = (
    f"must be a number of at most {MAX_DIGITS} significant digits that is 0 or of a magnitude "
    f"from 1E{MIN_EXPONENT} to under 1E+{MAX_EXPONENT + 1}"
)

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong with a request.

    `kind` is "pointer", "parameter" or "header"; `place` is a path into the body or a name. The path
    becomes text only if the problem is listed.
    """

    kind: str
    place: Path | str
    detail: str


class Invalid(Exception):
    """Bad input. `errors` describes the first MAX_ERRORS problems; `omitted` counts all others."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        remaining = iter(problems)
        self.errors = [_described(problem) for problem in islice(remaining, MAX_ERRORS)]
        self.omitted = sum(1 for _ in remaining)
        super().__init__("; ".join(error["detail"] for error in self.errors))


def refuse(problems: Iterable[Problem]) -> None:
    """Raise Invalid if there are any problems."""
    error = Invalid(problems)
    if error.errors:
        raise error


def check(
    body: Any,
    allowed: Sequence[str],
    *,
    required: Sequence[str] = (),
    removable: Sequence[str] = (),
) -> None:
    """Raise Invalid with every problem of `body`; `removable` fields may be null."""
    if isinstance(body, dict):
        refuse(_problems(body, allowed, required, removable))
    else:
        refuse([Problem("pointer", (), "the body must be a JSON object")])


def check_growth(before: Any, after: Any) -> None:
    """Raise Invalid if an update takes `attributes` above MAX_VALUES.

    Items of other writers may hold more than that: they can be updated as long as they do not grow.
    """
    count = count_values(after)
    if count > MAX_VALUES and count > count_values(before):
        refuse([_too_many_values(count)])


def count_values(container: Any) -> int:
    """Return how many values `container` holds: every member and element, at every depth."""
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
    detail = f"must hold at most {MAX_VALUES} values, counted at every depth; it holds {count}"
    return Problem("pointer", ("attributes",), detail)


def _text_problems(value: Any, path: Path, longest: int) -> Iterator[Problem]:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        yield Problem("pointer", path, f"must be a string of 1 to {longest} characters")
    else:
        yield from _unstorable(value, path, 1)


def _unstorable(value: Any, path: Path, depth: int) -> Iterator[Problem]:
    """Yield what DynamoDB could not hold in `value`, a container of level `depth` or a value in one."""
    match value:
        case dict() | list() if depth > MAX_DEPTH:
            yield Problem("pointer", path, f"is nested more than {MAX_DEPTH} levels deep")
        case dict():
            for name, member in value.items():
                place = (*path, name)
                if not name or not _is_unicode(name):
                    yield Problem("pointer", place, BAD_NAME)
                yield from _unstorable(member, place, depth + 1)
        case list():
            for index, member in enumerate(value):
                yield from _unstorable(member, (*path, index), depth + 1)
        case str() if not _is_unicode(value):
            yield Problem("pointer", path, UNPAIRED)
        case Decimal() if not _is_storable(value):
            yield Problem("pointer", path, NUMBERS)
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
    """Return a problem as callers see it."""
    place = problem.place if isinstance(problem.place, str) else _pointer(problem.place)
    return {problem.kind: _shortened(place), "detail": problem.detail}


def _pointer(path: Path) -> str:
    """Return the JSON Pointer of a path (RFC 6901); of a long name only what can be shown is read."""
    names = [str(part)[:MAX_PLACE_BYTES] for part in path]
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def _shortened(place: str) -> str:
    """Return `place` in at most MAX_PLACE_BYTES of UTF-8, and unpaired surrogates as escapes."""
    octets = place.encode(errors="backslashreplace")
    if len(octets) <= MAX_PLACE_BYTES:
        return octets.decode()
    shown = octets[: MAX_PLACE_BYTES - len(ELLIPSIS.encode())].decode(errors="ignore")
    # Half of an escape of JSON Pointer (~0 or ~1) would make it malformed.
    return shown.removesuffix("~") + ELLIPSIS
