"""Cursors: opaque positions in a list, each bound to the query that produced it.

A cursor holds a format version, a digest of query and position, and the position: an item key in
lists of records, a text (a "place") in histories and the change feed. It is not signed, because a
forged cursor gains nothing: the index and its partition come from the query, so it can only start
a list that the caller may read at another position.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

MAX_LENGTH = 511
DIGEST_LENGTH = 16
# Base64 encodes 3 bytes as 4 characters; the digest takes its share of them.
MAX_KEY_BYTES = MAX_LENGTH * 3 // 4 - DIGEST_LENGTH
# With at most this, a key fits in any form.
SHORT_KEY_BYTES = MAX_KEY_BYTES - len("2123 ")
# A regular position is `createdAt#recordID`, so the cursor holds only the position. Items from
# other programs may have an irregular position; their cursors hold the record ID too.
REGULAR, IRREGULAR = "1", "2"
PLACE = "3"


class ItemKey(NamedTuple):
    """The keys of an item in an index: the index's sort key, and the table's key as tiebreaker."""

    position: str
    record_id: str


def fits(key: ItemKey) -> bool:
    """Return whether a key is short enough for a cursor."""
    is_ascii = key.position.isascii() and key.record_id.isascii()
    if is_ascii and len(key.position) + len(key.record_id) <= SHORT_KEY_BYTES:
        return True
    return len(_text(key).encode()) <= MAX_KEY_BYTES


def encode(key: ItemKey, query: str) -> str:
    """Return the cursor for a key in `query`, which is any canonical text of the query.

    The key must fit.
    """
    return _encode(_text(key), query)


def encode_place(place: str, query: str) -> str:
    """Return the cursor for a place in `query`. The place has at most MAX_KEY_BYTES bytes."""
    return _encode(f"{PLACE}{place}", query)


def decode(cursor: str, query: str, lower: str, upper: str) -> ItemKey:
    """Return the key in `cursor`.

    `lower` and `upper` are the bounds of the query's positions. Raises ValueError if the cursor is
    malformed, belongs to another query or is outside the bounds.
    """
    key = parse(cursor)
    if encode(key, query) != cursor:
        raise ValueError("the cursor does not belong to this query")
    if not lower <= key.position <= upper:
        raise ValueError("the cursor is outside the query's time bounds")
    return key


def decode_place(cursor: str, query: str) -> str:
    """Return the place in `cursor`. Raises ValueError if it is malformed or of another query."""
    place = parse_place(cursor)
    if encode_place(place, query) != cursor:
        raise ValueError("the cursor does not belong to this query")
    return place


def parse(cursor: str) -> ItemKey:
    """Return the key in a cursor without checking its query. Raises ValueError if malformed."""
    form, text = _decode(cursor)
    key = _item_key(form, text)
    if not all(key):
        raise ValueError("the cursor is malformed")
    return key


def parse_place(cursor: str) -> str:
    """Return the place in a cursor without checking its query. Raises ValueError if malformed."""
    form, place = _decode(cursor)
    if form != PLACE:
        raise ValueError("the cursor does not belong to this query")
    return place


def _encode(text: str, query: str) -> str:
    """Return the cursor for a format version and a position as text."""
    digest = hashlib.sha256(f"{query}\n{text.removeprefix(REGULAR)}".encode()).hexdigest()[
        :DIGEST_LENGTH
    ]
    return urlsafe_b64encode(f"{text[0]}{digest}{text[1:]}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str]:
    """Return the format version and the position in a cursor. Raises ValueError if malformed."""
    if not cursor.isascii() or len(cursor) > MAX_LENGTH:
        raise ValueError("the cursor is malformed")
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    return text[:1], text[1 + DIGEST_LENGTH :]


def _text(key: ItemKey) -> str:
    """Return the format version and the key as text."""
    if key.record_id == key.position.partition("#")[2]:
        return f"{REGULAR}{key.position}"
    return f"{IRREGULAR}{len(key.position)} {key.position}{key.record_id}"


def _item_key(form: str, text: str) -> ItemKey:
    """Return the key in `text`. The caller must encode it again to find out whether it is valid."""
    if form == REGULAR:
        return ItemKey(text, text.partition("#")[2])
    length, _, keys = text.partition(" ")
    return ItemKey(keys[: int(length)], keys[int(length) :])
