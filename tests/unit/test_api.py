"""Requests: what paths, headers and bodies mean, and which ones are rejected by name."""

import time
from typing import Any

import pytest

from records_api import api, records
from unit.support import errors, event

# Paths.


def test_other_operations_take_no_parameters() -> None:
    api.require_no_parameters(event())
    assert errors(api.require_no_parameters, event(query="limit=1")) == [
        {
            "parameter": "limit",
            "detail": "is not a known parameter; this operation takes no parameters",
        }
    ]
    assert errors(api.record_id, event("GET /records/{recordID}", record_id="x", query="verbose"))


@pytest.mark.parametrize(
    ("path", "record_id"), [("abc", "abc"), ("a%3Ab", "a:b"), ("a+b", "a+b"), ("%FF", "\ufffd")]
)
def test_record_id_is_decoded_from_the_path(path: str, record_id: str) -> None:
    assert api.record_id(event("GET /records/{recordID}", record_id=path)) == record_id


# Bodies.


def posted(body: str | bytes | None, **headers: Any) -> dict[str, Any]:
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
def test_json_media_types_with_utf8_are_accepted(content_type: str) -> None:
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
def test_other_media_types_and_charsets_are_rejected(content_type: str) -> None:
    with pytest.raises(api.UnsupportedMediaType):
        api.body(posted("{}", content_type=content_type), api.JSON)


def test_a_body_needs_a_content_type() -> None:
    request = posted("{}")
    del request["headers"]["content-type"]
    with pytest.raises(api.UnsupportedMediaType):
        api.body(request, api.JSON)


def test_update_accepts_both_media_types() -> None:
    for media_type in (api.JSON, api.MERGE_PATCH):
        assert api.body(posted("{}", content_type=media_type), api.MERGE_PATCH, api.JSON) == {}


@pytest.mark.parametrize(
    ("coding", "is_accepted"),
    [("", True), ("identity", True), ("Identity", True), ("gzip", False)],
)
def test_only_identity_content_coding_is_accepted(coding: str, *, is_accepted: bool) -> None:
    request = posted("{}", content_encoding=coding)
    if is_accepted:
        assert api.body(request, api.JSON) == {}
    else:
        with pytest.raises(api.UnsupportedMediaType):
            api.body(request, api.JSON)


def test_base64_body_is_decoded() -> None:
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
        ('"\ud800"', "The body is not valid UTF-8: invalid byte 0xED at offset 1."),
    ],
)
def test_malformed_body_is_rejected_with_its_position(
    body: str | bytes | None, detail: str
) -> None:
    request = posted(body, content_type="application/json")
    assert errors(api.body, request, api.JSON) == [{"pointer": "", "detail": detail}]


@pytest.mark.parametrize("encode", [str, str.encode])
def test_body_is_limited_to_64_kib(encode: Any) -> None:
    text = '"' + "ä" * 32767 + '"'
    assert len(text.encode()) == 65536
    assert api.body(posted(encode(text)), api.JSON) == "ä" * 32767
    with pytest.raises(records.TooLarge):
        api.body(posted(encode(text + " ")), api.JSON)


@pytest.mark.parametrize("text", ["1", "7", "1.0", "10e1", str(2**53 - 1)])
def test_whole_number_is_accepted_as_version_to_restore(text: str) -> None:
    assert api.version(posted(f'{{"version": {text}}}')) == int(float(text))


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ("[]", [""]),
        ("{}", ["/version"]),
        ('{"version": 1, "Version": 1, "type": "x"}', ["/Version", "/type"]),
        ('{"version": 1, "version": 1}', ["/version"]),
        ('{"ver": 1}', ["/ver", "/version"]),
        *(
            (f'{{"version": {value}}}', ["/version"])
            for value in (
                "0", "-1", "1.5", '"1"', "null", "true", "[1]", "{}", "NaN", "-Infinity",
                "1e999999999", "1e-200", str(2**53), "1e125",
            )
        ),
    ],
)  # fmt: skip
def test_invalid_version_to_restore_is_rejected_by_name(body: str, pointers: list[str]) -> None:
    assert [error["pointer"] for error in errors(api.version, posted(body))] == pointers


# Headers.


@pytest.mark.parametrize(
    "key", ["a", "k" * 255, "8e03978e-40d5-43e8-bc93-6894a57f9324", '"quoted"', "a,b", "~!"]
)
def test_idempotency_key_is_visible_ascii(key: str) -> None:
    assert api.idempotency_key(posted("{}", idempotency_key=key)) == key


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "a b", "ä", "a\tb", "a\x7f"])
def test_invalid_idempotency_key_is_rejected_by_name(key: str) -> None:
    (error,) = errors(api.idempotency_key, posted("{}", idempotency_key=key))
    assert error["header"] == "Idempotency-Key"


def test_missing_idempotency_key_is_none() -> None:
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
def test_entity_tags_are_compared_as_in_rfc_9110(
    header: str, *, matches_strongly: bool, matches_weakly: bool
) -> None:
    if_match = api.conditions(event(if_match=header))
    assert if_match.selects('"1-a"') is matches_strongly
    assert if_match.is_known('"1-a"') is False
    if_none_match = api.conditions(event(if_none_match=header))
    assert if_none_match.is_known('"1-a"') is matches_weakly
    assert if_none_match.selects('"1-a"') is True


# RFC 9110, section 13.2.2.
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
    ("headers", "is_allowed"),
    [
        ({}, True),
        ({"if_match": '"1-a"'}, False),
        ({"if_match": "*"}, False),
        ({"if_none_match": '"1-a"'}, True),
        ({"if_none_match": "*"}, True),
    ],
)
def test_if_match_fails_without_a_record(headers: dict[str, Any], *, is_allowed: bool) -> None:
    """RFC 9110, sections 13.1.1 and 13.1.2. Only a restore writes where there is no record."""
    assert api.conditions(event(**headers)).allow_write(None) is is_allowed


@pytest.mark.parametrize(
    "header",
    [
        "1-a", "'1-a'", '"1-a', '1-a"', '"1-a" "2-b"', 'w/"1-a"', 'W/ "1-a"', '"a b"', "**", "*,",
        '*, "1-a"', '"1-a",, 2-b', '"1-a"\n', '"\x7f"',
    ],
)  # fmt: skip
def test_malformed_entity_tags_are_rejected_by_header(header: str) -> None:
    problems = errors(api.conditions, event(if_match=header, if_none_match=header))
    assert [problem["header"] for problem in problems] == ["If-Match", "If-None-Match"]


@pytest.mark.parametrize("header", ['"a",' * 100_000, "," * 400_000, ' \t,"1-a"' * 100_000])
def test_long_lists_of_entity_tags_are_read_in_linear_time(header: str) -> None:
    began = time.process_time()
    api.conditions(event(if_match=header))
    for malformed in (header + "x", '"' + header, '"x' + header):
        assert errors(api.conditions, event(if_match=malformed))
    assert time.process_time() - began < 5  # quadratic parsing took an hour


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
def test_accept_encoding_decides_about_gzip(header: str | None, *, accepted: bool) -> None:
    headers: dict[str, Any] = {} if header is None else {"accept_encoding": header}
    assert api.accepts_gzip(event(**headers)) is accepted
