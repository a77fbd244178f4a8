"""Who is let in under IAM: signatures are checked, policies decide, and who is refused has changed nothing."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from e2e.talk import GATEWAY_NOT_FOUND, created, lines, problem, stored, unique
from lib.client import Answer, Caller, send

Aws = Callable[..., Any]
JSON = {"content-type": "application/json"}


@contextmanager
def clock(shift: timedelta) -> Iterator[None]:
    """Sign as a machine whose clock is off by `shift`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) + shift)
        yield


def signed(writer: Caller, data: bytes) -> dict[str, str]:
    return writer.sign("POST", writer.url, data, JSON)


def unsigned(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, JSON)


def untouched(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, signed(writer, data))


def wrongly_signed(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, signed(replace(writer, secret_access_key="x" * 40), data))


def unknown_key(writer: Caller, data: bytes) -> Answer:
    return send(
        "POST",
        writer.url,
        data,
        signed(replace(writer, access_key_id="AKIA0000000000000000"), data),
    )


def invented_session(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, signed(replace(writer, session_token="x" * 40), data))


def another_region(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, signed(replace(writer, region="eu-west-1"), data))


def expired(writer: Caller, data: bytes) -> Answer:
    with clock(timedelta(minutes=-20)):
        return send("POST", writer.url, data, signed(writer, data))


def from_the_future(writer: Caller, data: bytes) -> Answer:
    with clock(timedelta(minutes=20)):
        return send("POST", writer.url, data, signed(writer, data))


def tampered_body(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, signed(writer, data.replace(b"new", b"old")))


def tampered_header(writer: Caller, data: bytes) -> Answer:
    headers = writer.sign("POST", writer.url, data, JSON | {"idempotency-key": "mine"})
    return send("POST", writer.url, data, headers | {"idempotency-key": "thine"})


def tampered_query(writer: Caller, data: bytes) -> Answer:
    return send("POST", f"{writer.url}?x=1", data, signed(writer, data))


def tampered_method(writer: Caller, data: bytes) -> Answer:
    return send("POST", writer.url, data, writer.sign("GET", writer.url, data, JSON))


@pytest.mark.parametrize(
    "how",
    [
        unsigned, wrongly_signed, unknown_key, invented_session, another_region, expired, from_the_future,
        tampered_body, tampered_header, tampered_query, tampered_method,
    ],
)  # fmt: skip
def test_a_request_that_is_not_signed_right_is_refused(
    writer: Caller, aws: Aws, how: Callable[[Caller, bytes], Answer]
) -> None:
    kind = unique()
    data = json.dumps({"type": kind, "status": "new"}).encode()
    answer = how(writer, data)
    assert answer.status == 403
    assert "x-request-id" not in answer.headers  # not the function's word
    assert stored(aws("dynamodb"), kind) == []
    # The same request, signed right, is not refused.
    assert untouched(writer, data).status == 201
    assert len(stored(aws("dynamodb"), kind)) == 1


def test_a_slightly_wrong_clock_is_forgiven(writer: Caller) -> None:
    with clock(timedelta(minutes=-4)):
        assert writer.call("GET", query={"limit": "1"}).status == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_signature_is_for_one_record_only(writer: Caller, method: str) -> None:
    (mine, _), (other, _) = created(writer), created(writer)
    data = b'{"status":"changed"}' if method == "PATCH" else b""
    paths = [f"{writer.url}/{record['recordID']}" for record in (mine, other)]
    headers = writer.sign(method, paths[0], data, JSON if data else {})
    assert send(method, paths[1], data, headers).status == 403
    assert writer.call("GET", f"/{other['recordID']}").json() == other
    assert send(method, paths[0], data, headers).status in (200, 204)


def test_a_reader_reads_and_a_writer_reads_and_writes(
    reader: Caller, writer: Caller, aws: Aws
) -> None:
    kind = unique()
    body = {"type": kind, "status": "new"}
    assert reader.call("POST", body=body).status == 403
    assert stored(aws("dynamodb"), kind) == []

    record, _ = created(writer, **body)
    path = f"/{record['recordID']}"
    for caller in (reader, writer):
        assert caller.call("GET", path).json() == record
        assert caller.call("GET", query={"type": kind}).json() == {"records": [record]}
    assert reader.call("PATCH", path, body={"status": "changed"}).status == 403
    assert reader.call("DELETE", path).status == 403
    assert reader.call("GET", path).json() == record

    assert writer.call("PATCH", path, body={"status": "changed"}).status == 200
    assert writer.call("DELETE", path).status == 204


def test_who_holds_no_policy_may_nothing(
    writer: Caller, new_user: Callable[..., Caller], aws: Aws
) -> None:
    nobody, kind = new_user(), unique()
    path = f"/{created(writer)[0]['recordID']}"
    calls = [
        partial(nobody.call, "POST", body={"type": kind, "status": "new"}),
        partial(nobody.call, "GET"),
        partial(nobody.call, "GET", path),
        partial(nobody.call, "PATCH", path, body={"status": "changed"}),
        partial(nobody.call, "DELETE", path),
    ]
    assert [call().status for call in calls] == [403] * 5
    assert stored(aws("dynamodb"), kind) == []


def test_what_has_no_route_reaches_nothing_whatever_a_policy_grants(
    new_user: Callable[..., Caller], aws: Aws
) -> None:
    began = time.time()
    grant = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    caller = new_user(policy={"Version": "2012-10-17", "Statement": [grant]})
    for method, path in (
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/id"),
        ("GET", "/id/more"),
        ("GET", "s"),
    ):
        answer = caller.call(method, path)
        assert (answer.status, answer.json()) == (404, GATEWAY_NOT_FOUND)
    known = caller.call("GET", "/nothing").headers["x-request-id"]
    arn = aws("iam").get_access_key_last_used(AccessKeyId=caller.access_key_id)["UserName"]
    mine = [line for line in lines(aws("logs"), began) if str(line.get("caller", "")).endswith(arn)]
    assert [line["requestId"] for line in mine] == [known]
    problem(caller.call("GET", "/nothing"), 404, "record-not-found")


def test_a_caller_is_recorded_as_who_it_is(writer: Caller, reader: Caller) -> None:
    record, _ = created(writer)
    assert record["submittedBy"] == "arn:aws:iam::000000000000:user/records-local-writer"
    found = reader.call(
        "GET", query={"submittedBy": record["submittedBy"], "createdAfter": "2020-01-01T00:00:00Z"}
    )
    assert record in found.json()["records"]
