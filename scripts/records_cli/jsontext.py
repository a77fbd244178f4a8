"""JSON whose numbers keep the spelling of the response, and the canonical text of history entries.

lambda/openapi.yaml (schema `HistoryEntry`) states the canonical form. It is implemented here apart
from the service, so that `records verify` does not repeat a mistake of the service.
"""

import hashlib
import json
from json.encoder import encode_basestring
from typing import Any


class Number(str):
    """A JSON number as it is spelled in the text. A float would lose digits."""

    __slots__ = ()


def parse(text: bytes | str) -> Any:
    """Return JSON text parsed, with each number as a Number. Raises ValueError if it is invalid."""
    return json.loads(text, parse_int=Number, parse_float=Number)


def canonical(value: Any) -> str:
    """Return the canonical text: names sorted by code point, no blanks, numbers as spelled."""
    if isinstance(value, str):
        return value if isinstance(value, Number) else encode_basestring(value)
    if isinstance(value, dict):
        members = [f"{encode_basestring(name)}:{canonical(value[name])}" for name in sorted(value)]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical text as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def compact(value: Any) -> str:
    """Return JSON text on one line, with members in their order and numbers as spelled."""
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{encode_basestring(name)}:{compact(value[name])}" for name in value)
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return canonical(value)


def pretty(value: Any, indent: str = "") -> str:
    """Return indented JSON text for people; numbers keep their spelling."""
    inner = f"{indent}  "
    if isinstance(value, dict) and value:
        members = [f"{encode_basestring(name)}: {pretty(value[name], inner)}" for name in value]
        return "{\n" + ",\n".join(f"{inner}{each}" for each in members) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        elements = [f"{inner}{pretty(each, inner)}" for each in value]
        return "[\n" + ",\n".join(elements) + f"\n{indent}]"
    return canonical(value)
