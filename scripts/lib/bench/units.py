"""What DynamoDB counts for a call: item sizes, read units and write units."""

import math
from typing import Any, NamedTuple

Item = dict[str, Any]

# One read unit is a strongly consistent read of up to 4 KB; an eventually consistent read takes
# half of it. One write unit is a write of up to 1 KB; a transaction takes two. Each index of a
# table is written separately. Sources: Amazon DynamoDB Developer Guide, "DynamoDB read and write
# operations", "Amazon DynamoDB Transactions: How it works" and "Using Global Secondary Indexes".
READ_BYTES = 4096
WRITE_BYTES = 1024
_EVENTUAL = 0.5
_TRANSACTIONAL = 2


class Call(NamedTuple):
    """One call: the items and bytes that it read before filtering, and its units."""

    operation: str
    scanned: int = 0
    scanned_bytes: int = 0
    read_units: float = 0.0
    write_units: float = 0.0


def read_units(number_of_bytes: int, *, consistent: bool) -> float:
    """Return the units of a Query, a Scan or a GetItem that read this many bytes."""
    blocks = max(1, math.ceil(number_of_bytes / READ_BYTES))
    return blocks * (1.0 if consistent else _EVENTUAL)


def write_units(number_of_bytes: int, indexes: int, *, transactional: bool) -> float:
    """Return the units of writing a new item of this size to a table and to `indexes` of it."""
    blocks = math.ceil(number_of_bytes / WRITE_BYTES)
    return float(blocks * ((_TRANSACTIONAL if transactional else 1) + indexes))


def item_bytes(item: Item) -> int:
    """Return the size of an item that DynamoDB counts.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(attribute: Item) -> int:
    (kind, value), *_ = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return math.ceil(len(value.lstrip("-").replace(".", "").strip("0")) / 2) + 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(v) for name, v in value.items())
        case "L":
            return 3 + sum(1 + _value_bytes(member) for member in value)
        case "B":
            return len(value) * 3 // 4  # base64
    return 1  # BOOL and NULL; the service stores no sets
