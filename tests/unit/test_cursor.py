"""Cursors: encoding and decoding, their query, and the rejection of altered ones."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from records_api import cursor, fields, listing
from records_api.cursor import ItemKey

QUERY = '[{"type":"backup"},true,"0","~"]'
ID = "0195a2b4-0000-7000-8000-00000000000a"
PLACES = [
    ItemKey(f"2026-01-31T09:30:00.123Z#{ID}", ID),
    ItemKey(f"2026-01-31T09:30:00.123Z#{ID}", "a copy"),
    ItemKey("yesterday", ID),
]

ids = st.from_regex(fields.RECORD_ID, fullmatch=True)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
regular = st.builds(lambda time, id_: ItemKey(f"{time}#{id_}", id_), times, ids)
# Other writers can store any keys that DynamoDB accepts.
texts = st.text(min_size=1, max_size=40)
places = regular | st.builds(ItemKey, texts, texts)


def is_rejected(
    text: str, query: str = QUERY, lower: str = listing.LOWEST, upper: str = listing.HIGHEST
) -> bool:
    try:
        cursor.decode(text, query, lower, upper)
    except ValueError:
        return True
    return False


@given(places, st.text())
@example(ItemKey("a#b", "b"), "")
@example(ItemKey("a#b", "#b"), "")
@example(ItemKey("3 abc", "d"), "")
@example(ItemKey("#", "#"), "")
def test_key_is_decoded_for_its_query_only(place: ItemKey, query: str) -> None:
    text = cursor.encode(place, QUERY)
    assert cursor.decode(text, QUERY, "\0", "\U0010ffff" * 2) == place
    assert query == QUERY or is_rejected(text, query, "\0", "\U0010ffff" * 2)


@pytest.mark.parametrize("place", PLACES, ids=["regular", "copied", "irregular"])
def test_altered_cursor_is_rejected(place: ItemKey) -> None:
    text = cursor.encode(place, QUERY)
    others = [
        text[:at] + other + text[at + cut :]
        for at in range(len(text) + 1)
        for cut in (0, 1)
        for other in ("", *string.ascii_letters, *string.digits, *"-_=+/ \n")
        if text[:at] + other + text[at + cut :] != text
    ]
    assert len(others) > 5_000
    assert [other for other in others if not is_rejected(other)] == []


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_arbitrary_text_is_rejected(text: str) -> None:
    assert is_rejected(text)


@pytest.mark.parametrize(
    "place",
    [
        ItemKey("", ""),
        ItemKey("2026-01-31T09:30:00.123Z", ""),
        ItemKey("2026-01-31T09:30:00.123Z#", ""),
        ItemKey("", "a"),
        ItemKey("~#a", "a"),
        ItemKey("!", "a"),
    ],
)
def test_key_that_no_index_contains_is_rejected(place: ItemKey) -> None:
    """DynamoDB rejects empty keys, and start keys outside the bounds of the query."""
    assert is_rejected(cursor.encode(place, QUERY))


@pytest.mark.parametrize(
    ("lower", "upper", "is_within"),
    [
        ("2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.124Z", True),
        ("2026-01-31T09:30:00.123Z$", listing.HIGHEST, False),
        (listing.LOWEST, "2026-01-31T09:30:00.123Z", False),
        (listing.LOWEST, "2026-01-31T09:30:00.123Z$", True),
    ],
)
def test_key_outside_the_bounds_is_rejected(lower: str, upper: str, *, is_within: bool) -> None:
    text = cursor.encode(PLACES[0], QUERY)
    assert is_rejected(text, QUERY, lower, upper) is not is_within


@pytest.mark.parametrize("letter", ["a", "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "\U0001f600"])
def test_cursor_is_shorter_than_512_characters(letter: str) -> None:
    lengths = [length for length in range(1, 400) if cursor.fits(ItemKey(letter * length, ID))]
    longest = ItemKey(letter * max(lengths), ID)
    assert lengths == list(range(1, len(lengths) + 1))
    assert 500 < len(cursor.encode(longest, QUERY)) < 512
    assert not is_rejected(cursor.encode(longest, QUERY), upper="\U0010ffff")
    longer = ItemKey(longest.position + letter, ID)
    assert is_rejected(cursor.encode(longer, QUERY), upper="\U0010ffff")


def test_cursors_of_earlier_releases_are_accepted() -> None:
    """The API promises that a cursor does not expire."""
    earlier = (
        "MWFhZTRiMWJjZjIxYThlMDIyMDI2LTAxLTMxVDA5OjMwOjAwLjEyM1oj"
        "MDE5NWEyYjQtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh"
    )
    assert cursor.decode(earlier, QUERY, listing.LOWEST, listing.HIGHEST) == PLACES[0]


def test_longest_record_id_fits_into_a_cursor() -> None:
    longest = "x" + "~" * 127
    assert fields.RECORD_ID.fullmatch(longest)
    assert not fields.RECORD_ID.fullmatch(longest + "~")
    assert cursor.fits(ItemKey(f"9999-12-31T23:59:59.999Z#{longest}", longest))
    # The same holds for a copy with another id of that length.
    assert cursor.fits(ItemKey(f"9999-12-31T23:59:59.999Z#{longest}", "y" + longest[1:]))


@given(st.text(max_size=40), st.text(), st.text())
def test_place_is_decoded_for_its_query_only(place: str, query: str, other: str) -> None:
    text = cursor.encode_place(place, query)
    assert cursor.decode_place(text, query) == cursor.parse_place(text) == place
    if other != query:
        with pytest.raises(ValueError, match="does not belong"):
            cursor.decode_place(text, other)


@pytest.mark.parametrize("place", PLACES, ids=["regular", "copied", "irregular"])
def test_cursors_of_keys_and_places_are_distinct(place: ItemKey) -> None:
    key = cursor.encode(place, QUERY)
    for decode in (cursor.parse_place, lambda text: cursor.decode_place(text, QUERY)):
        with pytest.raises(ValueError, match="does not belong"):
            decode(key)
    assert is_rejected(cursor.encode_place(place.position, QUERY))
