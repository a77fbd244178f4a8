"""Every operation of the API as its callers meet it: status, headers, body."""

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
from e2e.talk import GATEWAY_NOT_FOUND, Record, created, lines, listed, problem, soon, unique
from lib.client import Answer, Caller, send

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ETAG = re.compile(r'"\d+-[0-9a-f]{12}"')
# What no record's id is, or what no record has; an id that is not one can't be told from one that nobody has.
ABSENT = [
    "0192f0c1-2c4f-7d3a-9c1e-0a1b2c3d4e5f",
    "nothing",
    "-x",
    "a" * 129,
    "a b",
    "ä",
    "\0",
    ".",
    "*",
]


def has_common_headers(answer: Answer) -> bool:
    headers = answer.headers
    UUID(headers["x-request-id"])
    return (headers["cache-control"], headers["x-content-type-options"]) == (
        "private, no-cache",
        "nosniff",
    )


def test_a_created_record_is_answered_and_is_where_the_answer_says(
    writer: Caller, reader: Caller
) -> None:
    began = datetime.now(UTC)
    attributes = {"a": [1, {"b": None}], "c": True}
    content = {"type": "backup", "status": "ok", "message": "Füße 🎉", "attributes": attributes}
    answer = writer.call("POST", body=content)
    record = answer.json()
    assert answer.status == 201
    assert has_common_headers(answer)
    assert answer.headers["content-type"] == "application/json"
    assert ETAG.fullmatch(answer.headers["etag"])
    assert "idempotency-replayed" not in answer.headers
    assert list(record) == [
        "recordID", "createdAt", "updatedAt", "submittedBy", "type", "status", "message", "attributes", "version",
    ]  # fmt: skip
    assert {name: record[name] for name in content} == content
    assert record["version"] == 1
    assert record["createdAt"] == record["updatedAt"]
    assert TIMESTAMP.fullmatch(record["createdAt"])
    assert abs(datetime.fromisoformat(record["createdAt"]) - began) < timedelta(seconds=30)
    assert UUID(record["recordID"]).version == 7
    assert record["submittedBy"].endswith(":user/records-local-writer")

    place = urljoin(writer.url, answer.headers["location"])
    read = reader.call("GET", place.removeprefix(writer.url))
    assert (read.status, read.body, read.headers["etag"]) == (
        200,
        answer.body,
        answer.headers["etag"],
    )
    assert has_common_headers(read)


def test_a_record_needs_no_more_than_a_type_and_a_status(writer: Caller) -> None:
    record, _ = created(writer, type="minimal")
    assert "message" not in record
    assert record["attributes"] == {}


def test_numbers_keep_every_digit(writer: Caller, reader: Caller) -> None:
    numbers = "[12345678901234567890123456789012345678,-0.0012345678901234567890123456789012345678,1E+125,1E-130,0.1]"
    body = f'{{"type":"numbers","status":"new","attributes":{{"n":{numbers}}}}}'.encode()
    answer = writer.call("POST", body=body)
    assert answer.status == 201
    assert f'"attributes":{{"n":{numbers}}}'.encode() in answer.body
    assert reader.call("GET", f"/{answer.json()['recordID']}").body == answer.body


def test_a_listing_answers_what_matches_newest_first(writer: Caller, reader: Caller) -> None:
    kind = unique()
    records = [created(writer, type=kind, status=status)[0] for status in ("a", "b", "a")]
    answer = reader.call("GET", query={"type": kind})
    assert answer.status == 200
    assert has_common_headers(answer)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.json() == {"records": records[::-1]}
    assert listed(reader, type=kind, order="asc") == records
    assert listed(reader, type=kind, status="a", order="asc") == [records[0], records[2]]
    assert listed(reader, type=kind, submittedBy=records[0]["submittedBy"], status="b") == [
        records[1]
    ]
    assert listed(reader, type=kind, submittedBy="somebody else") == []
    assert reader.call("GET", query={"type": kind, "limit": "5000"}).json() == {
        "records": records[::-1]
    }
    first = reader.call("GET", query={"type": kind, "limit": "1"}).json()
    assert first["records"] == records[:1:-1]
    assert first["next"]


def test_time_bounds_are_exclusive_on_both_sides(writer: Caller, reader: Caller) -> None:
    kind = unique()
    records = []
    for _ in range(3):
        records.append(created(writer, type=kind)[0])
        time.sleep(0.002)  # no two in one millisecond
    first, middle, last = (record["createdAt"] for record in records)
    assert listed(reader, type=kind, createdAfter=first, createdBefore=last) == [records[1]]
    assert listed(reader, type=kind, createdAfter=middle, order="asc") == [records[2]]
    assert listed(reader, type=kind, createdBefore=middle) == [records[0]]
    local = datetime.fromisoformat(middle).astimezone(tz=None).replace(tzinfo=None) + timedelta(
        hours=5, minutes=30
    )
    assert listed(
        reader, type=kind, createdBefore=f"{local.isoformat(timespec='milliseconds')}+05:30"
    ) == [records[0]]


def test_long_listings_are_compressed_for_those_who_accept_it(
    writer: Caller, reader: Caller
) -> None:
    kind = unique()
    short, _ = created(writer, type=kind)
    accepting = {"accept-encoding": "br;q=0.9, gzip"}
    small = reader.call("GET", query={"type": kind}, headers=accepting)
    assert "content-encoding" not in small.headers
    assert small.json() == {"records": [short]}
    long, _ = created(writer, type=kind, message="wärme " * 500)
    plain = reader.call("GET", query={"type": kind})
    packed = reader.call("GET", query={"type": kind}, headers=accepting)
    assert "content-encoding" not in plain.headers
    assert plain.json() == {"records": [long, short]}
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    refused = reader.call("GET", query={"type": kind}, headers={"accept-encoding": "gzip;q=0, *"})
    assert refused.body == plain.body
    # A single record is never compressed: its strong ETag names one representation.
    single = reader.call("GET", f"/{long['recordID']}", headers=accepting)
    assert "content-encoding" not in single.headers
    assert single.json() == long


def test_a_representation_that_the_caller_has_is_not_sent_again(
    writer: Caller, reader: Caller
) -> None:
    record, tag = created(writer)
    path = f"/{record['recordID']}"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = reader.call("GET", path, headers={"If-None-Match": known})
        assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)
    assert reader.call("GET", path, headers={"If-None-Match": '"other"'}).json() == record
    assert writer.call("PATCH", path, body={"status": "changed"}).status == 200
    assert reader.call("GET", path, headers={"If-None-Match": tag}).json()["status"] == "changed"


@pytest.mark.parametrize(
    "media_type", ["application/merge-patch+json", "application/json; charset=UTF-8"]
)
def test_an_update_merges(writer: Caller, reader: Caller, media_type: str) -> None:
    attributes = {"keep": 1, "drop": 2, "deep": {"keep": [1], "drop": "x"}}
    record, tag = created(writer, message="before", attributes=attributes)
    path = f"/{record['recordID']}"
    time.sleep(0.002)
    patch: Record = {
        "status": "after",
        "message": None,
        "attributes": {"drop": None, "deep": {"drop": None, "new": {}}},
    }
    answer = writer.call("PATCH", path, body=patch, headers={"content-type": media_type})
    changed = answer.json()
    assert answer.status == 200
    assert has_common_headers(answer)
    expected = {name: value for name, value in record.items() if name != "message"}
    expected |= {"status": "after", "version": 2, "updatedAt": changed["updatedAt"]}
    expected |= {"attributes": {"keep": 1, "deep": {"keep": [1], "new": {}}}}
    assert changed == expected
    assert record["updatedAt"] < changed["updatedAt"]
    assert ETAG.fullmatch(answer.headers["etag"])
    assert answer.headers["etag"] != tag
    read = reader.call("GET", path)
    assert (read.body, read.headers["etag"]) == (answer.body, answer.headers["etag"])
    cleared = writer.call("PATCH", path, body={"attributes": None}).json()
    assert cleared["attributes"] == {}


def test_an_update_moves_the_record_between_listings(writer: Caller, reader: Caller) -> None:
    old, new, status = unique("old"), unique("new"), unique("status")
    record, _ = created(writer, type=old)
    changed = writer.call(
        "PATCH", f"/{record['recordID']}", body={"type": new, "status": status}
    ).json()
    assert listed(reader, type=old) == []
    assert listed(reader, type=new) == listed(reader, status=status) == [changed]


def test_a_deleted_record_is_gone_everywhere(writer: Caller, reader: Caller) -> None:
    kind = unique()
    record, _ = created(writer, type=kind)
    path = f"/{record['recordID']}"
    answer = writer.call("DELETE", path)
    assert (answer.status, answer.body) == (204, b"")
    assert has_common_headers(answer)
    assert listed(reader, type=kind) == []
    problem(reader.call("GET", path), 404, "record-not-found")
    problem(writer.call("PATCH", path, body={"status": "x"}), 404, "record-not-found")
    problem(writer.call("DELETE", path), 404, "record-not-found")


@pytest.mark.parametrize("record_id", ABSENT)
def test_an_id_that_nobody_has_is_not_found(open_instance: Instance, record_id: str) -> None:
    path = "".join(f"%{octet:02X}" for octet in record_id.encode())
    problem(send("GET", f"{open_instance.url}/{path}", b"", {}), 404, "record-not-found")


def test_each_write_to_an_absent_record_is_not_found(writer: Caller) -> None:
    for path in (f"/{ABSENT[0]}", "/nothing"):
        problem(writer.call("PATCH", path, body={"status": "x"}), 404, "record-not-found")
        problem(writer.call("DELETE", path), 404, "record-not-found")


UNMATCHED = [
    ("PUT", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/id"), ("PUT", "/id"), ("GET", "/id/more"), ("GET", "x"),
    # Operations of the service that this instance does not have.
    ("PATCH", "/id"), ("DELETE", "/id"),
]  # fmt: skip


def test_what_no_route_matches_reaches_nothing(
    open_instance: Instance, aws: Callable[..., Any]
) -> None:
    def messages() -> list[str]:
        found = aws("logs").filter_log_events(
            logGroupName=open_instance.log_group, startTime=int(began * 1000)
        )
        return [event["message"] for event in found["events"]]

    began = time.time()
    for method, path in UNMATCHED:
        data = b'{"status":"x"}' if method in ("POST", "PUT", "PATCH") else b""
        headers = {"content-type": "application/json"} if data else {}
        answer = send(method, f"{open_instance.url}{path}", data, headers)
        assert (method, path, answer.status, answer.json()) == (
            method,
            path,
            404,
            GATEWAY_NOT_FOUND,
        )
        assert "x-request-id" not in answer.headers
    # The next request that does match is the only one that the function has heard of.
    last = send("GET", f"{open_instance.url}/nothing", b"", {}).headers["x-request-id"]
    assert soon(lambda: [line for line in messages() if line.startswith("REPORT")])
    assert [line.split()[2] for line in messages() if line.startswith("START")] == [last]


def test_every_request_leaves_one_line_that_its_caller_can_name(
    writer: Caller, reader: Caller, aws: Callable[..., Any]
) -> None:
    secret = unique("secret")
    began = time.time()
    first = writer.call(
        "POST",
        body={"type": secret, "status": secret, "message": secret, "attributes": {secret: 1}},
    )
    path = f"/{first.json()['recordID']}"
    made = [
        (first, "create", "writer"),
        (reader.call("GET", query={"type": secret}), "list", "reader"),
        (reader.call("GET", path), "get", "reader"),
        (writer.call("PATCH", path, body={"message": f"{secret}!"}), "update", "writer"),
        (writer.call("PATCH", path, body={secret: 1}), "update", "writer"),
        (writer.call("DELETE", path, headers={"If-Match": '"0-0"'}), "delete", "writer"),
        (writer.call("DELETE", path), "delete", "writer"),
        (reader.call("GET", path), "get", "reader"),
    ]
    assert [answer.status for answer, _, _ in made] == [201, 200, 200, 200, 400, 412, 204, 404]
    ids = [answer.headers["x-request-id"] for answer, _, _ in made]
    assert len(set(ids)) == len(ids)

    def of_mine() -> list[dict[str, Any]]:
        return [line for line in lines(aws("logs"), began) if line.get("requestId") in ids]

    soon(lambda: len(of_mine()) >= len(ids))
    found = of_mine()
    assert [line["requestId"] for line in found] == ids
    for line, (answer, operation, who) in zip(found, made, strict=True):
        expected = {
            "level": "INFO",
            "message": "request",
            "service": "records-local",
            "operation": operation,
        }
        assert line == line | expected | {
            "status": answer.status,
            "coldStart": line["coldStart"] is True,
        }
        assert line["caller"].endswith(f":user/records-local-{who}")
        assert line["apiRequestId"]
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
        assert 0 < line["durationMs"] < 30_000
        reads = operation in ("list", "get", "delete") or answer.status == 200
        assert (line["consumedReadUnits"] > 0) == reads
        if "problem" in answer.headers["content-type"]:
            assert answer.json()["requestId"] == line["requestId"]
    # Neither what was stored nor what was asked for appears anywhere.
    assert secret not in json.dumps(lines(aws("logs"), began))
