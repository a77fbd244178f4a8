"""docs/verify_entry.py: it accepts the entries of the service and rejects altered ones."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import verify_entry
from records_api import history
from records_api.jsontext import parse, to_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
STORABLE = st.recursive(
    st.none()
    | st.booleans()
    | TEXT
    | st.binary(max_size=9)
    | st.sets(TEXT, min_size=1, max_size=3)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**37), 10**37).map(Decimal),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
AUTHOR = history.Author("arn:aws:iam::123456789012:user/alice", "request-1")


def entry(record: Any, **more: Any) -> history.Entry:
    defaults: dict[str, Any] = {
        "version": 1,
        "changed_at": "2026-01-31T09:30:00.123Z",
        "expires_at": None,
    }
    return history.entry(history.CREATE, "r", record, AUTHOR, None, **(defaults | more))


def received(text: str) -> Any:
    return json.loads(text, parse_int=verify_entry.Number, parse_float=verify_entry.Number)


@given(st.dictionaries(TEXT, STORABLE, max_size=4))
def test_entries_of_the_service_are_intact(content: dict[str, Any]) -> None:
    written = entry({"recordID": "r", "attributes": content}, expires_at=1_800_000_000)
    assert verify_entry.is_intact(received(history.to_text(written)))
    assert verify_entry.is_intact(received(history.to_text(written, settled=False)))


@given(STORABLE)
def test_canonical_text_is_that_of_the_service(value: Any) -> None:
    assert verify_entry.canonical(received(to_json(value))) == history.canonical(value)


def test_canonical_text_follows_the_contract() -> None:
    text = r"""{"\ud83d\ude00" : 1.50 , "\uffee": [1E+2, -0, 1e-7],
               "b": {"\u000F": "\/\u0022\\\n\b\f\r\t\u007f\u2028"}, "a": [true, false, null]}"""
    assert verify_entry.canonical(received(text)) == (
        r"""{"a":[true,false,null],"b":{"\u000f":"/\"\\\n\b\f\r\t"""
        "\x7f\u2028"
        r'''"},"'''
        "\uffee"
        r'''":[1E+2,-0,1e-7],"'''
        "\U0001f600"
        r"""":1.50}"""
    )


@pytest.mark.parametrize(
    "altered",
    [
        {"version": verify_entry.Number("2")},
        {"changedBy": "mallory"},
        {"record": {"recordID": "r", "n": verify_entry.Number("1")}},
        {"record": {"recordID": "r", "n": verify_entry.Number("1.50"), "m": None}},
        {"recordHash": "0" * 64},
        {"recordHash": None},
        {"previousHash": "0" * 64},
        {"reason": "x"},
        {"unknown": None},
    ],
    ids=str,
)
def test_altered_entry_is_not_intact(altered: dict[str, Any]) -> None:
    original = received(history.to_text(entry({"recordID": "r", "n": Decimal("1.5")})))
    assert verify_entry.is_intact(original)
    assert not verify_entry.is_intact(original | altered)


def test_entry_without_content_is_intact() -> None:
    redacted = entry({"recordID": "r"}) | {"record": None, "redacted": True}
    assert verify_entry.is_intact(received(history.to_text(redacted)))
    assert verify_entry.is_intact(received(history.to_text(entry(None))))


def test_normalized_number_keeps_its_text() -> None:
    value = parse('{"n": [1.0, 100, 1e3, 0.10, -0.0, 1e-30, 123456789012345678901234567890.5]}')
    assert verify_entry.canonical(received(to_json(value))) == history.canonical(value)
