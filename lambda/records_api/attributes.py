"""DynamoDB attribute values from and to Python values (Amazon DynamoDB API Reference, "AttributeValue")."""

from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any

AttributeValue = dict[str, Any]


def encode(value: Any) -> AttributeValue:
    """Return `value` as an attribute value: str, bool, None, int, Decimal, bytes, list, dict, or a set of one kind."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": b64encode(value).decode()}
        case dict():
            return {"M": {name: encode(member) for name, member in value.items()}}
        case list():
            return {"L": [encode(member) for member in value]}
        case set():
            members = [next(iter(encode(member).items())) for member in value]
            return {f"{members[0][0]}S": [text for _, text in members]}
    raise TypeError(f"no attribute value holds a {type(value).__name__}")


def decode(attribute: AttributeValue) -> Any:
    """Return the Python value of an attribute value; numbers are Decimal, so that none loses a digit."""
    (kind, value), *_ = attribute.items()
    match kind:
        case "NULL":
            return None
        case "BOOL" | "S":
            return value
        case "N":
            return Decimal(value)
        case "B":
            return b64decode(value)
        case "M":
            return {name: decode(member) for name, member in value.items()}
        case "L":
            return [decode(member) for member in value]
        case "SS" | "NS" | "BS":
            return {decode({kind[0]: member}) for member in value}
    raise ValueError(f"unknown attribute type {kind}")
