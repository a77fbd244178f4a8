"""Parse and write JSON. Numbers keep every digit, and duplicate member names are detected."""

import json
from base64 import b64encode
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from json.encoder import encode_basestring
from typing import Any

# Replaces the value of a member whose name appears more than once. Validation reports it.
REPEATED = object()
# Precise enough to normalize any number in a request. It raises an error instead of rounding.
EXACT = Context(prec=1 << 20, traps=[Inexact, InvalidOperation])
# Numbers with a larger exponent are written in scientific notation.
MAX_PLAIN_EXPONENT = 38


def parse(text: str) -> Any:
    """Return the value of JSON text (RFC 8259).

    Numbers become Decimal without trailing zeros, so that 1, 1.0 and 1e0 are the same. NaN,
    Infinity and numbers that are out of range become a Decimal that is not finite. Raises
    ValueError with the problem and its location if the text is not JSON or is nested too deeply.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_float=_number,
            parse_int=_number,
            parse_constant=Decimal,
        )
    except json.JSONDecodeError as error:
        is_at_end = error.pos >= len(text.rstrip())
        problem = "unexpected end" if is_at_end else "syntax error"
        raise ValueError(f"{problem} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """Return `value` as compact JSON text.

    Unlike json.dumps, it accepts Decimal and keeps every digit. Sets become sorted arrays, and
    bytes become base64 strings.
    """
    match value:
        case str():
            return encode_basestring(value)
        case dict():
            members = sorted(value.items()) if sort_keys else value.items()
            texts = [
                f"{encode_basestring(name)}:{to_json(member, sort_keys=sort_keys)}"
                for name, member in members
            ]
            return "{" + ",".join(texts) + "}"
        case list():
            texts = [to_json(element, sort_keys=sort_keys) for element in value]
            return "[" + ",".join(texts) + "]"
        case Decimal():
            return (
                f"{value:f}"
                if abs(value.adjusted()) <= MAX_PLAIN_EXPONENT
                else str(value.normalize(EXACT))
            )
        case set():
            return to_json(sorted(value))
        case bytes():
            return encode_basestring(b64encode(value).decode())
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
    return json.dumps(value)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text).normalize(EXACT)
    except DecimalException:
        return Decimal("NaN")
    return number or Decimal(0)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        members[name] = REPEATED if name in members else value
    return members
