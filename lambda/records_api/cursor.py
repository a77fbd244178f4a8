"""Opaque places in a listing, bound to the query they came from.

A cursor holds a format, a digest of query and place, and the place. It is no secret and needs no key: the server takes
the index and its partition from the query, so a forged cursor can at most begin a listing its caller may read, at
another place.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

MAX_LENGTH = 511
DIGEST_LENGTH = 16
# What a cursor of MAX_LENGTH has room for beside its digest: base64 writes 3 bytes as 4 characters.
MAX_PLACE_BYTES = MAX_LENGTH * 3 // 4 - DIGEST_LENGTH
# A position is normally `createdAt#recordID`, and the cursor holds it alone. Items of other writers may have any.
REGULAR, IRREGULAR = "1", "2"


class Place(NamedTuple):
    """The keys of an item in a listing: the sort key of the index, and the key of the table, which breaks ties."""

    position: str
    record_id: str


def holds(place: Place) -> bool:
    """Tell whether a place is short enough for a cursor."""
    return len(_text(place).encode()) <= MAX_PLACE_BYTES


def encode(place: Place, query: str) -> str:
    """Return the cursor for a place (one that `holds`) in `query` (any canonical text of the question)."""
    text = _text(place)
    digest = hashlib.sha256(f"{query}\n{text.removeprefix(REGULAR)}".encode()).hexdigest()[
        :DIGEST_LENGTH
    ]
    return urlsafe_b64encode(f"{text[0]}{digest}{text[1:]}".encode()).decode().rstrip("=")


def decode(cursor: str, query: str, lower: str, upper: str) -> Place:
    """Return the place in `cursor`.

    Raises ValueError if it is malformed, belongs to another query or lies outside its bounds.
    """
    place = read(cursor)
    if encode(place, query) != cursor:
        raise ValueError("not a cursor of this query")
    if not lower <= place.position <= upper:
        raise ValueError("outside the query's time bounds")
    return place


def read(cursor: str) -> Place:
    """Return the place in a cursor of any query. Raises ValueError if it is malformed."""
    if not cursor.isascii() or len(cursor) > MAX_LENGTH:
        raise ValueError("not a cursor of this service")
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    place = _place(text[:1], text[1 + DIGEST_LENGTH :])
    if not all(place):
        raise ValueError("not a cursor of this service")
    return place


def _text(place: Place) -> str:
    if place.record_id == place.position.partition("#")[2]:
        return f"{REGULAR}{place.position}"
    return f"{IRREGULAR}{len(place.position)} {place.position}{place.record_id}"


def _place(form: str, text: str) -> Place:
    """Return the place written as `text` in `form`; whether it was written so, encoding it again tells."""
    if form == REGULAR:
        return Place(text, text.partition("#")[2])
    length, _, keys = text.partition(" ")
    return Place(keys[: int(length)], keys[int(length) :])
