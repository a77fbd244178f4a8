"""HTTP, going out: pages that fit, problems that say what and no more, headers."""

import gzip
import json
import random
from base64 import b64decode
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from records_api import api, callers, config, dynamodb, fields, jsontext, records, responses, store
from records_api.cursor import ItemKey
from unit.support import event

LAMBDA_BYTES = 6 * 1024 * 1024
MAX_PAGE_BYTES = int(5.5 * 1024 * 1024)
ASKED = api.ListRequest(
    store.Query({"type": "a b&c"}), 1000, None, {"type": "a b&c", "limit": "1000"}
)


def record(number: int = 1, **more: Any) -> store.Record:  # noqa: ANN401 (any JSON value)
    made = {
        "recordID": f"record-{number}",
        "createdAt": f"2026-01-31T09:30:{number // 1000:02d}.{number % 1000:03d}Z",
    }
    return {**made, "position": store.position(made), "type": "t", "status": "s", **more}


def page(
    found: list[store.Record], after: str | None = None, *, compress: bool = False
) -> responses.Response:
    """Return the page that a listing of these records makes; `after` is where the store says it goes on."""
    made, reached = responses.Page(), None
    for each in found:
        if not made.add(each):
            after = reached
            break
        reached = each["position"]
    place = ItemKey(after, after.partition("#")[2]) if after else None
    return responses.page_response(ASKED, made, place, "request-1", gzip=compress)


def content(response: responses.Response) -> Any:  # noqa: ANN401 (any JSON value)
    octets = (
        b64decode(response["body"]) if response["isBase64Encoded"] else response["body"].encode()
    )
    return json.loads(
        gzip.decompress(octets) if response["headers"].get("content-encoding") == "gzip" else octets
    )


def lambda_bytes(response: responses.Response) -> int:
    """Return the size of a response at its largest: a runtime may escape everything beyond ASCII, or not."""
    return len(json.dumps(response).encode())


# Pages.


def test_the_last_page_is_records_and_nothing_else() -> None:
    response = page([record(1), record(2)])
    assert list(content(response)) == ["records"]
    assert [each["recordID"] for each in content(response)["records"]] == ["record-1", "record-2"]
    assert "link" not in response["headers"]
    assert content(page([])) == {"records": []}


def test_a_page_with_more_to_come_says_how_to_go_on_in_body_and_link() -> None:
    response = page([record()], "2026-01-31T09:30:00.001Z#record-1")
    link = response["headers"]["link"]
    assert link.startswith("<?")
    assert link.endswith('>; rel="next"')
    target = urlsplit(
        urljoin("https://example.com/stage/records?limit=1", link[1:].partition(">")[0])
    )
    assert target.path == "/stage/records"
    given = parse_qs(target.query, strict_parsing=True)
    assert given == {"type": ["a b&c"], "limit": ["1000"], "cursor": [content(response)["next"]]}
    assert api.list_request(event(query=target.query)).after == ItemKey(
        "2026-01-31T09:30:00.001Z#record-1", "record-1"
    )


def test_a_link_replaces_the_cursor_it_was_reached_by() -> None:
    asked = ASKED._replace(parameters={"cursor": "old", "order": "asc"})
    place = ItemKey("2026-01-31T09:30:00.001Z#record-1", "record-1")
    link = responses.page_response(asked, responses.Page(), place, "r", gzip=False)["headers"][
        "link"
    ]
    assert "old" not in link
    assert link.count("cursor=") == 1


def filled(number: int, filling: str) -> store.Record:
    """Return the largest record that may be stored whose message and attributes are all of one kind of text."""
    empty = record(number, attributes={"fill": ""})
    width = len(jsontext.to_json(filling).encode()) - 2
    room = records.MAX_RECORD_BYTES - len(jsontext.to_json(records.public(empty)).encode())
    return record(number, attributes={"fill": filling * (room // width)})


HOSTILE = {
    "quotes": [record(number, message='"' * 4096) for number in range(1000)],
    "ordinary text": [record(number, message="word " * 1200) for number in range(1000)],
    "64 KiB of quotes": [filled(number, '"') for number in range(120)],
    "64 KiB of backslashes": [filled(number, "\\") for number in range(120)],
    "64 KiB of control characters": [filled(number, "\x01") for number in range(120)],
    "64 KiB of letters beyond ASCII": [filled(number, "ä") for number in range(120)],
    "64 KiB of emoji": [filled(number, "\U0001f600") for number in range(120)],
    "400 KB of another writer": [record(number, message="\x01" * 400_000) for number in range(4)],
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("compress", [False, True])
def test_a_hostile_page_fits_into_a_lambda_response(kind: str, *, compress: bool) -> None:
    found = HOSTILE[kind]
    response = page(found, compress=compress)
    shown = content(response)
    assert lambda_bytes(response) < LAMBDA_BYTES
    assert len(json.dumps(response["body"])) <= MAX_PAGE_BYTES
    # It is cut, never emptied, and goes on behind the last record it shows.
    count = len(shown["records"])
    assert 0 < count < len(found)
    following = api.list_request(
        event(query=urlencode({"type": "a b&c", "cursor": shown["next"]}))
    ).after
    assert following == ItemKey(found[count - 1]["position"], found[count - 1]["recordID"])


def test_a_page_that_is_cut_is_nearly_full() -> None:
    response = page(HOSTILE["quotes"])
    assert len(json.dumps(response["body"])) > 0.95 * MAX_PAGE_BYTES


def test_a_page_that_is_not_cut_goes_on_where_the_store_says() -> None:
    shown = content(page([record(1)], "2026-01-31T09:30:00.500Z#beyond"))
    query = urlencode({"type": "a b&c", "cursor": shown["next"]})
    assert api.list_request(event(query=query)).after == ItemKey(
        "2026-01-31T09:30:00.500Z#beyond", "beyond"
    )


def test_a_record_that_no_response_has_room_for_is_left_out_and_its_neighbors_are_not() -> None:
    # As large as DynamoDB's 400 KB can become: a number of 3 bytes as DynamoDB counts, 41 characters of JSON.
    large = record(2, attributes={"n": [Decimal("1.1E-38")] * 136_000})
    too_large = record(3, attributes={"n": [Decimal("1.1E-38")] * 140_000})
    for found in ([too_large, record(1), record(4)], [record(1), too_large, record(4)]):
        shown = content(page(found))
        assert [each["recordID"] for each in shown["records"]] == ["record-1", "record-4"]
        assert "next" not in shown
    assert len(content(page([too_large, large, record(4)]))["records"]) == 2
    assert responses.record_response(HTTPStatus.OK, large, "r")["statusCode"] == 200
    with pytest.raises(responses.RecordTooLarge):
        responses.record_response(HTTPStatus.OK, too_large, "r")


# Compression.


def test_a_long_list_is_compressed_when_that_is_accepted_and_says_the_same() -> None:
    found = [record(number, message="word " * 20) for number in range(50)]
    plain, compressed = page(found), page(found, compress=True)
    assert compressed["headers"]["content-encoding"] == "gzip"
    assert content(compressed) == content(plain)
    assert lambda_bytes(compressed) < lambda_bytes(plain) / 2
    assert plain["headers"]["vary"] == compressed["headers"]["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain["headers"]


def sized(size: int) -> list[store.Record]:
    """Return one record that makes a body of `size` bytes."""
    return [record(message="m" * (size - len(page([record(message="")])["body"].encode())))]


@pytest.mark.parametrize(("size", "is_compressed"), [(1024, False), (1025, True)])
def test_compression_begins_above_1_kib(size: int, *, is_compressed: bool) -> None:
    assert len(page(sized(size))["body"]) == size
    assert page(sized(size), compress=True)["isBase64Encoded"] is is_compressed


@pytest.mark.parametrize("size", [900, 2_000, 30_000])
def test_compression_never_makes_a_response_larger(size: int) -> None:
    noise = random.Random(7)  # noqa: S311 (noise, no secret)
    text = "".join(chr(noise.randrange(0x20, 0x7F)) for _ in range(size))
    for found in (
        [record(message=text)],
        [record(message=text.encode().hex())],
        [record(message="m" * size)],
    ):
        assert lambda_bytes(page(found, compress=True)) <= lambda_bytes(page(found))


# Single records and problems.


def test_a_record_has_its_tag_and_is_never_stored_by_caches_in_between() -> None:
    response = responses.record_response(
        HTTPStatus.OK, record(writeToken="secret"), "request-1", location="records/record-1"
    )
    assert response["statusCode"] == 200
    assert response["headers"] == {
        "x-request-id": "request-1",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-type": "application/json",
        "etag": records.tag(record(writeToken="secret")),
        "location": "records/record-1",
    }
    assert "secret" not in json.dumps(response)


KINDS: dict[Exception, tuple[int, str]] = {
    fields.Invalid([]): (400, "invalid-request"),
    callers.NoIdentity(): (403, "no-identity"),
    records.NotFound(): (404, "record-not-found"),
    records.Deleted(): (410, "record-deleted"),
    records.PreconditionFailed('"1-a"'): (412, "precondition-failed"),
    records.TooLarge(): (413, "too-large"),
    api.UnsupportedMediaType(): (415, "unsupported-media-type"),
    records.KeyReused(): (422, "idempotency-key-reused"),
    config.ConfigError(["TABLE_NAME=secret"]): (500, "configuration-error"),
    responses.RecordTooLarge("secret"): (500, "record-too-large"),
    store.Unavailable("secret"): (503, "unavailable"),
    store.OutcomeUnknown("secret"): (503, "outcome-unknown"),
    KeyError("secret"): (500, "internal-error"),
    dynamodb.Refused("AccessDeniedException", "secret"): (500, "internal-error"),
    store.Conflict({"message": "secret"}, ambiguous=False): (500, "internal-error"),
}


def test_every_error_that_has_an_answer_is_in_the_table_of_this_test() -> None:
    assert set(responses.PROBLEMS) < {type(error) for error in KINDS}


@pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)
def test_an_error_becomes_a_problem_with_its_request_and_no_internals(error: Exception) -> None:
    status, kind = KINDS[error]
    response = responses.problem_response(error, "request-1")
    problem = content(response)
    assert response["statusCode"] == problem["status"] == status
    assert problem["type"] == f"urn:records-api:{kind}"
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["requestId"] == response["headers"]["x-request-id"] == "request-1"
    assert problem["detail"]
    assert response["headers"]["content-type"] == "application/problem+json"
    assert ("retry-after" in response["headers"]) == (status == 503)
    assert "secret" not in json.dumps(response)


def test_bad_input_is_listed() -> None:
    found = [
        fields.Problem("pointer", ("a/b", 1), 'must not be "ä"'),
        fields.Problem("parameter", "\n", "is not a known parameter"),
        fields.Problem("header", "If-Match", "must be *"),
    ]
    content_ = content(responses.problem_response(fields.Invalid(found), "r"))
    assert content_["errors"] == [
        {"pointer": "/a~1b/1", "detail": 'must not be "ä"'},
        {"parameter": "\n", "detail": "is not a known parameter"},
        {"header": "If-Match", "detail": "must be *"},
    ]
    assert "errorsOmitted" not in content_


def test_of_much_bad_input_the_rest_is_counted() -> None:
    found = [fields.Problem("pointer", (number,), "is wrong") for number in range(101)]
    content_ = content(responses.problem_response(fields.Invalid(found), "r"))
    assert (len(content_["errors"]), content_["errorsOmitted"]) == (100, 1)


def test_a_failed_precondition_tells_the_current_tag() -> None:
    assert (
        responses.problem_response(records.PreconditionFailed('"2-b"'), "r")["headers"]["etag"]
        == '"2-b"'
    )


def test_the_wait_before_a_retry_is_in_whole_seconds() -> None:
    assert (
        int(responses.problem_response(store.Unavailable("x"), "r")["headers"]["retry-after"]) >= 1
    )
