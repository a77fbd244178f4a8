"""IAM authentication: signatures and policies, and that a denied request changes nothing."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from e2e.support import created, stored_items, unique
from lib.client import Caller, Response, send

Aws = Callable[..., Any]
JSON = {"content-type": "application/json"}


@contextmanager
def clock(shift: timedelta) -> Iterator[None]:
    """Sign with a clock that is off by `shift`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: datetime.now(UTC) + shift)
        yield


def signed(writer: Caller, data: bytes) -> dict[str, str]:
    return writer.sign("POST", writer.url, data, JSON)


def unsigned(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, JSON)


def correct(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, signed(writer, data))


def wrong_secret(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, signed(replace(writer, secret_access_key="x" * 40), data))


def unknown_key(writer: Caller, data: bytes) -> Response:
    return send(
        "POST",
        writer.url,
        data,
        signed(replace(writer, access_key_id="AKIA0000000000000000"), data),
    )


def invalid_session(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, signed(replace(writer, session_token="x" * 40), data))


def other_region(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, signed(replace(writer, region="eu-west-1"), data))


def expired(writer: Caller, data: bytes) -> Response:
    with clock(timedelta(minutes=-20)):
        return send("POST", writer.url, data, signed(writer, data))


def in_the_future(writer: Caller, data: bytes) -> Response:
    with clock(timedelta(minutes=20)):
        return send("POST", writer.url, data, signed(writer, data))


def tampered_body(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, signed(writer, data.replace(b"new", b"old")))


def tampered_header(writer: Caller, data: bytes) -> Response:
    headers = writer.sign("POST", writer.url, data, JSON | {"idempotency-key": "original"})
    return send("POST", writer.url, data, headers | {"idempotency-key": "changed"})


def tampered_query(writer: Caller, data: bytes) -> Response:
    return send("POST", f"{writer.url}?x=1", data, signed(writer, data))


def tampered_method(writer: Caller, data: bytes) -> Response:
    return send("POST", writer.url, data, writer.sign("GET", writer.url, data, JSON))


@pytest.mark.parametrize(
    "request_with_fault",
    [
        unsigned, wrong_secret, unknown_key, invalid_session, other_region, expired, in_the_future,
        tampered_body, tampered_header, tampered_query, tampered_method,
    ],
)  # fmt: skip
def test_invalid_signature_is_rejected(
    writer: Caller, aws: Aws, request_with_fault: Callable[[Caller, bytes], Response]
) -> None:
    kind = unique()
    data = json.dumps({"type": kind, "status": "new"}).encode()
    response = request_with_fault(writer, data)
    assert response.status == 403
    assert "x-request-id" not in response.headers  # from API Gateway, not from the function
    assert stored_items(aws("dynamodb"), kind) == []
    # The same request with a correct signature is accepted.
    assert correct(writer, data).status == 201
    assert len(stored_items(aws("dynamodb"), kind)) == 1


def test_clock_may_be_off_by_four_minutes(writer: Caller) -> None:
    with clock(timedelta(minutes=-4)):
        assert writer.call("GET", query={"limit": "1"}).status == 200


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_signature_is_valid_for_one_record_only(writer: Caller, method: str) -> None:
    (signed_for, _), (other, _) = created(writer), created(writer)
    data = b'{"status":"changed"}' if method == "PATCH" else b""
    paths = [f"{writer.url}/{record['recordID']}" for record in (signed_for, other)]
    headers = writer.sign(method, paths[0], data, JSON if data else {})
    assert send(method, paths[1], data, headers).status == 403
    assert writer.call("GET", f"/{other['recordID']}").json() == other
    assert send(method, paths[0], data, headers).status in (200, 204)


def test_reader_reads_and_writer_reads_and_writes(reader: Caller, writer: Caller, aws: Aws) -> None:
    kind = unique()
    body = {"type": kind, "status": "new"}
    assert reader.call("POST", body=body).status == 403
    assert stored_items(aws("dynamodb"), kind) == []

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


def test_user_without_a_policy_is_denied(
    writer: Caller, new_user: Callable[..., Caller], aws: Aws
) -> None:
    user, kind = new_user(), unique()
    path = f"/{created(writer)[0]['recordID']}"
    calls = [
        partial(user.call, "POST", body={"type": kind, "status": "new"}),
        partial(user.call, "GET"),
        partial(user.call, "GET", path),
        partial(user.call, "PATCH", path, body={"status": "changed"}),
        partial(user.call, "DELETE", path),
    ]
    assert [call().status for call in calls] == [403] * 5
    assert stored_items(aws("dynamodb"), kind) == []


def test_submitter_is_the_callers_arn(writer: Caller, reader: Caller) -> None:
    record, _ = created(writer)
    assert record["submittedBy"] == "arn:aws:iam::000000000000:user/records-local-writer"
    response = reader.call(
        "GET", query={"submittedBy": record["submittedBy"], "createdAfter": "2020-01-01T00:00:00Z"}
    )
    assert record in response.json()["records"]
