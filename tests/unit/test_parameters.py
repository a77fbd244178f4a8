"""Query parameters: what they mean, and which ones are rejected by name."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import cursor, entries, fields, jsontext, listing, parameters
from unit.support import errors, event

# Lists.


def listed(**values: str) -> parameters.ListRequest:
    return parameters.list_request(event(query=urlencode(values)))


def list_errors(query: str) -> list[str]:
    return [error["parameter"] for error in errors(parameters.list_request, event(query=query))]


def test_default_list_is_all_records_newest_first() -> None:
    assert parameters.list_request(event()) == parameters.ListRequest(
        listing.Query({}, descending=True), 100, None, {}
    )


def test_every_parameter_is_read_from_the_raw_query_string() -> None:
    request = listed(
        type="a b+c", status="ä&=%", submittedBy="arn:aws:iam::1:user/a", order="asc", limit="7",
        createdAfter="2026-01-01T00:00:00Z", createdBefore="2026-01-02T00:00:00Z",
    )  # fmt: skip
    assert request.query == listing.Query(
        {"type": "a b+c", "status": "ä&=%", "submittedBy": "arn:aws:iam::1:user/a"},
        descending=False,
        lower="2026-01-01T00:00:00.000Z$",
        upper="2026-01-02T00:00:00.000Z",
    )
    assert request.limit == 7


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("type=a+b", "a b"),
        ("type=a%20b", "a b"),
        ("type=a%2Bb", "a+b"),
        ("type=a%252Bb", "a%2Bb"),
        ("%74ype=%C3%A4", "ä"),
        ("&type=x&", "x"),
    ],
)
def test_percent_encoding_and_plus_are_decoded_once(query: str, value: str) -> None:
    assert parameters.list_request(event(query=query)).query.filters == {"type": value}


@pytest.mark.parametrize(
    ("limit", "lowered"),
    [("1", 1), ("1000", 1000), ("1001", 1000), ("0007", 7), ("9" * 5000, 1000)],
)
def test_a_limit_that_is_too_large_is_lowered(limit: str, lowered: int) -> None:
    assert listed(limit=limit).limit == lowered


INVALID_TIMES = [
    "yesterday", "1769851800", "2026-01-31", "2026-01-31T09:30Z", "2026-01-31T09:30:00",
    "2026-01-31 09:30:00Z", "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z",
    "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00.1234567890Z", "2026-01-31T09:30:00+0100",
    "2026-01-31T09:30:00+24:00", "2026-01-31T09:30:00+01:60", "2026-01-31T09:30:00-00:99",
    "2026-01-31T09:30:00+1:00", "0001-01-01T00:00:00+01:00", "2026-01-31T09:30:00Z ",
    "٢٠٢٦-01-31T09:30:00Z",
]  # fmt: skip
EMPTY_RANGES = [
    ("00:00:00Z", "00:00:00Z"),
    ("01:00:00Z", "01:00:00%2B01:00"),
    ("00:00:00.0005Z", "00:00:00.00050Z"),
]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limt=5", ["limt"]),
        ("Type=x", ["Type"]),
        ("createdafter=2026-01-01T00:00:00Z", ["createdafter"]),
        ("recordID=x", ["recordID"]),
        ("=x", [""]),
        ("a%0Ab=x", ["a\nb"]),
        ("limit=1&limit=1", ["limit"]),
        ("type=a&type=b&type=c", ["type"]),
        ("%74ype=a&type=b", ["type"]),
        *(
            (f"limit={value}", ["limit"])
            for value in ("", "0", "000", "-1", "1.5", "1e2", "abc", "+1", "%D9%A3", "1_0", " 1")
        ),
        *((f"order={value}", ["order"]) for value in ("ASC", "up")),
        *((f"{name}=", [name]) for name in parameters.LIST_PARAMETERS),
        ("type", ["type"]),
        ("type=" + "t" * 129, ["type"]),
        ("status=" + "s" * 129, ["status"]),
        ("submittedBy=" + "s" * 513, ["submittedBy"]),
        *((f"createdAfter={quote(value)}", ["createdAfter"]) for value in INVALID_TIMES),
        ("createdAfter=2026-01-31T09:30:00+01:00", ["createdAfter"]),  # + is decoded to a space
        *(
            (
                f"createdAfter=2026-01-31T{after}&createdBefore=2026-01-31T{before}",
                ["createdAfter", "createdBefore"],
            )
            for after, before in EMPTY_RANGES
        ),
        *(
            (f"limit=0&type={value}&typ=%zz", ["type", "typ", "limit"])
            for value in ("%FF", "%ED%A0%80", "%zz", "%", "%4", "%%41", "\ud800", "%C3")
        ),
        ("%zz=1&limit=0&%FF=2", ["%zz", "%FF", "limit"]),
        ("type=%zz&type=a", ["type"]),
        # A cursor is compared with a valid query; beside an invalid one only its form is checked.
        ("cursor=AAAA&limit=0", ["limit", "cursor"]),
        ("order=up&limit=0&typ=x&cursor=%C3%A4", ["typ", "order", "limit", "cursor"]),
        ("cursor=a+b&createdAfter=no", ["createdAfter", "cursor"]),
        ("cursor=&type=", ["type", "cursor"]),
        (f"cursor={'A' * 512}&status=", ["status", "cursor"]),
        (
            "x=1&limit=0&order=up&type=&createdBefore=no&limit=2",
            ["x", "limit", "type", "order", "createdBefore"],
        ),
    ],
)
def test_invalid_parameters_are_rejected_by_name(query: str, names: list[str]) -> None:
    assert list_errors(query) == names


@pytest.mark.parametrize(
    ("after", "before", "lower", "upper"),
    [
        ("2026-01-31T00:00:00Z", None, "2026-01-31T00:00:00.000Z$", listing.HIGHEST),
        (None, "2026-01-31T00:00:00Z", listing.LOWEST, "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T00:00:00.0009Z", None, "2026-01-31T00:00:00.000Z$", listing.HIGHEST),
        (None, "2026-01-31T00:00:00.0001Z", listing.LOWEST, "2026-01-31T00:00:00.000Z$"),
        (None, "2026-01-31T00:00:00.000000Z", listing.LOWEST, "2026-01-31T00:00:00.000Z"),
        ("2026-01-31t01:00:00.5+01:00", None, "2026-01-31T00:00:00.500Z$", listing.HIGHEST),
        (None, "2026-01-31t00:00:01z", listing.LOWEST, "2026-01-31T00:00:01.000Z"),
        (None, "2026-01-31T00:00:00-23:59", listing.LOWEST, "2026-01-31T23:59:00.000Z"),
        (
            "2026-01-31T00:00:00.0001Z",
            "2026-01-31T00:00:00.0002Z",
            "2026-01-31T00:00:00.000Z$",
            "2026-01-31T00:00:00.000Z$",
        ),
    ],
)
def test_time_bounds_become_bounds_of_positions(
    after: str | None, before: str | None, lower: str, upper: str
) -> None:
    bounds = {"createdAfter": after, "createdBefore": before}
    query = listed(**{name: value for name, value in bounds.items() if value}).query
    assert (query.lower, query.upper) == (lower, upper)


microseconds = st.integers(0, 5000)


def instant(microsecond: int) -> str:
    return f"2026-01-31T00:00:00.{microsecond:06d}Z"


@given(microseconds, microseconds, microseconds)
def test_time_bounds_exclude_their_milliseconds(created_at: int, after: int, before: int) -> None:
    if after >= before:
        return
    query = listed(createdAfter=instant(after), createdBefore=instant(before)).query
    # Callers see createdAt truncated to milliseconds, and compare with that.
    created = created_at // 1000 * 1000
    for record_id in ("0", "zzz", "~"):
        position = f"{instant(created)[:23]}Z#{record_id}"
        assert (query.lower <= position <= query.upper) == (after < created < before)
    assert query.lower <= query.upper  # DynamoDB rejects BETWEEN with swapped bounds


def test_invalid_query_does_not_make_its_cursor_invalid() -> None:
    key = cursor.ItemKey("2026-01-31T00:00:00.000Z#a", "a")
    text = cursor.encode(key, jsontext.to_json(list(listed(type="t").query)))
    for query, names in {
        "typ=t": ["typ"],
        "type=t&order=up": ["order"],
        "type=t&limit=0": ["limit"],
    }.items():
        assert list_errors(f"{query}&cursor={text}") == names
    assert list_errors(f"limit=0&type=u&cursor={text}") == ["limit", "cursor"]


def test_long_invalid_query_gets_a_short_response() -> None:
    with pytest.raises(fields.Invalid) as caught:
        parameters.list_request(event(query="&a" * 5000 + "&" + "b" * 5000))
    assert (len(caught.value.errors), caught.value.omitted) == (100, 4901)
    with pytest.raises(fields.Invalid) as caught:
        parameters.list_request(event(query="ä" * 5000))
    shown = caught.value.errors[0]["parameter"]
    assert (shown, len(shown.encode())) == ("ä" * 510 + "…", 1023)


@pytest.mark.parametrize("query", [{}, {"rawQueryString": None}])
def test_a_request_without_a_query_string_has_no_parameters(query: dict[str, Any]) -> None:
    request = event()
    del request["rawQueryString"]
    assert parameters.list_request(request | query) == parameters.list_request(event())


def test_a_cursor_belongs_to_its_query() -> None:
    place = cursor.ItemKey("2026-01-31T00:00:00.000Z#a", "a")
    bounds = {"createdAfter": "2026-01-30T00:00:00Z"}
    text = cursor.encode(place, jsontext.to_json(list(listed(type="t", **bounds).query)))
    assert listed(type="t", **bounds, cursor=text).after == place
    assert listed(type="t", **bounds, cursor=text, limit="3").after == place
    others: list[dict[str, str]] = [
        {"type": "u", **bounds},
        {"status": "t", **bounds},
        {"type": "t", **bounds, "order": "asc"},
        {"type": "t"},
        {"type": "t", "createdAfter": "2026-01-30T00:00:00.001Z"},
        {"type": "t", **bounds, "createdBefore": "2026-02-01T00:00:00Z"},
    ]
    for other in others:
        assert list_errors(urlencode(other | {"cursor": text})) == ["cursor"]


@given(st.text(max_size=40))
def test_any_query_is_accepted_or_invalid(text: str) -> None:
    for query in (text, f"type={text}", f"cursor={text}", f"createdAfter={text}", f"limit={text}"):
        try:
            parameters.list_request(event(query=query))
        except fields.Invalid as error:
            assert error.errors  # noqa: PT017 (both outcomes are valid)


# Histories.

HISTORY = "GET /records/{recordID}/history"


def history(record_id: str = "a", **values: str) -> parameters.HistoryRequest:
    return parameters.history_request(event(HISTORY, record_id=record_id, query=urlencode(values)))


def history_errors(query: str, record_id: str = "a") -> list[str]:
    request = event(HISTORY, record_id=record_id, query=query)
    return [error["parameter"] for error in errors(parameters.history_request, request)]


def test_default_history_is_all_entries_newest_first() -> None:
    assert history("a%3Ab") == parameters.HistoryRequest("a:b", True, 100, None, {})


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_history_continues_after_the_version_in_its_cursor(order: str) -> None:
    text = cursor.encode_place("7", history(order=order).query)
    request = history(order=order, limit="2000", cursor=text)
    assert (request.after, request.limit, request.descending) == (7, 1000, order == "desc")


def test_a_cursor_belongs_to_its_history_and_order() -> None:
    text = cursor.encode_place("7", history("a", order="asc").query)
    assert history_errors(urlencode({"order": "asc", "cursor": text}), "b") == ["cursor"]
    assert history_errors(urlencode({"cursor": text})) == ["cursor"]
    assert history_errors(urlencode({"order": "up", "cursor": text})) == ["order"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("limit=0&order=up&type=x", ["type", "order", "limit"]),
        ("order=", ["order"]),
        ("since=2026-01-31T00:00:00Z", ["since"]),
        ("limit=1&limit=1", ["limit"]),
        ("cursor=", ["cursor"]),
        ("cursor=AAAA&order=up", ["order", "cursor"]),
        *(
            (f"cursor={cursor.encode_place(version, history().query)}", ["cursor"])
            for version in ("", "0", "-1", "01", "1.5", "x", "9" * 17, "1 ", "\u0663")
        ),
    ],
)
def test_invalid_history_parameters_are_rejected(query: str, names: list[str]) -> None:
    assert history_errors(query) == names


# The change feed.


def changes(**values: str) -> parameters.ChangesRequest:
    return parameters.changes_request(event("GET /changes", query=urlencode(values)))


def changes_errors(query: str) -> list[str]:
    request = event("GET /changes", query=query)
    return [error["parameter"] for error in errors(parameters.changes_request, request)]


def changes_cursor(place: str) -> str:
    return cursor.encode_place(place, parameters.CHANGES)


POSITION = "2026-01-31T09:30:00.123Z#a#0000000007"
LIST_CURSOR = cursor.encode(cursor.ItemKey(POSITION, "a#0000000007"), parameters.CHANGES)
INVALID_SINCE = ["", "yesterday", "2026-01-31", "2026-01-31T09:30:00+01:00"]
INVALID_PLACES = [
    "", "1", "~", "$", "2026-01-31T09:30:00.123Z", "2026-01-31T09:30:00.123Z#a", f"{POSITION}$",
]  # fmt: skip


def test_default_feed_is_settled_changes_from_the_start() -> None:
    assert changes() == parameters.ChangesRequest(entries.BEGINNING, 100, False)


@pytest.mark.parametrize(
    ("since", "place"),
    [
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z$"),
        ("2026-01-31T10:30:00.1239+01:00", "2026-01-31T09:30:00.123Z$"),
    ],
)
def test_since_excludes_the_changes_of_its_millisecond(since: str, place: str) -> None:
    assert changes(since=since).after == place


@pytest.mark.parametrize(
    "place", [entries.BEGINNING, "2026-01-31T09:30:00.123Z$", POSITION, POSITION + "123"]
)
def test_feed_cursor_is_a_start_time_or_a_change(place: str) -> None:
    assert changes(cursor=changes_cursor(place)).after == place


@pytest.mark.parametrize(("text", "shows"), [("true", True), ("false", False)])
def test_unsettled_changes_are_shown_on_request(text: str, *, shows: bool) -> None:
    assert changes(unsettled=text).shows_unsettled is shows


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("type=x&order=asc&limit=0", ["type", "order", "limit"]),
        *((f"unsettled={value}", ["unsettled"]) for value in ("", "True", "1", "yes")),
        *((f"since={value}", ["since"]) for value in INVALID_SINCE),
        (f"since=2026-01-31T09:30:00Z&cursor={changes_cursor(POSITION)}", ["since"]),
        (f"since=no&cursor={changes_cursor('x')}", ["since", "cursor", "since"]),
        *((f"cursor={changes_cursor(place)}", ["cursor"]) for place in INVALID_PLACES),
        (f"cursor={cursor.encode_place('7', history().query)}", ["cursor"]),
        (f"cursor={LIST_CURSOR}", ["cursor"]),
        (f"cursor={cursor.encode_place(POSITION, 'other')}", ["cursor"]),
        ("cursor=AAAA", ["cursor"]),
    ],
)
def test_invalid_feed_parameters_are_rejected(query: str, names: list[str]) -> None:
    assert changes_errors(query) == names


def test_list_rejects_cursors_of_the_feed() -> None:
    for query in (parameters.CHANGES, jsontext.to_json(list(listed().query))):
        text = cursor.encode_place(POSITION, query)
        assert list_errors(urlencode({"cursor": text})) == ["cursor"]


@pytest.mark.parametrize("parse", [parameters.history_request, parameters.changes_request])
@given(st.text(max_size=40))
def test_any_audit_query_is_accepted_or_invalid(
    parse: Callable[[parameters.Event], Any], text: str
) -> None:
    for query in (text, f"cursor={text}", f"since={text}", f"limit={text}"):
        try:
            parse(event(HISTORY, record_id="a", query=query))
        except fields.Invalid as error:
            assert error.errors  # noqa: PT017 (both outcomes are valid)
