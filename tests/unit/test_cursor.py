"""Places in a listing: they come back unchanged, belong to their query, and can't be made up."""

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
# What other writers may make: keys that DynamoDB takes, up to the room there is.
texts = st.text(min_size=1, max_size=40)
places = regular | st.builds(ItemKey, texts, texts)


def refuses(
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
def test_a_place_comes_back_unchanged_to_its_own_query_only(place: ItemKey, query: str) -> None:
    text = cursor.encode(place, QUERY)
    assert cursor.decode(text, QUERY, "\0", "\U0010ffff" * 2) == place
    assert query == QUERY or refuses(text, query, "\0", "\U0010ffff" * 2)


@pytest.mark.parametrize("place", PLACES, ids=["regular", "copied", "of another form"])
def test_no_single_character_can_be_changed_added_or_left_out(place: ItemKey) -> None:
    text = cursor.encode(place, QUERY)
    others = [
        text[:at] + other + text[at + cut :]
        for at in range(len(text) + 1)
        for cut in (0, 1)
        for other in ("", *string.ascii_letters, *string.digits, *"-_=+/ \n")
        if text[:at] + other + text[at + cut :] != text
    ]
    assert len(others) > 5_000
    assert [other for other in others if not refuses(other)] == []


@given(st.text() | st.binary().map(lambda octets: octets.decode("latin-1")))
def test_what_the_service_never_gave_out_is_refused(text: str) -> None:
    assert refuses(text)


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
def test_a_well_made_cursor_of_no_place_in_the_index_is_refused(place: ItemKey) -> None:
    """DynamoDB takes no empty key, and no start key outside the bounds of its query."""
    assert refuses(cursor.encode(place, QUERY))


@pytest.mark.parametrize(
    ("lower", "upper", "is_within"),
    [
        ("2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.124Z", True),
        ("2026-01-31T09:30:00.123Z$", listing.HIGHEST, False),
        (listing.LOWEST, "2026-01-31T09:30:00.123Z", False),
        (listing.LOWEST, "2026-01-31T09:30:00.123Z$", True),
    ],
)
def test_a_place_outside_the_bounds_is_refused(lower: str, upper: str, *, is_within: bool) -> None:
    text = cursor.encode(PLACES[0], QUERY)
    assert refuses(text, QUERY, lower, upper) is not is_within


@pytest.mark.parametrize("letter", ["a", "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "\U0001f600"])
def test_what_a_cursor_holds_stays_under_512_characters_and_what_it_does_not_is_refused(
    letter: str,
) -> None:
    lengths = [length for length in range(1, 400) if cursor.fits(ItemKey(letter * length, ID))]
    longest = ItemKey(letter * max(lengths), ID)
    assert lengths == list(range(1, len(lengths) + 1))
    assert 500 < len(cursor.encode(longest, QUERY)) < 512
    assert not refuses(cursor.encode(longest, QUERY), upper="\U0010ffff")
    longer = ItemKey(longest.position + letter, ID)
    assert refuses(cursor.encode(longer, QUERY), upper="\U0010ffff")


def test_cursors_of_earlier_releases_go_on() -> None:
    """The API promises that a cursor does not expire."""
    earlier = (
        "MWFhZTRiMWJjZjIxYThlMDIyMDI2LTAxLTMxVDA5OjMwOjAwLjEyM1oj"
        "MDE5NWEyYjQtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBh"
    )
    assert cursor.decode(earlier, QUERY, listing.LOWEST, listing.HIGHEST) == PLACES[0]


def test_every_record_of_the_service_has_a_place_that_a_cursor_holds() -> None:
    longest = "x" + "~" * 127
    assert fields.RECORD_ID.fullmatch(longest)
    assert not fields.RECORD_ID.fullmatch(longest + "~")
    assert cursor.fits(ItemKey(f"9999-12-31T23:59:59.999Z#{longest}", longest))
    # A copy under another id of that length, too.
    assert cursor.fits(ItemKey(f"9999-12-31T23:59:59.999Z#{longest}", "y" + longest[1:]))


@given(st.text(max_size=40), st.text(), st.text())
def test_a_place_that_is_a_text_comes_back_to_its_own_query(
    place: str, query: str, other: str
) -> None:
    text = cursor.encode_place(place, query)
    assert cursor.decode_place(text, query) == cursor.parse_place(text) == place
    if other != query:
        with pytest.raises(ValueError, match="does not belong"):
            cursor.decode_place(text, other)


@pytest.mark.parametrize("place", PLACES, ids=["regular", "copied", "of another form"])
def test_keys_and_texts_are_not_taken_for_each_other(place: ItemKey) -> None:
    key = cursor.encode(place, QUERY)
    for decode in (cursor.parse_place, lambda text: cursor.decode_place(text, QUERY)):
        with pytest.raises(ValueError, match="does not belong"):
            decode(key)
    assert refuses(cursor.encode_place(place.position, QUERY))
