"""Invalid input that API Gateway could change on its way. tests/unit has all other cases."""

import json
from typing import Any

import pytest

from e2e.support import assert_problem, created, error_locations, listed, unique
from lib.client import Caller, Response, send

LIMIT = 64 * 1024
VALID = {"type": "test", "status": "new"}


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("type=a&type=b", ["type"]),  # API Gateway would join the values with a comma
        ("=x", [""]),
        ("limit=%D9%A1", ["limit"]),  # a digit, but not an ASCII digit
        ("limit=0&bogus=1&order=up&cursor=%C3%A4", ["bogus", "order", "limit", "cursor"]),
    ],
)  # fmt: skip
def test_invalid_parameters_are_named(reader: Caller, query: str, parameters: list[str]) -> None:
    assert error_locations(reader.call("GET", query=query)) == parameters


INVALID_BODIES: list[tuple[bytes, list[str]]] = [
    (b"", [""]),
    (b'{"type":"test","status":"new"', [""]),
    (b'{"type":"a","type":"b","status":"new"}', ["/type"]),
    (rb'{"type":"a","status":"b","attributes":{"a/~":"\ud800"}}', ["/attributes/a~1~0"]),
    (b'{"type":"","status":7,"attributes":{"a":[NaN]}}', ["/type", "/status", "/attributes/a/0"]),
]


@pytest.fixture(scope="module")
def record(writer: Caller) -> tuple[str, Response]:
    """The path of a record, and the response to GET before the tests."""
    path = f"/{created(writer, message='unchanged', attributes={'a': 1})[0]['recordID']}"
    return path, writer.call("GET", path)


@pytest.mark.parametrize(("body", "pointers"), INVALID_BODIES)
def test_invalid_fields_are_named_and_nothing_is_written(
    record: tuple[str, Response], writer: Caller, body: bytes, pointers: list[str]
) -> None:
    path, before = record
    headers = {"content-type": "application/json"}
    assert error_locations(writer.call("POST", body=body, headers=headers)) == pointers
    for media_type in ("application/json", "application/merge-patch+json"):
        headers = {"content-type": media_type}
        assert error_locations(writer.call("PATCH", path, body=body, headers=headers)) == pointers
    after = writer.call("GET", path)
    assert (after.body, after.headers["etag"]) == (before.body, before.headers["etag"])


def test_body_that_is_not_utf8_is_rejected(record: tuple[str, Response], writer: Caller) -> None:
    # As JSON the emulator, like API Gateway, replaces such bytes before the function sees them.
    headers = {"content-type": "application/merge-patch+json"}
    response = writer.call("PATCH", record[0], body=b'{"status":"\xff"}', headers=headers)
    assert error_locations(response) == [""]


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {"content-type": "", "content-encoding": "gzip"}],
    ids=["none", "text", "empty and gzip"],
)
def test_other_media_types_are_rejected(writer: Caller, headers: dict[str, Any]) -> None:
    data = json.dumps(VALID).encode()
    signed = writer.sign("POST", writer.url, data, headers)
    assert_problem(send("POST", writer.url, data, signed), 415, "unsupported-media-type")


def test_body_of_64_kib_is_accepted_and_one_more_byte_is_not(
    writer: Caller, reader: Caller
) -> None:
    kind = unique()

    def padded(size: int) -> bytes:
        text = json.dumps({"type": kind, "status": "new", "attributes": {"pad": ["x" * 8200] * 7}})
        return text.encode() + b" " * (size - len(text))

    assert writer.call("POST", body=padded(LIMIT)).status == 201
    assert_problem(writer.call("POST", body=padded(LIMIT + 1)), 413, "too-large")
    assert len(listed(reader, type=kind)) == 1
