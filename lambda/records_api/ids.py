"""IDs of records, which are UUIDs."""

import hashlib
import secrets
from datetime import datetime
from uuid import UUID


def uuid7(moment: datetime) -> str:
    """Return a random UUID version 7 for `moment` (RFC 9562, section 5.7)."""
    return _uuid(7, round(moment.timestamp() * 1000).to_bytes(6, "big") + secrets.token_bytes(10))


def derived_id(namespace: str, key: str) -> str:
    """Return the UUID version 8 for a caller's idempotency key (RFC 9562, section 5.8)."""
    return _uuid(8, hashlib.sha256(f"{len(namespace)}:{namespace}{key}".encode()).digest()[:16])


def _uuid(number: int, octets: bytes) -> str:
    """Return the UUID of this version number with the given 16 bytes as its content."""
    value = int.from_bytes(octets, "big") & ~(0xF << 76 | 0x3 << 62)
    return str(UUID(int=value | number << 76 | 0x2 << 62))
