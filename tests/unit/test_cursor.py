"""Page positions: they come back unchanged, belong to their query, and can't be made up."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import cursor, fields, store

QUERY = '[{"type":"backup"},true,"0","~"]'
POSITION = "2026-01-31T09:30:00.123Z#0195a2b4-0000-7000-8000-00000000000a"

ids = st.from_regex(fields.RECORD_ID, fullmatch=True)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
positions = st.tuples(times, ids).map("#".join)


def refuses(
    text: str, query: str = QUERY, lower: str = store.LOWEST, upper: str = store.HIGHEST
) -> bool:
    try:
        cursor.decode(text, query, lower, upper)
    except ValueError:
        return True
    return False


@given(positions, st.text())
def test_a_position_comes_back_unchanged_to_its_own_query_only(position: str, query: str) -> None:
    text = cursor.encode(position, QUERY)
    assert cursor.decode(text, QUERY, store.LOWEST, store.HIGHEST) == position
    assert query == QUERY or refuses(text, query)


def test_no_single_character_can_be_changed_added_or_left_out() -> None:
    text = cursor.encode(POSITION, QUERY)
    others = [
        text[:at] + other + text[at + cut :]
        for at in range(len(text) + 1)
        for cut in (0, 1)
        for other in ("", *string.ascii_letters, *string.digits, *"-_=+/ \n")
        if text[:at] + other + text[at + cut :] != text
    ]
    assert len(others) > 10_000
    assert [other for other in others if not refuses(other)] == []


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_what_the_service_never_gave_out_is_refused(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "position",
    [
        "",
        "2026-01-31T09:30:00.123Z",
        "2026-01-31T09:30:00.123Z#",
        "2026-01-31T09:30:00Z#a",
        "٢٠٢٦-01-31T09:30:00.123Z#a",
        "~#a",
    ],
)
def test_a_well_made_cursor_of_no_position_is_refused(position: str) -> None:
    assert refuses(cursor.encode(position, QUERY))


@pytest.mark.parametrize(
    ("lower", "upper", "is_within"),
    [
        ("2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.124Z", True),
        ("2026-01-31T09:30:00.123Z$", store.HIGHEST, False),
        (store.LOWEST, "2026-01-31T09:30:00.123Z", False),
        (store.LOWEST, "2026-01-31T09:30:00.123Z$", True),
    ],
)
def test_a_position_outside_the_bounds_is_refused(
    lower: str, upper: str, *, is_within: bool
) -> None:
    assert refuses(cursor.encode(POSITION, QUERY), QUERY, lower, upper) is not is_within


def test_the_longest_stays_under_512_characters() -> None:
    position = f"9999-12-31T23:59:59.999Z#{'~' * 128}"
    assert fields.RECORD_ID.fullmatch("x" + "~" * 127)
    text = cursor.encode(position, QUERY)
    assert len(text) < 512
    assert not refuses(text)


def test_an_overlong_one_is_not_even_read() -> None:
    position = f"9999-12-31T23:59:59.999Z#{'x' * 400}"
    assert refuses(cursor.encode(position, QUERY))
