"""Opaque page positions, bound to the query they came from.

A cursor holds a format version, a digest of query and position, and the position. It is no secret and needs no key:
the server rebuilds the start key from the query, so a forged cursor can at most begin a listing its caller may read.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

VERSION = "1"
MAX_LENGTH = 511
POSITION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z#.+", re.ASCII | re.DOTALL)


def encode(position: str, query: str) -> str:
    """Return the cursor for `position` (`createdAt#recordID`) in `query` (any canonical text of the question)."""
    digest = hashlib.sha256(f"{query}\n{position}".encode()).hexdigest()[:16]
    return urlsafe_b64encode(f"{VERSION}{digest}{position}".encode()).decode().rstrip("=")


def decode(text: str, query: str, lower: str, upper: str) -> str:
    """Return the position in `text`, or raise ValueError: it is malformed, of another query, or out of its bounds."""
    if not text.isascii() or len(text) > MAX_LENGTH:
        raise ValueError("not a cursor of this service")
    position = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()[17:]
    if not POSITION.fullmatch(position) or encode(position, query) != text:
        raise ValueError("not a cursor of this query")
    if not lower <= position <= upper:
        raise ValueError("outside the query's time bounds")
    return position
