"""HTTP, coming in: what queries, headers and bodies may say, and what of it is refused by name."""

import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import api, cursor, fields, jsontext, records, store
from unit.support import event


def errors(call: Any, *given: Any) -> list[dict[str, str]]:  # noqa: ANN401 (any function of api)
    with pytest.raises(fields.Invalid) as caught:
        call(*given)
    return caught.value.errors


# Listings.


def listing(**parameters: str) -> api.ListRequest:
    return api.list_request(event(query=urlencode(parameters)))


def test_a_listing_without_parameters_is_everything_newest_first() -> None:
    assert api.list_request(event()) == api.ListRequest(
        store.Query({}, descending=True), 100, None, {}
    )


def test_every_parameter_is_read_from_the_raw_query_string() -> None:
    asked = listing(
        type="a b+c", status="ä&=%", submittedBy="arn:aws:iam::1:user/a", order="asc", limit="7",
        createdAfter="2026-01-01T00:00:00Z", createdBefore="2026-01-02T00:00:00Z",
    )  # fmt: skip
    assert asked.query == store.Query(
        {"type": "a b+c", "status": "ä&=%", "submittedBy": "arn:aws:iam::1:user/a"},
        descending=False,
        lower="2026-01-01T00:00:00.000Z$",
        upper="2026-01-02T00:00:00.000Z",
    )
    assert asked.limit == 7


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
def test_percent_encoding_and_plus_are_undone_once(query: str, value: str) -> None:
    assert api.list_request(event(query=query)).query.filters == {"type": value}


@pytest.mark.parametrize(
    ("limit", "lowered"),
    [("1", 1), ("1000", 1000), ("1001", 1000), ("0007", 7), ("9" * 5000, 1000)],
)
def test_a_limit_that_is_too_large_is_lowered(limit: str, lowered: int) -> None:
    assert listing(limit=limit).limit == lowered


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
        *((f"{name}=", [name]) for name in api.LIST_PARAMETERS),
        ("type", ["type"]),
        ("type=" + "t" * 129, ["type"]),
        ("status=" + "s" * 129, ["status"]),
        ("submittedBy=" + "s" * 513, ["submittedBy"]),
        *(
            (f"createdAfter={quote(value)}", ["createdAfter"])
            for value in (
                "yesterday", "2026-01-31", "2026-01-31T09:30Z", "2026-01-31T09:30:00", "2026-01-31 09:30:00Z",
                "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:30:00.Z",
                "2026-01-31T09:30:00.1234567890Z", "2026-01-31T09:30:00+0100", "2026-01-31T09:30:00+24:00",
                "0001-01-01T00:00:00+01:00", "1769851800", "2026-01-31T09:30:00+01:60",
                "2026-01-31T09:30:00-00:99", "2026-01-31T09:30:00+1:00",
                "2026-01-31T09:30:00Z ", "٢٠٢٦-01-31T09:30:00Z",
            )
        ),
        ("createdAfter=2026-01-31T09:30:00+01:00", ["createdAfter"]),  # a plus that was not encoded is a blank
        *(
            (f"createdAfter=2026-01-31T{after}&createdBefore=2026-01-31T{before}", ["createdAfter", "createdBefore"])
            for after, before in (
                ("00:00:00Z", "00:00:00Z"), ("01:00:00Z", "01:00:00%2B01:00"), ("00:00:00.0005Z", "00:00:00.00050Z")
            )
        ),
        *(
            (f"limit=0&type={value}&typ=%zz", ["type", "typ", "limit"])
            for value in ("%FF", "%ED%A0%80", "%zz", "%", "%4", "%%41", "\ud800", "%C3")
        ),
        ("%zz=1&limit=0&%FF=2", ["%zz", "%FF", "limit"]),
        ("type=%zz&type=a", ["type"]),
        # A cursor is compared with the query where there is one, and otherwise at least read.
        ("cursor=AAAA&limit=0", ["limit", "cursor"]),
        ("order=up&limit=0&typ=x&cursor=%C3%A4", ["typ", "order", "limit", "cursor"]),
        ("cursor=a+b&createdAfter=no", ["createdAfter", "cursor"]),
        ("cursor=&type=", ["type", "cursor"]),
        (f"cursor={'A' * 512}&status=", ["status", "cursor"]),
        ("x=1&limit=0&order=up&type=&createdBefore=no&limit=2", ["x", "limit", "type", "order", "createdBefore"]),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_its_name(query: str, names: list[str]) -> None:
    assert [error["parameter"] for error in errors(api.list_request, event(query=query))] == names


@pytest.mark.parametrize(
    ("after", "before", "lower", "upper"),
    [
        ("2026-01-31T00:00:00Z", None, "2026-01-31T00:00:00.000Z$", store.HIGHEST),
        (None, "2026-01-31T00:00:00Z", store.LOWEST, "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T00:00:00.0009Z", None, "2026-01-31T00:00:00.000Z$", store.HIGHEST),
        (None, "2026-01-31T00:00:00.0001Z", store.LOWEST, "2026-01-31T00:00:00.000Z$"),
        (None, "2026-01-31T00:00:00.000000Z", store.LOWEST, "2026-01-31T00:00:00.000Z"),
        ("2026-01-31t01:00:00.5+01:00", None, "2026-01-31T00:00:00.500Z$", store.HIGHEST),
        (None, "2026-01-31t00:00:01z", store.LOWEST, "2026-01-31T00:00:01.000Z"),
        ("2026-01-31T00:00:00.0001Z", "2026-01-31T00:00:00.0002Z", *["2026-01-31T00:00:00.000Z$"] * 2),
    ],
)  # fmt: skip
def test_time_bounds_become_bounds_of_positions(
    after: str | None, before: str | None, lower: str, upper: str
) -> None:
    given = {"createdAfter": after, "createdBefore": before}
    query = listing(**{name: value for name, value in given.items() if value}).query
    assert (query.lower, query.upper) == (lower, upper)


microseconds = st.integers(0, 5000)


def instant(microsecond: int) -> str:
    return f"2026-01-31T00:00:00.{microsecond:06d}Z"


@given(microseconds, microseconds, microseconds)
def test_a_record_is_within_exactly_when_its_time_lies_between_the_bounds(
    made: int, after: int, before: int
) -> None:
    if after >= before:
        return
    query = listing(createdAfter=instant(after), createdBefore=instant(before)).query
    # What a record says is its time cut to the millisecond: that is what callers see, and compare.
    created = made // 1000 * 1000
    for record_id in ("0", "zzz", "~"):
        position = f"{instant(created)[:23]}Z#{record_id}"
        assert (query.lower <= position <= query.upper) == (after < created < before)
    assert query.lower <= query.upper  # DynamoDB refuses a BETWEEN the wrong way round


def test_a_cursor_is_not_blamed_for_a_query_that_is_wrong_elsewhere() -> None:
    own = listing(type="t")
    text = cursor.encode(
        cursor.ItemKey("2026-01-31T00:00:00.000Z#a", "a"), jsontext.to_json(list(own.query))
    )
    for query, names in {
        "typ=t": ["typ"],
        "type=t&order=up": ["order"],
        "type=t&limit=0": ["limit"],
    }.items():
        found = errors(api.list_request, event(query=f"{query}&cursor={text}"))
        assert [error["parameter"] for error in found] == names
    found = errors(api.list_request, event(query=f"limit=0&type=u&cursor={text}"))
    assert [error["parameter"] for error in found] == ["limit", "cursor"]


def test_a_query_of_thousands_of_names_is_refused_in_few_words() -> None:
    with pytest.raises(fields.Invalid) as caught:
        api.list_request(event(query="&a" * 5000 + "&" + "b" * 5000))
    assert (len(caught.value.errors), caught.value.omitted) == (100, 4901)
    with pytest.raises(fields.Invalid) as caught:
        api.list_request(event(query="ä" * 5000))
    shown = caught.value.errors[0]["parameter"]
    assert (shown, len(shown.encode())) == ("ä" * 510 + "…", 1023)


@pytest.mark.parametrize("query", [{}, {"rawQueryString": None}])
def test_a_request_without_a_query_string_has_no_parameters(query: dict[str, Any]) -> None:
    request = event()
    del request["rawQueryString"]
    assert api.list_request(request | query) == api.list_request(event())


def test_a_cursor_belongs_to_its_query() -> None:
    place = cursor.ItemKey("2026-01-31T00:00:00.000Z#a", "a")
    bounds = {"createdAfter": "2026-01-30T00:00:00Z"}
    own = listing(type="t", **bounds)
    text = cursor.encode(place, jsontext.to_json(list(own.query)))
    assert listing(type="t", **bounds, cursor=text).after == place
    assert listing(type="t", **bounds, cursor=text, limit="3").after == place
    others: list[dict[str, str]] = [
        {"type": "u", **bounds},
        {"status": "t", **bounds},
        {"type": "t", **bounds, "order": "asc"},
        {"type": "t"},
        {"type": "t", "createdAfter": "2026-01-30T00:00:00.001Z"},
        {"type": "t", **bounds, "createdBefore": "2026-02-01T00:00:00Z"},
    ]
    for other in others:
        found = errors(api.list_request, event(query=urlencode(other | {"cursor": text})))
        assert [error["parameter"] for error in found] == ["cursor"]


@given(st.text(max_size=40))
def test_a_query_of_any_text_is_answered_or_refused_as_invalid(text: str) -> None:
    for query in (text, f"type={text}", f"cursor={text}", f"createdAfter={text}", f"limit={text}"):
        try:
            api.list_request(event(query=query))
        except fields.Invalid as error:
            assert error.errors  # noqa: PT017 (either outcome is right)


def test_only_listings_take_parameters() -> None:
    api.require_no_parameters(event())
    assert errors(api.require_no_parameters, event(query="limit=1")) == [
        {
            "parameter": "limit",
            "detail": "is not a known parameter; this operation takes no parameters",
        }
    ]
    assert errors(api.record_id, event("GET /records/{recordID}", record_id="x", query="verbose"))


@pytest.mark.parametrize(
    ("path", "meant"), [("abc", "abc"), ("a%3Ab", "a:b"), ("a+b", "a+b"), ("%FF", "\ufffd")]
)
def test_a_record_id_is_taken_from_the_path(path: str, meant: str) -> None:
    assert api.record_id(event("GET /records/{recordID}", record_id=path)) == meant


# Bodies.


def posted(body: str | bytes | None, **headers: Any) -> dict[str, Any]:  # noqa: ANN401 (texts)
    return event("POST /records", body=body, **headers)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        'application/json; charset="UTF-8"',
        "application/json ; Charset=utf8",
        "application/json; charset=us-ascii",
        'application/json; charset="u\\tf-8"',
        "application/json; profile=x",
        'application/json; profile="charset=latin-1"; charset=utf-8',
        "application/json; x-charset=latin-1",
        "application/json;",
        "application/json;; ;charset=utf-8 ;",
        'application/json; profile="\xe4\u20ac"',
    ],
)
def test_json_in_utf8_is_taken_however_it_is_spelled(content_type: str) -> None:
    assert api.body(posted('{"a":1}', content_type=content_type), api.JSON) == {"a": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/jsonp",
        "application/problem+json",
        "application/merge-patch+json",
        "application/json, text/plain",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        'application/json; charset="',
        'application/json; profile="x"; charset=latin-1',
        "application/json; charset=utf-8; charset=latin-1",
        "application/json; charset = utf-8",
        "application/json; charset=",
        "application/json charset=utf-8",
        "application/json; \xe4",
        "application",
    ],
)
def test_another_media_type_or_charset_is_not(content_type: str) -> None:
    with pytest.raises(api.UnsupportedMediaType):
        api.body(posted("{}", content_type=content_type), api.JSON)


def test_a_body_needs_a_content_type() -> None:
    request = posted("{}")
    del request["headers"]["content-type"]
    with pytest.raises(api.UnsupportedMediaType):
        api.body(request, api.JSON)


def test_an_update_takes_both_media_types() -> None:
    for media_type in (api.JSON, api.MERGE_PATCH):
        assert api.body(posted("{}", content_type=media_type), api.MERGE_PATCH, api.JSON) == {}


@pytest.mark.parametrize(
    ("coding", "is_taken"), [("", True), ("identity", True), ("Identity", True), ("gzip", False)]
)
def test_a_content_coding_is_not_taken(coding: str, *, is_taken: bool) -> None:
    request = posted("{}", content_encoding=coding)
    if is_taken:
        assert api.body(request, api.JSON) == {}
    else:
        with pytest.raises(api.UnsupportedMediaType):
            api.body(request, api.JSON)


def test_a_body_that_came_encoded_is_decoded() -> None:
    assert api.body(posted('{"a":"ä"}'.encode()), api.JSON) == {"a": "ä"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (None, "The body is empty; a JSON object is required."),
        ("", "The body is empty; a JSON object is required."),
        (" \r\n", "The body is empty; a JSON object is required."),
        ("{", "The body is not valid JSON: unexpected end at line 1, column 2."),
        ('{"a":1,\n\n ', "The body is not valid JSON: unexpected end at line 3, column 2."),
        ("ä", "The body is not valid JSON: syntax error at line 1, column 1."),
        ('{"a":1,\n "ä":1 2}', "The body is not valid JSON: syntax error at line 2, column 8."),
        ("{} {}", "The body is not valid JSON: syntax error at line 1, column 4."),
        ("[" * 65536, "The body is not valid JSON: nested too deeply."),
        (b"\xef\xbb\xbf{}", "The body is not valid JSON: it begins with a byte order mark."),
        ("\ufeff{}", "The body is not valid JSON: it begins with a byte order mark."),
        (b'{"\xff', "The body is not valid UTF-8: invalid byte 0xFF at offset 2."),
        (
            b'{"a":"\xed\xa0\x80"}',
            "The body is not valid UTF-8: invalid byte 0xED at offset 6.",
        ),
        (
            '"\ud800"',
            "The body is not valid UTF-8: invalid byte 0xED at offset 1.",
        ),
    ],
)  # fmt: skip
def test_what_is_no_json_in_utf8_is_refused_with_its_place(
    body: str | bytes | None, detail: str
) -> None:
    request = posted(body, content_type="application/json")
    assert errors(api.body, request, api.JSON) == [{"pointer": "", "detail": detail}]


@pytest.mark.parametrize("encode", [str, str.encode])
def test_a_body_takes_64_kib_and_not_a_byte_more(encode: Any) -> None:  # noqa: ANN401 (one of two functions)
    text = '"' + "ä" * 32767 + '"'
    assert len(text.encode()) == 65536
    assert api.body(posted(encode(text)), api.JSON) == "ä" * 32767
    with pytest.raises(records.TooLarge):
        api.body(posted(encode(text + " ")), api.JSON)


# Headers.


@pytest.mark.parametrize(
    "key", ["a", "k" * 255, "8e03978e-40d5-43e8-bc93-6894a57f9324", '"quoted"', "a,b", "~!"]
)
def test_an_idempotency_key_is_any_visible_ascii(key: str) -> None:
    assert api.idempotency_key(posted("{}", idempotency_key=key)) == key


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "a b", "ä", "a\tb", "a\x7f"])
def test_another_idempotency_key_is_refused_by_name(key: str) -> None:
    (error,) = errors(api.idempotency_key, posted("{}", idempotency_key=key))
    assert error["header"] == "Idempotency-Key"


def test_no_idempotency_key_is_none() -> None:
    assert api.idempotency_key(posted("{}")) is None


@pytest.mark.parametrize(
    ("header", "matches_strongly", "matches_weakly"),
    [
        ('"1-a"', True, True),
        ('"0-z", "1-a"', True, True),
        ('"0-z","1-a","2-b"', True, True),
        ('"0-z"\t,\t"1-a"', True, True),
        ("*", True, True),
        ('W/"1-a"', False, True),
        ('W/"0-z", W/"1-a"', False, True),
        ('"1-b"', False, False),
        ('"*"', False, False),
        ('"0-z,1-a"', False, False),
        ('""', False, False),
        ('"\xe4"', False, False),
        ('"1-a",', True, True),
        (', ,"0-z",,\t"1-a" , ', True, True),
        ("", False, False),
        (",\t, ", False, False),
        ('"\U0001f600\ufffd", "1-a"', True, True),
    ],
)
def test_entity_tags_are_compared_as_rfc_9110_says(
    header: str, *, matches_strongly: bool, matches_weakly: bool
) -> None:
    if_match = api.conditions(event(if_match=header))
    assert if_match.selects('"1-a"') is matches_strongly
    assert if_match.is_known('"1-a"') is False
    if_none_match = api.conditions(event(if_none_match=header))
    assert if_none_match.is_known('"1-a"') is matches_weakly
    assert if_none_match.selects('"1-a"') is True


# RFC 9110, section 13.2.2: what is listed under If-Match, what under If-None-Match, may it be written?
@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ({}, True),
        ({"if_match": '"1-a"'}, True),
        ({"if_match": '"2-b"'}, False),
        ({"if_none_match": '"1-a"'}, False),
        ({"if_none_match": 'W/"1-a"'}, False),
        ({"if_none_match": "*"}, False),
        ({"if_none_match": '"2-b"'}, True),
        ({"if_match": '"1-a"', "if_none_match": '"2-b"'}, True),
        ({"if_match": '"1-a"', "if_none_match": '"1-a"'}, False),
        ({"if_match": '"2-b"', "if_none_match": '"3-c"'}, False),
    ],
)
def test_a_write_needs_both_preconditions(headers: dict[str, Any], *, is_allowed: bool) -> None:
    assert api.conditions(event(**headers)).allow_write('"1-a"') is is_allowed


@pytest.mark.parametrize(
    "header",
    [
        "1-a", "'1-a'", '"1-a', '1-a"', '"1-a" "2-b"', 'w/"1-a"', 'W/ "1-a"', '"a b"', '*, "1-a"', "**", "*,",
        '"1-a",, 2-b', '"1-a"\n', '"\x7f"',
    ],
)  # fmt: skip
def test_what_are_no_entity_tags_is_refused_by_the_headers_name(header: str) -> None:
    found = errors(api.conditions, event(if_match=header, if_none_match=header))
    assert [each["header"] for each in found] == ["If-Match", "If-None-Match"]


@pytest.mark.parametrize("header", ['"a",' * 100_000, "," * 400_000, ' \t,"1-a"' * 100_000])
def test_long_lists_of_entity_tags_are_read_in_linear_time(header: str) -> None:
    began = time.process_time()
    api.conditions(event(if_match=header))
    for malformed in (header + "x", '"' + header, '"x' + header):
        assert errors(api.conditions, event(if_match=malformed))
    assert time.process_time() - began < 5  # looking ahead from each comma took an hour


def test_a_long_content_type_is_read_in_linear_time() -> None:
    began = time.process_time()
    for part in ('"', "\\", ";", "; a=b", '; a="\\\\', "=", " ", "\t;"):
        with pytest.raises(api.UnsupportedMediaType):
            api.body(posted("{}", content_type=f"application/json{part * 100_000}\x00"), api.JSON)
    assert time.process_time() - began < 5


def test_a_request_without_headers_has_none() -> None:
    request = event() | {"headers": None}
    assert api.conditions(request) == (None, None)
    assert api.idempotency_key(request) is None
    assert api.accepts_gzip(request) is False
    with pytest.raises(api.UnsupportedMediaType):
        api.body(request, api.JSON)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip, deflate", True),
        ("gzip;q=0.001", True),
        ("gzip; q=1.0", True),
        ("gzip ;q=0", False),
        ("gzip;q=0.000", False),
        ("br", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("identity, *;q=0", False),
        ("*;q=0, gzip;q=0.5", True),
        ("x-gzip-not", False),
        (",,gzip,", True),
    ],
)
def test_gzip_is_used_only_where_it_is_accepted(header: str | None, *, accepted: bool) -> None:
    headers: dict[str, Any] = {} if header is None else {"accept_encoding": header}
    assert api.accepts_gzip(event(**headers)) is accepted
