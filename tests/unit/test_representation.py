"""How callers see a stored record."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import fields, representation
from unit.support import NOW

MOMENT = "2026-01-31T09:30:00.123Z"


def test_timestamp_is_utc_truncated_to_milliseconds() -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    assert (
        representation.timestamp(datetime(2026, 1, 31, 15, 15, 0, 999, tzinfo=east))
        == "2026-01-31T09:30:00.000Z"
    )
    assert (
        representation.timestamp(datetime(2026, 1, 31, 9, 30, 0, 123999, tzinfo=UTC))
        == "2026-01-31T09:30:00.123Z"
    )


aware = st.datetimes(timezones=st.just(UTC))


@given(aware, aware)
def test_timestamps_sort_by_time(one: datetime, other: datetime) -> None:
    texts = representation.timestamp(one), representation.timestamp(other)
    assert len(texts[0]) == len(texts[1]) == 24
    assert (texts[0] < texts[1]) <= (one < other)
    assert (texts[0] == texts[1]) >= (one == other)


def test_tag_depends_on_version_and_write_token() -> None:
    record = {"version": 3, "writeToken": "secret"}
    tags = {
        representation.tag(each)
        for each in (record, record | {"version": 4}, record | {"writeToken": "x"}, {})
    }
    assert len(tags) == 4
    assert all(re.fullmatch(r'"\d+-[0-9a-f]{12}"', tag) for tag in tags)
    assert representation.tag(record) == representation.tag(
        {"version": Decimal(3), "writeToken": "secret"}
    )
    assert not any("secret" in tag for tag in tags)


def test_public_fields_have_a_fixed_order_and_nothing_else() -> None:
    record = dict.fromkeys(("writeToken", "last", "feed", *reversed(fields.PUBLIC_FIELDS)), "x")
    shown = representation.public(record | {"version": 3, "last": {"version": 3}})
    assert tuple(shown) == fields.PUBLIC_FIELDS


def test_missing_fields_have_defaults() -> None:
    seen = representation.public({"createdAt": MOMENT, "recordID": "x", "unknown": 1})
    assert seen == {
        "recordID": "x",
        "createdAt": MOMENT,
        "updatedAt": MOMENT,
        "attributes": {},
        "version": 1,
    }
    assert representation.public({"recordID": "x"}) == {
        "recordID": "x",
        "attributes": {},
        "version": 1,
    }


@pytest.mark.parametrize(
    ("last", "is_shown"),
    [
        ({"version": Decimal(2)}, True),
        ({"version": 1}, False),
        ({"version": "2"}, False),
        ({}, False),
        (None, False),
        ("2", False),
    ],
)
def test_updated_by_is_shown_for_the_version_of_the_last_entry(
    last: Any, *, is_shown: bool
) -> None:
    """An older release increases the version but keeps the updatedBy of an earlier change."""
    record = {"recordID": "x", "version": 2, "updatedBy": "alice", "last": last}
    assert ("updatedBy" in representation.public(record)) is is_shown


@pytest.mark.parametrize(
    "version", [None, "2", True, Decimal(0), Decimal("2.5"), Decimal("1E+100"), {Decimal(2)}]
)
def test_invalid_version_counts_as_1(version: Any) -> None:
    assert representation.version({"version": version}) == 1
    assert representation.version({"version": Decimal(2)}) == 2
    assert representation.version({"version": representation.MAX_VERSION}) == 2**53 - 1


def test_record_is_visible_until_it_expires_or_is_deleted() -> None:
    second = int(NOW.timestamp())
    assert representation.is_visible({}, NOW)
    assert representation.is_visible({"expiresAt": second + 1}, NOW)
    assert not representation.is_visible({"expiresAt": second}, NOW)
    assert not representation.is_visible({"deletedAt": MOMENT}, NOW)
    assert not representation.is_visible(None, NOW)
