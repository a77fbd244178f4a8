"""IDs of records, which are UUIDs, and random tokens.

The modules secrets and uuid have all of it, but importing them takes longer than a request.
"""

import hashlib
from datetime import datetime
from os import urandom


def token() -> str:
    """Return 16 random bytes as 32 hexadecimal digits."""
    return urandom(16).hex()


def uuid7(moment: datetime) -> str:
    """Return a random UUID version 7 for `moment` (RFC 9562, section 5.7)."""
    return _uuid(7, round(moment.timestamp() * 1000).to_bytes(6, "big") + urandom(10))


def derived_id(namespace: str, key: str) -> str:
    """Return the UUID version 8 for a caller's idempotency key (RFC 9562, section 5.8)."""
    return _uuid(8, hashlib.sha256(f"{len(namespace)}:{namespace}{key}".encode()).digest()[:16])


def _uuid(number: int, octets: bytes) -> str:
    """Return the UUID of this version number with the given 16 bytes as its content."""
    value = int.from_bytes(octets, "big") & ~(0xF << 76 | 0x3 << 62)
    digits = f"{value | number << 76 | 0x2 << 62:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
