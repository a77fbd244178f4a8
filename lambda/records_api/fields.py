"""What may stand in a record: fields, lengths, and what DynamoDB can hold."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from .jsontext import REPEATED

# Longest texts, in characters. submittedBy is an index key: 2,048 bytes at most ("Quotas in Amazon DynamoDB").
MAX_LENGTHS = {"type": 128, "status": 128, "message": 8192, "submittedBy": 512}
CLIENT_FIELDS = ("type", "status", "message", "attributes")
SERVER_FIELDS = ("recordID", "createdAt", "updatedAt", "submittedBy", "version")
# What callers see, in this order.
PUBLIC_FIELDS = ("recordID", "createdAt", "updatedAt", "submittedBy", *CLIENT_FIELDS, "version")
RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}")
# "Quotas in Amazon DynamoDB": 32 levels of nesting, of which `attributes` is one and its innermost value another;
# 38 significant digits, magnitudes from 1E-130 to under 1E+126.
MAX_DEPTH = 31
MAX_DIGITS = 38
MIN_EXPONENT, MAX_EXPONENT = -130, 125

Problem = dict[str, str]


class Invalid(Exception):
    """Bad input. `errors` lists every problem: its place (`pointer`, `parameter` or `header`) and its `detail`."""

    def __init__(self, errors: list[Problem]) -> None:
        super().__init__("; ".join(error["detail"] for error in errors))
        self.errors = errors


def check(
    body: Any,
    allowed: Sequence[str],
    *,
    required: Sequence[str] = (),
    removable: Sequence[str] = (),
) -> None:
    """Raise Invalid with every problem of `body` that a caller could mend; `removable` fields may be null."""
    if not isinstance(body, dict):
        raise Invalid([{"pointer": "", "detail": "must be a JSON object"}])
    errors = [
        {"pointer": f"/{name}", "detail": "is required"} for name in required if name not in body
    ]
    for name, value in body.items():
        pointer = _pointer("", name)
        if value is REPEATED:
            errors.append({"pointer": pointer, "detail": "appears more than once"})
        elif name not in allowed:
            reason = "is set by the server" if name in SERVER_FIELDS else "is not a field"
            errors.append(
                {"pointer": pointer, "detail": f"{reason}; fields are {', '.join(allowed)}"}
            )
        elif value is None and name in removable:
            continue
        elif name != "attributes":
            errors += _text_problems(value, pointer, MAX_LENGTHS[name])
        elif isinstance(value, dict):
            errors += _unstorable(value, pointer, 1)
        else:
            errors.append({"pointer": pointer, "detail": "must be a JSON object"})
    if errors:
        raise Invalid(errors)


def _text_problems(value: Any, pointer: str, longest: int) -> Iterator[Problem]:
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        yield {"pointer": pointer, "detail": f"must be a string of 1 to {longest} characters"}
    else:
        yield from _unstorable(value, pointer, 1)


def _unstorable(value: Any, pointer: str, depth: int) -> Iterator[Problem]:
    """Yield what DynamoDB could not hold in `value`, the container of level `depth` or what stands in one."""
    match value:
        case dict() | list() if depth > MAX_DEPTH:
            yield {"pointer": pointer, "detail": f"is nested more than {MAX_DEPTH} levels deep"}
        case dict():
            for name, member in value.items():
                place = _pointer(pointer, name)
                if not name or not _is_unicode(name):
                    yield {"pointer": place, "detail": "a name must be valid Unicode and not empty"}
                yield from _unstorable(member, place, depth + 1)
        case list():
            for index, member in enumerate(value):
                yield from _unstorable(member, f"{pointer}/{index}", depth + 1)
        case str() if not _is_unicode(value):
            yield {"pointer": pointer, "detail": "must be valid Unicode: a surrogate stands alone"}
        case Decimal() if not _is_storable(value):
            limits = (
                f"{MAX_DIGITS} digits, magnitude 1E{MIN_EXPONENT} to under 1E+{MAX_EXPONENT + 1}"
            )
            yield {"pointer": pointer, "detail": f"must be a number of at most {limits}"}
        case _ if value is REPEATED:
            yield {"pointer": pointer, "detail": "appears more than once"}


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


def _pointer(parent: str, name: str) -> str:
    """Return the JSON Pointer of a member (RFC 6901); what is no Unicode is shown escaped."""
    shown = name.encode(errors="backslashreplace").decode()
    return f"{parent}/{shown.replace('~', '~0').replace('/', '~1')}"
