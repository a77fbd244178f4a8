"""Bad input: refused by name, all of it at once, and nothing half-written."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from e2e.talk import created, listed, places, problem, stored, unique
from lib.client import Answer, Caller, send

LIMIT = 64 * 1024


def refused(text: str, *places_: str) -> Any:  # noqa: ANN401 (pytest keeps this type to itself)
    return pytest.param(text, list(places_), id=text[:40])


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        refused("typ=x", "typ"),
        refused("Type=x", "Type"),
        refused("=x", ""),
        refused("type=a&type=b", "type"),
        refused("limit=5&limit=5", "limit"),
        refused("limit=0", "limit"),
        refused("limit=abc", "limit"),
        refused("limit=-1", "limit"),
        refused("limit=1.5", "limit"),
        refused("limit=", "limit"),
        refused("limit=%D9%A1", "limit"),  # a digit, but no ASCII one
        refused("order=up", "order"),
        refused("type=", "type"),
        refused("status=", "status"),
        refused("submittedBy=", "submittedBy"),
        refused(f"type={'x' * 129}", "type"),
        refused(f"submittedBy={'x' * 513}", "submittedBy"),
        refused("createdAfter=yesterday", "createdAfter"),
        refused("createdAfter=2026-01-31", "createdAfter"),
        refused("createdAfter=2026-01-31T09%3A30%3A00", "createdAfter"),
        refused("createdBefore=2026-02-30T00%3A00%3A00Z", "createdBefore"),
        refused("createdBefore=", "createdBefore"),
        refused(
            "createdAfter=2026-01-01T00%3A00%3A00Z&createdBefore=2026-01-01T00%3A00%3A00.000Z",
            "createdAfter",
            "createdBefore",
        ),
        refused("cursor=", "cursor"),
        refused("cursor=AAAA", "cursor"),
        refused("cursor=%C3%A4", "cursor"),
        refused(f"cursor={'A' * 600}", "cursor"),
        refused("createdAfter=2026-01-31T09%3A30%3A00%2B01%3A60", "createdAfter"),
        refused("bogus=1&limit=0&order=up&type=", "bogus", "type", "order", "limit"),
        refused("order=up&limit=0&cursor=%C3%A4", "order", "limit", "cursor"),
    ],
)
def test_a_listing_names_every_bad_parameter(
    reader: Caller, query: str, parameters: list[str]
) -> None:
    assert places(reader.call("GET", query=query)) == parameters


def test_a_cursor_is_of_one_query_and_can_not_be_forged(writer: Caller, reader: Caller) -> None:
    kind = unique()
    for _ in range(2):
        created(writer, type=kind)
    query = {"type": kind, "limit": "1"}
    cursor = reader.call("GET", query=query).json()["next"]
    assert len(cursor) < 512
    assert reader.call("GET", query=query | {"cursor": cursor}).status == 200
    # Another limit is the same question.
    assert reader.call("GET", query=query | {"cursor": cursor, "limit": "9"}).status == 200
    others: list[dict[str, str]] = [
        query | {"order": "asc"},
        query | {"status": "new"},
        {"limit": "1"},
        {"type": f"{kind}x"},
        query | {"createdAfter": "2020-01-01T00:00:00Z"},
    ]
    for other in others:
        assert places(reader.call("GET", query=other | {"cursor": cursor})) == ["cursor"]
    for position in range(0, len(cursor), 5):
        forged = (
            cursor[:position] + ("A" if cursor[position] != "A" else "B") + cursor[position + 1 :]
        )
        assert places(reader.call("GET", query=query | {"cursor": forged})) == ["cursor"]
    assert places(reader.call("GET", query=query | {"cursor": cursor[:-1]})) == ["cursor"]


GOOD = {"type": "test", "status": "new"}
DEEP = "[" * 31 + "]" * 31
TOO_DEEP = "[" * 32 + "]" * 32


def body(**fields: object) -> str:
    return json.dumps({key: value for key, value in (GOOD | fields).items() if value is not ...})


def attributes(text: str) -> str:
    return f'{{"type":"test","status":"new","attributes":{text}}}'


BAD_BODIES = [
    refused("not JSON", ""),
    refused('{"type":"test","status":"new"', ""),
    refused("[]", ""),
    refused('"text"', ""),
    refused("null", ""),
    refused("{}", "/type", "/status"),
    refused('{"type":"a","type":"b","status":"new"}', "/type"),
    refused(attributes('{"a":{"b":1,"b":2}}'), "/attributes/a/b"),
    refused(attributes('{"a":NaN}'), "/attributes/a"),
    refused(attributes('{"a":[0,Infinity]}'), "/attributes/a/1"),
    refused(attributes('{"a":-Infinity}'), "/attributes/a"),
    refused(attributes(f'{{"a":{TOO_DEEP}}}'), "/attributes/a" + "/0" * 30),
    refused(attributes('{"a":123456789012345678901234567890123456789}'), "/attributes/a"),
    refused(attributes('{"a":1E+126}'), "/attributes/a"),
    refused(attributes('{"a":1E-131}'), "/attributes/a"),
    refused(attributes('{"a":1E+999999999}'), "/attributes/a"),
    refused(attributes('{"a":{"":1}}'), "/attributes/a/"),
    refused(attributes(r'{"a":"\ud800"}'), "/attributes/a"),
    refused(attributes("[]"), "/attributes"),
    refused(body(attributes="x"), "/attributes"),
    refused(body(extra=1), "/extra"),
    refused(body(**{"a/b~c": 1}), "/a~1b~0c"),
    refused(body(recordID="mine"), "/recordID"),
    refused(body(createdAt="2026-01-01T00:00:00Z"), "/createdAt"),
    refused(body(updatedAt="2026-01-01T00:00:00Z"), "/updatedAt"),
    refused(body(submittedBy="somebody"), "/submittedBy"),
    refused(body(version=7), "/version"),
    refused(body(type=""), "/type"),
    refused(body(type=7), "/type"),
    refused(body(type="x" * 129), "/type"),
    refused(body(status=""), "/status"),
    refused(body(status=None), "/status"),
    refused(body(status="x" * 129), "/status"),
    refused(body(message=""), "/message"),
    refused(body(message=True), "/message"),
    refused(body(message="x" * 8193), "/message"),
]


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        *BAD_BODIES,
        refused(body(message=None), "/message"),
        refused(body(attributes=None), "/attributes"),
        refused(
            body(type=..., status=7, extra=1, message=""), "/type", "/status", "/extra", "/message"
        ),
    ],
)
def test_a_create_points_to_all_that_is_wrong(
    writer: Caller, text: str, pointers: list[str]
) -> None:
    assert places(writer.call("POST", body=text.encode())) == pointers


@pytest.mark.parametrize(
    ("text", "pointers"),
    [
        *(case for case in BAD_BODIES if case.id != "{}"),
        refused(body(type=None, message=None), "/type"),
    ],
)
@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
def test_an_update_points_to_all_that_is_wrong(
    record: tuple[str, Answer], writer: Caller, media_type: str, text: str, pointers: list[str]
) -> None:
    path, before = record
    answer = writer.call("PATCH", path, body=text.encode(), headers={"content-type": media_type})
    assert places(answer) == pointers
    after = writer.call("GET", path)
    assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])


@pytest.fixture(scope="module")
def record(writer: Caller) -> tuple[str, Answer]:
    """The path of a record, and the answer that shows it before anything is tried on it."""
    path = f"/{created(writer, message='untouched', attributes={'a': 1})[0]['recordID']}"
    return path, writer.call("GET", path)


def test_the_limits_themselves_are_accepted(writer: Caller) -> None:
    longest = body(type="x" * 128, status="\U0001f389" * 128, message="x" * 8192)
    assert writer.call("POST", body=longest.encode()).status == 201
    assert writer.call("POST", body=attributes(f'{{"a":{DEEP[1:-1]}}}').encode()).status == 201
    assert (
        writer.call("POST", body=attributes('{"a":[1E+125,1E-130,0E+999,-0]}').encode()).status
        == 201
    )


def test_a_hostile_body_gets_a_short_answer(writer: Caller) -> None:
    leaves = ",".join(["[]"] * 10_800)
    text = attributes(f'{{"{"~" * 32_700}":{"[" * 30}{leaves}{"]" * 30}}}')
    assert len(text) <= LIMIT
    content = problem(writer.call("POST", body=text.encode()), 400, "invalid-request")
    assert (len(content["errors"]), content["errorsOmitted"]) == (100, 10_701)
    assert len(json.dumps(content)) < 150_000


def test_attributes_hold_at_most_1000_values(writer: Caller) -> None:
    def zeros(count: int) -> bytes:
        return body(attributes={"zeros": [0] * (count - 1)}).encode()

    answer = writer.call("POST", body=zeros(1000))
    assert answer.status == 201
    path = f"/{answer.json()['recordID']}"
    assert places(writer.call("POST", body=zeros(1001))) == ["/attributes"]
    assert places(writer.call("PATCH", path, body={"attributes": {"more": 1}})) == ["/attributes"]
    assert writer.call("GET", path).json() == answer.json()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/jsonx"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": ""},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
    ids=lambda headers: " ".join(headers.values()) or "empty",
)
def test_another_media_type_is_refused(
    writer: Caller, method: str, headers: dict[str, str]
) -> None:
    path = "" if method == "POST" else "/anything"
    problem(writer.call(method, path, body=GOOD, headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_no_media_type_is_refused_too(writer: Caller, method: str) -> None:
    url, data = writer.url + ("" if method == "POST" else "/anything"), json.dumps(GOOD).encode()
    problem(
        send(method, url, data, writer.sign(method, url, data, {})), 415, "unsupported-media-type"
    )


def test_a_merge_patch_is_not_a_new_record(writer: Caller) -> None:
    headers = {"content-type": "application/merge-patch+json"}
    problem(writer.call("POST", body=GOOD, headers=headers), 415, "unsupported-media-type")


def test_a_body_that_is_not_utf8_is_refused(record: tuple[str, Answer], writer: Caller) -> None:
    # As JSON the emulator, like API Gateway, replaces such bytes before the function sees them.
    headers = {"content-type": "application/merge-patch+json"}
    assert places(writer.call("PATCH", record[0], body=b'{"status":"\xff"}', headers=headers)) == [
        ""
    ]


def test_what_is_too_large_is_refused_and_what_just_fits_is_not(
    writer: Caller, reader: Caller
) -> None:
    kind = unique()

    def padded(size: int) -> bytes:
        text = json.dumps({"type": kind, "status": "new", "attributes": {"pad": ["x" * 8200] * 7}})
        return text.encode() + b" " * (size - len(text))

    assert writer.call("POST", body=padded(LIMIT)).status == 201
    problem(writer.call("POST", body=padded(LIMIT + 1)), 413, "too-large")
    # Small enough as a body, but not as a record, which has more fields.
    attributes_ = {"pad": ["x" * 8000] * 8, "rest": "x" * (LIMIT - 8 * 8000 - 140)}
    as_body = json.dumps({"type": kind, "status": "new", "attributes": attributes_}).encode()
    assert len(as_body) <= LIMIT
    problem(writer.call("POST", body=as_body), 413, "too-large")
    # Nor may a patch make one grow past the limit.
    (kept,) = listed(reader, type=kind)
    problem(
        writer.call("PATCH", f"/{kept['recordID']}", body={"message": "x" * 8192}), 413, "too-large"
    )
    assert listed(reader, type=kind) == [kept]


@pytest.mark.parametrize("method", ["POST", "GET", "PATCH", "DELETE"])
def test_only_listings_take_parameters(
    record: tuple[str, Answer], writer: Caller, method: str
) -> None:
    path = "" if method == "POST" else record[0]
    data = GOOD if method in ("POST", "PATCH") else None
    assert places(writer.call(method, path, query="dryRun=true", body=data)) == ["dryRun"]
    assert writer.call("GET", record[0]).body == record[1].body


@pytest.mark.parametrize("tags", ["1-abc", '"open', "*, *", 'w/"1"', '"a" "b"'])
def test_malformed_entity_tags_are_refused(
    record: tuple[str, Answer], writer: Caller, tags: str
) -> None:
    path, before = record
    for header in ("If-Match", "If-None-Match"):
        for method, body_ in (("GET", None), ("PATCH", {"status": "x"}), ("DELETE", None)):
            answer = writer.call(method, path, body=body_, headers={header: tags})
            assert places(answer) == [header]
    assert writer.call("GET", path).body == before.body


def test_preconditions_are_evaluated_on_every_operation(
    record: tuple[str, Answer], writer: Caller
) -> None:
    path, before = record
    current = before.headers["etag"]
    for method, body_ in (("GET", None), ("PATCH", {"status": "x"}), ("DELETE", None)):
        for headers in ({"If-Match": '"1-abc"'}, {"If-Match": ""}):
            answer = writer.call(method, path, body=body_, headers=headers)
            problem(answer, 412, "precondition-failed")
            assert answer.headers["etag"] == current
        answer = writer.call(method, path, body=body_, headers={"If-None-Match": f",,{current} ,"})
        if method == "GET":
            assert answer.status == 304
        else:
            problem(answer, 412, "precondition-failed")
    assert writer.call("GET", path, headers={"If-Match": f",{current},"}).body == before.body


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "x" * 256])
def test_malformed_idempotency_keys_are_refused(
    writer: Caller, aws: Callable[..., Any], key: str
) -> None:
    kind = unique()
    answer = writer.call("POST", body=GOOD | {"type": kind}, headers={"Idempotency-Key": key})
    assert places(answer) == ["Idempotency-Key"]
    assert stored(aws("dynamodb"), kind) == []
