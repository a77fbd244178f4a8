"""Pages of records and entries: their size, the link to the next page, and compression."""

import json
import random
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from records_api import (
    entries,
    history,
    jsontext,
    listing,
    page_responses,
    parameters,
    records,
    representation,
    responses,
    store,
)
from records_api.cursor import ItemKey
from unit.support import content, event, record

LAMBDA_BYTES = 6 * 1024 * 1024
MAX_PAGE_BYTES = int(5.5 * 1024 * 1024)
REQUEST = parameters.ListRequest(
    listing.Query({"type": "a b&c"}), 1000, None, {"type": "a b&c", "limit": "1000"}
)


def page(
    listed: list[store.Record], after: str | None = None, *, compress: bool = False
) -> responses.Response:
    """Return the page of a list. `after`: the position after which the next page begins."""
    added, last = page_responses.Page(), None
    for each in listed:
        if not added.add_record(store.encode(each)):
            after = last
            break
        last = each["position"]
    key = ItemKey(after, after.partition("#")[2]) if after else None
    return page_responses.list_response(REQUEST, added, key, "request-1", gzip=compress)


def lambda_bytes(response: responses.Response) -> int:
    """Return the size of a response if the runtime escapes all characters that are not ASCII."""
    return len(json.dumps(response).encode())


def after_cursor(text: str) -> ItemKey | None:
    """Return the key after which the list of REQUEST continues with a cursor."""
    query = urlencode({"type": "a b&c", "cursor": text})
    return parameters.list_request(event(query=query)).after


# Pages.


def test_last_page_contains_records_only() -> None:
    response = page([record(1), record(2)])
    assert list(content(response)) == ["records"]
    assert [each["recordID"] for each in content(response)["records"]] == ["record-1", "record-2"]
    assert "link" not in response["headers"]
    assert content(page([])) == {"records": []}


def test_page_names_the_next_one_in_body_and_link() -> None:
    response = page([record()], "2026-01-31T09:30:00.001Z#record-1")
    link = response["headers"]["link"]
    assert link.startswith("<?")
    assert link.endswith('>; rel="next"')
    target = urlsplit(
        urljoin("https://example.com/stage/records?limit=1", link[1:].partition(">")[0])
    )
    assert target.path == "/stage/records"
    assert parse_qs(target.query, strict_parsing=True) == {
        "type": ["a b&c"],
        "limit": ["1000"],
        "cursor": [content(response)["next"]],
    }
    assert parameters.list_request(event(query=target.query)).after == ItemKey(
        "2026-01-31T09:30:00.001Z#record-1", "record-1"
    )


def test_link_replaces_the_cursor_of_the_request() -> None:
    request = REQUEST._replace(parameters={"cursor": "old", "order": "asc"})
    key = ItemKey("2026-01-31T09:30:00.001Z#record-1", "record-1")
    response = page_responses.list_response(request, page_responses.Page(), key, "r", gzip=False)
    link = response["headers"]["link"]
    assert "old" not in link
    assert link.count("cursor=") == 1


def filled(number: int, filling: str) -> store.Record:
    """Return a record of the largest size that can be stored, with attributes full of `filling`."""
    empty = record(number, attributes={"fill": ""})
    width = len(jsontext.to_json(filling).encode()) - 2
    room = records.MAX_RECORD_BYTES - len(jsontext.to_json(representation.public(empty)).encode())
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
def test_hostile_page_fits_into_a_lambda_response(kind: str, *, compress: bool) -> None:
    listed = HOSTILE[kind]
    response = page(listed, compress=compress)
    body = content(response)
    assert lambda_bytes(response) < LAMBDA_BYTES
    assert len(json.dumps(response["body"])) <= MAX_PAGE_BYTES
    # The page is cut but not empty, and the next one begins after its last record.
    count = len(body["records"])
    assert 0 < count < len(listed)
    last = listed[count - 1]
    assert after_cursor(body["next"]) == ItemKey(last["position"], last["recordID"])


def test_cut_page_is_nearly_full() -> None:
    response = page(HOSTILE["quotes"])
    assert len(json.dumps(response["body"])) > 0.95 * MAX_PAGE_BYTES


def test_full_page_continues_after_the_last_key_read() -> None:
    body = content(page([record(1)], "2026-01-31T09:30:00.500Z#beyond"))
    assert after_cursor(body["next"]) == ItemKey("2026-01-31T09:30:00.500Z#beyond", "beyond")


def test_only_the_record_that_fits_no_response_is_omitted() -> None:
    # The largest JSON of an item of 400 KB: DynamoDB counts 3 bytes for each of these numbers,
    # which take 41 characters.
    large = record(2, attributes={"n": [Decimal("1.1E-38")] * 136_000})
    too_large = record(3, attributes={"n": [Decimal("1.1E-38")] * 140_000})
    for listed in ([too_large, record(1), record(4)], [record(1), too_large, record(4)]):
        body = content(page(listed))
        assert [each["recordID"] for each in body["records"]] == ["record-1", "record-4"]
        assert "next" not in body
    assert len(content(page([too_large, large, record(4)]))["records"]) == 2
    assert responses.record_response(HTTPStatus.OK, large, "r")["statusCode"] == 200
    with pytest.raises(responses.RecordTooLarge):
        responses.record_response(HTTPStatus.OK, too_large, "r")


# Compression.


def test_compressed_list_has_the_same_content() -> None:
    listed = [record(number, message="word " * 20) for number in range(50)]
    plain, compressed = page(listed), page(listed, compress=True)
    assert compressed["headers"]["content-encoding"] == "gzip"
    assert content(compressed) == content(plain)
    assert lambda_bytes(compressed) < lambda_bytes(plain) / 2
    assert plain["headers"]["vary"] == compressed["headers"]["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain["headers"]


def sized(size: int) -> list[store.Record]:
    """Return one record whose page has a body of `size` bytes."""
    return [record(message="m" * (size - len(page([record(message="")])["body"].encode())))]


@pytest.mark.parametrize(("size", "is_compressed"), [(1024, False), (1025, True)])
def test_bodies_over_1_kib_are_compressed(size: int, *, is_compressed: bool) -> None:
    assert len(page(sized(size))["body"]) == size
    assert page(sized(size), compress=True)["isBase64Encoded"] is is_compressed


@pytest.mark.parametrize("size", [900, 2_000, 30_000])
def test_compression_never_makes_a_response_larger(size: int) -> None:
    noise = random.Random(7)
    text = "".join(chr(noise.randrange(0x20, 0x7F)) for _ in range(size))
    for listed in (
        [record(message=text)],
        [record(message=text.encode().hex())],
        [record(message="m" * size)],
    ):
        assert lambda_bytes(page(listed, compress=True)) <= lambda_bytes(page(listed))


# Histories and changes.


def entry(version: int, **more: Any) -> history.Entry:
    fields = history.entry(
        history.CREATE,
        "r",
        {"recordID": "r", "version": version, **more},
        history.Author("alice", "request-1"),
        None,
        version=version,
        changed_at="2026-01-31T09:30:00.123Z",
        expires_at=None,
    )
    return fields | {"feed": "changes", "position": "p", "writeToken": "secret", "requestHash": "h"}


HISTORY = parameters.HistoryRequest("r", True, 9, None, {"limit": "9"})
FEED_PLACE = "2026-01-31T09:30:00.123Z#r#0000000001"


def page_of(*entries_: history.Entry) -> page_responses.Page:
    added = page_responses.Page()
    for each in entries_:
        added.add_entry(store.encode(each))
    return added


def test_history_shows_the_public_fields_of_its_entries() -> None:
    response = page_responses.history_response(
        HISTORY, page_of(entry(2), entry(1)), None, "request-1", gzip=False
    )
    assert list(content(response)) == ["history"]
    assert "link" not in response["headers"]
    assert response["headers"]["vary"] == "Accept-Encoding"
    first = content(response)["history"][0]
    assert first["record"] == {"recordID": "r", "version": 2}
    assert first.keys() == set(history.PUBLIC_FIELDS) & entry(2).keys()
    assert "secret" not in response["body"]


def test_history_names_the_next_page_in_body_and_link() -> None:
    response = page_responses.history_response(HISTORY, page_of(entry(2)), 2, "r", gzip=False)
    target = urlsplit(response["headers"]["link"][1:].partition(">")[0])
    assert parse_qs(target.query) == {"limit": ["9"], "cursor": [content(response)["next"]]}
    following = event("GET /records/{recordID}/history", record_id="r", query=target.query)
    assert parameters.history_request(following).after == 2


@pytest.mark.parametrize("is_end", [True, False])
def test_changes_always_have_a_cursor(*, is_end: bool) -> None:
    for place, page_ in ((FEED_PLACE, page_of(entry(1))), (entries.BEGINNING, page_of())):
        reached = entries.Reached(place, is_end)
        response = page_responses.changes_response(page_, reached, "r", gzip=False)
        body = content(response)
        assert list(body) == ["changes", "next", "caughtUp"]
        assert body["caughtUp"] is is_end
        query = urlencode({"cursor": body["next"]})
        assert parameters.changes_request(event("GET /changes", query=query)).after == place
        assert "link" not in response["headers"]


def test_unsettled_changes_are_marked() -> None:
    reached = entries.Reached(FEED_PLACE, is_end=True)
    page_ = page_of(entry(1))
    page_.add_unsettled(store.encode(entry(2)))
    response = page_responses.changes_response(page_, reached, "r", gzip=False)
    first, second = content(response)["changes"]
    assert "settled" not in first
    assert second["settled"] is False


def test_largest_entries_fit_into_a_lambda_response() -> None:
    largest = history.MAX_EMBEDDED_BYTES - 100
    for filling in ('"' * (largest // 2), "\x01" * (largest // 6), "\U0001f600" * (largest // 4)):
        added, count = page_responses.Page(), 0
        while added.add_entry(store.encode(entry(count + 1, message=filling))):
            count += 1
        assert count > 5
        response = page_responses.history_response(HISTORY, added, count, "r", gzip=False)
        assert content(response)["history"][0]["record"]["message"] == filling
        assert lambda_bytes(response) < LAMBDA_BYTES


def test_histories_and_changes_are_compressed() -> None:
    page_, reached = page_of(*map(entry, range(1, 30))), entries.Reached(FEED_PLACE, is_end=True)
    for response in (
        page_responses.history_response(HISTORY, page_, None, "r", gzip=True),
        page_responses.changes_response(page_, reached, "r", gzip=True),
    ):
        assert response["headers"]["content-encoding"] == "gzip"
        assert len(next(iter(content(response).values()))) == 29
