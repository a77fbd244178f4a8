"""Hostile requests through the gateway: nothing forged is stored, logged or believed."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from contract.hostile_bodies import BOMBS
from e2e.instances import Instance
from e2e.support import TABLE, assert_problem, created, log_lines, unique, wait_for
from lib.client import Caller, send

# MARKER becomes a word that no other test uses.
HOSTILE = {
    "expression": "MARKER = :v OR attribute_exists(recordID) REMOVE #n, #status",
    "placeholder": ":v0 #n0 $ref {{MARKER}} ${jndi:ldap://host} <script>alert(1)</script>",
    "line break": 'x\r\n{"level":"ERROR","message":"MARKER","requestId":"MARKER"}',
    "metric": json.dumps({"_aws": {"Timestamp": 0, "CloudWatchMetrics": []}, "MARKER": 9}),
    "terminal": "\x1b]0;MARKER\x07\x1b[2J\u202e\u2066",
    "null": "MARKER\x00b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_data_everywhere(
    text: str, writer: Caller, reader: Caller, aws: Callable[..., Any]
) -> None:
    began = time.time()
    marker = unique("hostile")
    text = text.replace("MARKER", marker)
    fields = {"status": text, "message": text, "attributes": {text: [text], "in": {text: text}}}
    record, _ = created(writer, type=text, **fields)
    path = f"/{record['recordID']}"
    assert {name: record[name] for name in fields} == fields
    read = reader.call("GET", path)
    assert read.json() == record
    for query in ({"type": record["type"]}, {"status": text, "type": record["type"]}):
        assert reader.call("GET", query=query).json()["records"] == [record]
    removed = writer.call("PATCH", path, body={"attributes": {text: None}})
    assert removed.json()["attributes"] == {"in": {text: text}}
    for header in ("if-match", "idempotency-key"):
        value = text.encode("ascii", "replace").decode().replace("\r\n", "  ").replace("\x00", " ")
        refused = writer.call("PATCH", path, body={"status": "x"}, headers={header: value})
        assert refused.status in (200, 400, 412), refused
    ids = [read.headers["x-request-id"], removed.headers["x-request-id"]]

    def lines() -> list[dict[str, Any]]:
        return log_lines(aws("logs"), began)

    assert wait_for(lambda: {each.get("requestId") for each in lines()} >= set(ids))
    # No field of a record is logged, in a line of the function or as one of its own.
    assert marker not in json.dumps(lines())


PATHS = {
    "encoded slash": "/{id}%2fhistory",
    "encoded slash, upper case": "/{id}%2Fhistory",
    "double encoding": "/{id}%252Fhistory",
    "parent": "/{id}/../{id}/history",
    "encoded parent": "/%2e%2e/records/{id}/history",
    "empty segment": "//{id}/history",
    "trailing slash": "/{id}/history/",
    "matrix parameter": "/{id};/history",
    "fullwidth slash": "/{id}%EF%BC%8Fhistory",
    "backslash": "/{id}%5Chistory",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_no_path_leads_a_reader_to_a_history(path: str, writer: Caller, reader: Caller) -> None:
    record, _ = created(writer, message="secret")
    response = reader.call("GET", path.format(id=record["recordID"]))
    assert response.status in (400, 403, 404), response
    assert b"secret" not in response.body
    assert b"entries" not in response.body


def test_caller_cannot_name_the_submitter(writer: Caller, aws: Callable[..., Any]) -> None:
    other = "arn:aws:iam::000000000000:user/somebody-else"
    body = {"type": unique(), "status": "new", "submittedBy": other}
    assert_problem(writer.call("POST", body=body), 400, "invalid-request")
    headers = {"x-amzn-iam-user-arn": other, "x-submitted-by": other, "x-forwarded-user": other}
    record = writer.call("POST", body={"type": unique(), "status": "new"}, headers=headers).json()
    assert record["submittedBy"].endswith(":user/records-local-writer")
    key = {"recordID": {"S": record["recordID"]}}
    item = aws("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    assert item["submittedBy"]["S"] == record["submittedBy"]


# tests/contract/test_hostile_bodies.py measures memory, and has more of them.
BOMBS_THROUGH_GATEWAY = (
    "deep arrays", "deep objects", "empty arrays", "huge exponent", "long number",
    "repeated members", "unpaired surrogates",
)  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS_THROUGH_GATEWAY)
def test_hostile_json_is_refused_quickly_in_few_bytes(bomb: str, writer: Caller) -> None:
    began = time.process_time()
    response = writer.call("POST", body=BOMBS[bomb], headers={"content-type": "application/json"})
    assert_problem(response, 400, "invalid-request")
    assert len(response.body) < 150_000
    assert time.process_time() - began < 2  # of the caller: the response is small to parse


def created_openly(instance: Instance) -> tuple[str, Any]:
    """Create a record in the instance without authentication; return its URL and the record."""
    body = json.dumps({"type": unique(), "status": "new", "submittedBy": "me"}).encode()
    record = send("POST", instance.url, body, {"content-type": "application/json"}).json()
    return f"{instance.url}/{record['recordID']}", record


OVERRIDES = {
    "method": {"x-http-method-override": "DELETE"},
    "URL": {"x-original-url": "/records", "x-rewrite-url": "/records"},
    "host": {"x-forwarded-host": "example.com", "forwarded": "host=example.com"},
}


@pytest.mark.parametrize("headers", OVERRIDES.values(), ids=OVERRIDES)
def test_override_headers_change_nothing(headers: dict[str, str], open_instance: Instance) -> None:
    url, record = created_openly(open_instance)
    response = send("GET", url, b"", headers)
    assert (response.status, response.json()) == (200, record)
    assert "example.com" not in str(response.headers)
    assert send("GET", url, b"", {}).json() == record


SMUGGLED = {
    "two lengths": "Content-Length: 0\r\nContent-Length: 44\r\n",
    "length and chunks": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "folded header": "X-A: b\r\n DELETE\r\n",
}


@pytest.mark.parametrize("headers", SMUGGLED.values(), ids=SMUGGLED)
def test_smuggled_request_changes_nothing(headers: str, open_instance: Instance) -> None:
    url, record = created_openly(open_instance)
    parts = urlsplit(url)
    end = f"{parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    requests = f"GET {end}{headers}\r\nDELETE {end}Connection: close\r\n\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 80), 20) as connection:
        connection.sendall(requests.encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ")), received
    # Both requests are answered, or the first is refused and the second is not read.
    assert received.count(b"HTTP/1.1 ") == 1 + received.startswith(b"HTTP/1.1 200 "), received
    if received.startswith(b"HTTP/1.1 400 "):
        assert send("GET", url, b"", {}).json() == record


@pytest.mark.parametrize("size", [1_500, 9_000])
def test_long_cursor_and_header_are_refused_by_name(size: int, reader: Caller) -> None:
    assert_problem(reader.call("GET", query={"cursor": "a" * size}), 400, "invalid-request")
    headers = {"if-none-match": '"' + "a" * size + '"'}
    assert reader.call("GET", "/absent", headers=headers).status in (400, 404)
