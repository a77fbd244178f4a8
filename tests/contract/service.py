"""The handler in this process, as a caller sees it, with fixed clock and random numbers."""

import gzip
import itertools
import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from records_api import config, handler, history, ids, store
from unit.support import Call, Context, event, history_name, wire

REQUEST_ID = "7d0f1c9a-2f5e-4d0b-9a57-1c1f6f0e8b21"
# The caller in the examples of the document: IDs derived from idempotency keys depend on it.
CALLER = {
    "iam": {
        "userArn": "arn:aws:iam::123456789012:user/operator",
        "accountId": "123456789012",
        "userId": "AIDA1",
    }
}
MISCONFIGURED = config.ConfigError(["TABLE_NAME is not set"])
_FIRST_REQUEST = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
# What has passed since the first request, while time is `fixed`.
_clock = {"minutes": 0}


class Request(NamedTuple):
    """A request, and the authorizer's context for it."""

    route_key: str
    record_id: str | None = None
    query: str = ""
    headers: Mapping[str, str] = {}
    body: str | None = None
    authorizer: Mapping[str, Any] | None = CALLER


class Response(NamedTuple):
    """A response; `content` is the parsed and uncompressed body, or None without a body."""

    status: int
    headers: dict[str, str]
    content: Any


def app(call: Call, table_name: str = "records", auth_mode: str = "IAM") -> handler.App:
    """Return an app that uses `call` in place of the wire client."""
    settings = config.Settings(
        table_name=table_name,
        history_table_name=history_name(table_name),
        operations=config.OPERATIONS,
        filter_indexes=config.FILTERS,
        auth_modes=frozenset({auth_mode}),
        service="records-test",
        log_level="INFO",
        retention_days=0,
        region="eu-west-1",
        endpoint_url=None,
    )
    return handler.App(settings, wire(call))


def faulty(call: Call, faults: Mapping[str, Exception]) -> Call:
    """Return `call`, except that the operations in `faults` raise."""

    def failing(operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        if operation in faults:
            raise faults[operation]
        return call(operation, payload, deadline)

    return failing


def agreeable(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
    """Respond with a record or entry to every get, none to every query; accept every write."""
    record = {
        "recordID": "any",
        "createdAt": "2026-01-31T09:30:00.000Z",
        "type": "note",
        "status": "new",
    }
    if operation == "GetItem" and payload["TableName"] == history_name("records"):
        earlier = record | {"status": "old"}
        entry = history.entry(
            history.CREATE,
            "any",
            earlier,
            history.Author("anybody", REQUEST_ID),
            None,
            version=1,
            changed_at=record["createdAt"],
            expires_at=None,
        )
        return {"Item": store.encode(entry)}
    responses: dict[str, dict[str, Any]] = {
        "GetItem": {"Item": store.encode(record)},
        "Query": {"Items": []},
    }
    return responses.get(operation, {})


@contextmanager
def fixed() -> Iterator[None]:
    """Make responses reproducible: a request per minute, and numbers as tokens."""
    tokens = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_clock, "minutes", -1)
        patch.setattr(handler, "_now", lambda: _FIRST_REQUEST + timedelta(**_clock))
        patch.setattr(ids, "token", lambda: f"{next(tokens):032x}")
        patch.setattr(ids, "urandom", bytes)
        yield


def send(app: handler.App | config.ConfigError, request: Request) -> Response:
    """Send a request to the handler as API Gateway does, and parse the response."""
    _clock["minutes"] += 1
    headers = {name.lower(): value for name, value in request.headers.items()}
    gateway_event = event(
        request.route_key,
        record_id=request.record_id,
        query=request.query,
        body=request.body,
        authorizer=request.authorizer,
        **headers,
    )
    response = handler.serve(app, gateway_event, Context(REQUEST_ID))
    octets = (
        b64decode(response["body"]) if response["isBase64Encoded"] else response["body"].encode()
    )
    if response["headers"].get("content-encoding") == "gzip":
        octets = gzip.decompress(octets)
    return Response(
        response["statusCode"], response["headers"], json.loads(octets) if octets else None
    )
