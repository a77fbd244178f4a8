"""JSON text, in and out: numbers keep every digit, and a member that appears twice is not lost unseen."""

import json
from base64 import b64encode
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from json.encoder import encode_basestring
from typing import Any

# Stands for the value of a member that a JSON object has more than once; validation reports where.
REPEATED = object()
# Wide enough to normalize any number that fits into a request; what it can't hold raises, and is not rounded to 0.
EXACT = Context(prec=1 << 20, traps=[Inexact, InvalidOperation])
LONGEST_PLAIN = 38


def parse(text: str) -> Any:
    """Return the value of JSON text (RFC 8259). 1, 1.0 and 1e0 are one Decimal, without trailing zeros.

    NaN, Infinity and numbers past all bounds become a Decimal that is not finite. Raises ValueError,
    which says what is wrong and where, if the text is not JSON or is nested too deeply to be read.
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
        is_cut_off = error.pos >= len(text.rstrip())
        what = "unexpected end" if is_cut_off else "syntax error"
        raise ValueError(f"{what} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def to_json(value: Any, *, sort_keys: bool = False) -> str:
    """Return compact JSON text; what json.dumps can't do: every digit of a Decimal, sets, bytes."""
    match value:
        case str():
            return encode_basestring(value)
        case dict():
            members = sorted(value.items()) if sort_keys else value.items()
            texts = [
                f"{encode_basestring(name)}:{to_json(each, sort_keys=sort_keys)}"
                for name, each in members
            ]
            return "{" + ",".join(texts) + "}"
        case list():
            return "[" + ",".join([to_json(each, sort_keys=sort_keys) for each in value]) + "]"
        case Decimal():
            return (
                f"{value:f}"
                if abs(value.adjusted()) <= LONGEST_PLAIN
                else str(value.normalize(EXACT))
            )
        case set():
            return to_json(sorted(value))
        case bytes():
            return encode_basestring(b64encode(value).decode())
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
