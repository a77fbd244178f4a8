"""Convert Python values to and from DynamoDB attribute values.

Source: Amazon DynamoDB API Reference, "AttributeValue".
"""

from base64 import b64decode, b64encode
from decimal import Decimal
from typing import Any

AttributeValue = dict[str, Any]


def encode(value: Any) -> AttributeValue:
    """Return `value` as an attribute value.

    Accepts str, bool, None, int, Decimal, bytes, list, dict, and sets whose members have one type.
    Raises TypeError for any other type.
    """
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
    raise TypeError(f"cannot encode a {type(value).__name__} as an attribute value")


def decode(attribute: AttributeValue) -> Any:
    """Return the Python value of an attribute value.

    Numbers become Decimal, which keeps every digit. Raises ValueError for an unknown type.
    """
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
