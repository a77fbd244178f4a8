"""Entries of a history: their canonical text, what their hashes cover, and what callers see."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import attributes, history
from records_api.jsontext import parse, to_json

AUTHOR = history.Author("arn:aws:iam::123456789012:user/alice", "request-1")
RECORD = {"recordID": "r", "status": "ok", "attributes": {"b": Decimal("1.50"), "a": ["\u2028é"]}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
# Values that a request can contain and DynamoDB can store.
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20))
STORABLE = st.recursive(
    st.none() | st.booleans() | TEXT | NUMBERS | st.integers(-(10**37), 10**37).map(Decimal),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def entry_of(
    record: Any = RECORD, previous: history.Link | None = None, **more: Any
) -> history.Entry:
    defaults: dict[str, Any] = {
        "version": 1,
        "changed_at": "2026-01-31T09:30:00.123Z",
        "expires_at": None,
    }
    return history.entry(history.CREATE, "r", record, AUTHOR, previous, **(defaults | more))


def test_canonical_text_is_fixed() -> None:
    value = {
        "é": [Decimal("1.50"), Decimal("1E+2"), {"b", "a"}],
        "Z": {"b": {b"\x00"}, "a": True},
        "\U0001f600": "\x7f\n",
        "\uffee": None,
    }
    assert history.canonical(value) == (
        '{"Z":{"a":true,"b":["AA=="]},"é":[1.50,100,["a","b"]],'
        '"\uffee":null,"\U0001f600":"\x7f\\n"}'
    )


def test_hash_of_an_entry_is_fixed() -> None:
    """With another canonical form, all earlier entries would fail verification."""
    entry = entry_of(previous=history.Link(1, "0" * 64, "2026-01-31T09:30:00.122Z", 1), version=2)
    assert entry["recordHash"] == (
        "66662fc1c8bc93aa7fb4b79f02d92d14b186fd926c93f57df7b46925c5bff193"
    )
    assert entry["hash"] == "9f392e34074b2ca2d79c28a8984c712b5db9754bbfc6f604c9f20f3c99de110d"


@given(STORABLE)
def test_canonical_text_is_the_same_after_storage_and_transfer(value: Any) -> None:
    normalized = parse(to_json(value))
    stored = attributes.decode(attributes.encode(normalized))
    assert history.canonical(stored) == history.canonical(parse(history.canonical(normalized)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("change", "update"),
        ("changedAt", "2026-01-31T09:30:00.124Z"),
        ("changedBy", None),
        ("requestId", "request-2"),
        ("recordHash", "0" * 64),
        ("previousHash", "0" * 64),
        ("expiresAt", 1),
        ("reason", "because"),
        ("redactedVersions", [1]),
    ],
)
def test_hash_covers_every_public_field(field: str, value: Any) -> None:
    entry = entry_of()
    assert history.entry_hash(entry) == entry["hash"]
    assert history.entry_hash(entry | {field: value}) != entry["hash"]


def test_hash_is_valid_without_the_content() -> None:
    entry = entry_of()
    for removed in ({"record": None, "redacted": True}, {"record": None, "omitted": True}):
        assert history.entry_hash(entry | removed) == entry["hash"]


def test_delete_entry_has_no_record() -> None:
    entry = entry_of(None)
    assert (entry["record"], entry["recordHash"]) == (None, None)


@pytest.mark.parametrize(("excess", "is_omitted"), [(0, False), (1, True)])
def test_record_too_large_for_an_entry_is_hashed(excess: int, *, is_omitted: bool) -> None:
    room = history.MAX_EMBEDDED_BYTES - len(history.canonical({"message": ""}))
    record = {"message": "x" * (room + excess)}
    entry = entry_of(record)
    assert entry["recordHash"] == history.digest(history.canonical(record))
    assert (entry["record"] is None) is is_omitted
    assert ("omitted" in entry) is is_omitted


def test_callers_see_public_fields_in_their_order() -> None:
    internal = {
        "feed": "changes",
        "position": "p",
        "writeToken": "t",
        "requestHash": "h",
        "first": 2,
    }
    text = history.to_text(entry_of(expires_at=Decimal(7)) | internal, settled=False)
    entry = parse(text)
    names = [name for name in history.PUBLIC_FIELDS if name in entry_of(expires_at=7)]
    assert list(entry) == [*names, "settled"]
    assert entry["record"] == parse(history.canonical(RECORD))


def test_positions_are_in_the_order_of_time_then_version() -> None:
    at = "2026-01-31T09:30:00.123Z"
    positions = [
        history.position({"recordID": "r", "version": Decimal(version), "changedAt": at})
        for version in (1, 9, 10, 10**9)
    ]
    assert positions == sorted(positions)
    assert positions[0] == f"{at}#r#0000000001"
