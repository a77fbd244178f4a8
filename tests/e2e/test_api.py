"""Every operation as callers use it: status, headers and body through API Gateway."""

import gzip
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import pytest

from e2e.instances import Instance
from e2e.support import (
    GATEWAY_NOT_FOUND,
    Record,
    assert_problem,
    created,
    listed,
    log_lines,
    unique,
    wait_for,
)
from lib.client import Caller, Response, send

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ETAG = re.compile(r'"\d+-[0-9a-f]{12}"')
FIELDS = [
    "recordID", "createdAt", "updatedAt", "updatedBy", "submittedBy", "type", "status", "message",
    "attributes", "version",
]  # fmt: skip


def has_common_headers(response: Response) -> bool:
    headers = response.headers
    UUID(headers["x-request-id"])
    return (headers["cache-control"], headers["x-content-type-options"]) == (
        "private, no-cache",
        "nosniff",
    )


def test_created_record_is_at_its_location(writer: Caller, reader: Caller) -> None:
    began = datetime.now(UTC)
    attributes = {"a": [1, {"b": None}], "c": True}
    content = {"type": "backup", "status": "ok", "message": "Füße 🎉", "attributes": attributes}
    response = writer.call("POST", body=content)
    record = response.json()
    assert response.status == 201
    assert has_common_headers(response)
    assert response.headers["content-type"] == "application/json"
    assert ETAG.fullmatch(response.headers["etag"])
    assert "idempotency-replayed" not in response.headers
    assert list(record) == FIELDS
    assert {name: record[name] for name in content} == content
    assert record["version"] == 1
    assert record["createdAt"] == record["updatedAt"]
    assert TIMESTAMP.fullmatch(record["createdAt"])
    assert abs(datetime.fromisoformat(record["createdAt"]) - began) < timedelta(seconds=30)
    assert UUID(record["recordID"]).version == 7
    assert record["submittedBy"].endswith(":user/records-local-writer")

    location = urljoin(writer.url, response.headers["location"])
    read = reader.call("GET", location.removeprefix(writer.url))
    expected = (200, response.body, response.headers["etag"])
    assert (read.status, read.body, read.headers["etag"]) == expected
    assert has_common_headers(read)


def test_list_returns_matching_records_newest_first(writer: Caller, reader: Caller) -> None:
    kind = unique()
    records = [created(writer, type=kind, status=status)[0] for status in ("a", "b", "a")]
    response = reader.call("GET", query={"type": kind})
    assert response.status == 200
    assert has_common_headers(response)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.json() == {"records": records[::-1]}
    assert listed(reader, type=kind, status="a", order="asc") == [records[0], records[2]]
    first = reader.call("GET", query={"type": kind, "limit": "1"}).json()
    assert first["records"] == records[:1:-1]
    assert first["next"]


def test_long_lists_are_compressed_if_accepted(writer: Caller, reader: Caller) -> None:
    kind = unique()
    record, _ = created(writer, type=kind, message="wärme " * 500)
    plain = reader.call("GET", query={"type": kind})
    packed = reader.call("GET", query={"type": kind}, headers={"accept-encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == {"records": [record]}
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4


def test_unchanged_record_is_not_sent_again(writer: Caller, reader: Caller) -> None:
    record, etag = created(writer)
    path = f"/{record['recordID']}"
    response = reader.call("GET", path, headers={"If-None-Match": f'"other", W/{etag}'})
    assert (response.status, response.body, response.headers["etag"]) == (304, b"", etag)
    assert reader.call("GET", path, headers={"If-None-Match": '"other"'}).json() == record


def test_update_merges(writer: Caller, reader: Caller) -> None:
    attributes = {"keep": 1, "drop": 2, "deep": {"keep": [1], "drop": "x"}}
    record, etag = created(writer, message="before", attributes=attributes)
    path = f"/{record['recordID']}"
    time.sleep(0.002)
    patch: Record = {
        "status": "after",
        "message": None,
        "attributes": {"drop": None, "deep": {"drop": None, "new": {}}},
    }
    headers = {"content-type": "application/merge-patch+json", "If-Match": etag}
    response = writer.call("PATCH", path, body=patch, headers=headers)
    changed = response.json()
    assert response.status == 200
    assert has_common_headers(response)
    expected = {name: value for name, value in record.items() if name != "message"}
    expected |= {"status": "after", "version": 2, "updatedAt": changed["updatedAt"]}
    expected |= {"attributes": {"keep": 1, "deep": {"keep": [1], "new": {}}}}
    assert changed == expected
    assert record["updatedAt"] < changed["updatedAt"]
    assert ETAG.fullmatch(response.headers["etag"])
    assert response.headers["etag"] != etag
    read = reader.call("GET", path)
    assert (read.body, read.headers["etag"]) == (response.body, response.headers["etag"])
    late = writer.call("PATCH", path, body=patch, headers=headers)
    assert_problem(late, 412, "precondition-failed")
    assert late.headers["etag"] == response.headers["etag"]


def test_deleted_record_is_not_found(writer: Caller, reader: Caller) -> None:
    kind = unique()
    record, _ = created(writer, type=kind)
    path = f"/{record['recordID']}"
    response = writer.call("DELETE", path)
    assert (response.status, response.body) == (204, b"")
    assert has_common_headers(response)
    assert listed(reader, type=kind) == []
    assert_problem(reader.call("GET", path), 404, "record-not-found")
    assert_problem(writer.call("PATCH", path, body={"status": "x"}), 404, "record-not-found")
    assert_problem(writer.call("DELETE", path), 404, "record-not-found")


@pytest.mark.parametrize("record_id", ["absent", "a" * 129, "a b", "ä", "\0", ".", "*"])
def test_unknown_or_invalid_id_is_not_found(open_instance: Instance, record_id: str) -> None:
    path = "".join(f"%{octet:02X}" for octet in record_id.encode())
    response = send("GET", f"{open_instance.url}/{path}", b"", {})
    assert_problem(response, 404, "record-not-found")


NO_ROUTE = [
    ("PUT", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/id"), ("PUT", "/id"),
    ("GET", "/id/more"), ("GET", "x"),
    # Operations of the service that this instance does not have.
    ("PATCH", "/id"), ("DELETE", "/id"),
]  # fmt: skip


def test_request_without_a_route_does_not_reach_the_function(
    open_instance: Instance, aws: Callable[..., Any]
) -> None:
    def messages() -> list[str]:
        page = aws("logs").filter_log_events(
            logGroupName=open_instance.log_group, startTime=int(began * 1000)
        )
        return [event["message"] for event in page["events"]]

    began = time.time()
    for method, path in NO_ROUTE:
        data = b'{"status":"x"}' if method in ("POST", "PUT", "PATCH") else b""
        headers = {"content-type": "application/json"} if data else {}
        response = send(method, f"{open_instance.url}{path}", data, headers)
        assert (response.status, response.json()) == (404, GATEWAY_NOT_FOUND), (method, path)
        assert "x-request-id" not in response.headers
    # The next request with a route is the only one in the function's log.
    last = send("GET", f"{open_instance.url}/nothing", b"", {}).headers["x-request-id"]
    assert wait_for(lambda: [line for line in messages() if line.startswith("REPORT")])
    assert [line.split()[2] for line in messages() if line.startswith("START")] == [last]


def test_each_request_has_one_log_line_with_its_id(
    writer: Caller, reader: Caller, aws: Callable[..., Any]
) -> None:
    secret = unique("secret")
    began = time.time()
    fields = {"type": secret, "status": secret, "message": secret, "attributes": {secret: 1}}
    first = writer.call("POST", body=fields)
    path = f"/{first.json()['recordID']}"
    requests = [
        (first, 201, "create", "writer"),
        (reader.call("GET", query={"type": secret}), 200, "list", "reader"),
        (reader.call("GET", path), 200, "get", "reader"),
        (writer.call("PATCH", path, body={"message": f"{secret}!"}), 200, "update", "writer"),
        (writer.call("PATCH", path, body={secret: 1}), 400, "update", "writer"),
        (writer.call("DELETE", path, headers={"If-Match": '"0-0"'}), 412, "delete", "writer"),
        (writer.call("DELETE", path), 204, "delete", "writer"),
        (reader.call("GET", path), 404, "get", "reader"),
    ]
    ids = [response.headers["x-request-id"] for response, *_ in requests]

    def request_lines() -> list[dict[str, Any]]:
        every = log_lines(aws("logs"), began)
        return [line for line in every if line.get("requestId") in ids]

    wait_for(lambda: len(request_lines()) >= len(ids))
    lines = request_lines()
    assert [line["requestId"] for line in lines] == ids
    for line, (response, status, operation, user) in zip(lines, requests, strict=True):
        assert response.status == status
        expected = ("INFO", "request", "records-local", operation, status)
        names = ("level", "message", "service", "operation", "status")
        assert tuple(line[name] for name in names) == expected
        assert line["caller"].endswith(f":user/records-local-{user}")
        assert line["apiRequestId"]
    # Neither contents of records nor of queries are logged.
    assert secret not in json.dumps(log_lines(aws("logs"), began))
