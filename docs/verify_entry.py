"""Verify history entries from the text of an API response, with the standard library alone.

Usage: python3 verify_entry.py < response.json
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any

NOT_HASHED = {"hash", "record", "omitted", "redacted", "settled"}


class Number(str):
    """A JSON number as it is spelled in the response. A float would lose digits."""

    __slots__ = ()


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def is_intact(entry: Mapping[str, Any]) -> bool:
    covered = {name: entry[name] for name in entry if name not in NOT_HASHED}
    content_is_intact = entry["record"] is None or digest(entry["record"]) == entry["recordHash"]
    return digest(covered) == entry["hash"] and content_is_intact


if __name__ == "__main__":
    page = json.load(sys.stdin, parse_int=Number, parse_float=Number)
    entries = page["history"] if "history" in page else page["changes"]
    results = [(is_intact(each), each["recordID"], each["version"]) for each in entries]
    for intact, record_id, version in results:
        print(record_id, version, "intact" if intact else "ALTERED")
    sys.exit(0 if all(intact for intact, *_ in results) else 1)
