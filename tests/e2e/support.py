"""Helpers of the end-to-end tests: requests to the API, and what they left in table and logs."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urljoin
from uuid import uuid4

import jmespath

from contract import aws_cli
from lib.client import Caller, Response, send

T = TypeVar("T")
Record = dict[str, Any]

TABLE, LOG_GROUP = "records-local", "/aws/lambda/records-local"  # of environments/local
GATEWAY_NOT_FOUND = {"message": "Not Found"}


def unique(prefix: str = "t") -> str:
    """Return a name that no other test uses: tests share the stack and search for their records."""
    return f"{prefix}-{uuid4().hex[:12]}"


def created(writer: Caller, **fields: object) -> tuple[Record, str]:
    """Create a record and return it and its ETag."""
    response = writer.call("POST", body={"type": "test", "status": "new", **fields})
    assert response.status == 201, response
    return response.json(), response.headers["etag"]


def assert_problem(response: Response, status: int, kind: str) -> Any:
    """Check that the response is a problem of the service with this status; return its body."""
    content = response.json()
    assert (response.status, content.get("type")) == (status, f"urn:records-api:{kind}"), response
    assert content["status"] == status
    assert content["title"]
    assert content["detail"]
    assert response.headers["content-type"] == "application/problem+json"
    assert content["requestId"] == response.headers["x-request-id"]
    return content


def error_locations(response: Response) -> list[str]:
    """Return where the errors of a 400 are: JSON pointers, or names of parameters or headers."""
    errors = assert_problem(response, 400, "invalid-request")["errors"]
    assert all(error["detail"] for error in errors)
    return [
        next(error[kind] for kind in ("pointer", "parameter", "header") if kind in error)
        for error in errors
    ]


def pages(caller: Caller, query: dict[str, str]) -> Iterator[list[Record]]:
    """Yield the pages of a listing by following the `Link` headers, which must match `next`."""
    response = caller.call("GET", query=query)
    while True:
        assert response.status == 200, response
        content = response.json()
        yield content["records"]
        if "next" not in content:
            assert "link" not in response.headers
            return
        target, _, relation = response.headers["link"].partition(">")
        assert relation == '; rel="next"'
        path, _, text = (
            urljoin(caller.url, target.removeprefix("<")).removeprefix(caller.url).partition("?")
        )
        assert content["next"] in text
        response = caller.call("GET", path, query=text)


def listed(caller: Caller, **query: str) -> list[Record]:
    """Return all records of a listing."""
    return [record for page in pages(caller, query) for record in page]


def stored_items(dynamodb: Any, kind: str, table: str = TABLE) -> list[Any]:
    """Return the items of a type from the table itself."""
    response = dynamodb.query(
        TableName=table,
        IndexName="byType",
        KeyConditionExpression="#type = :type",
        ExpressionAttributeNames={"#type": "type"},
        ExpressionAttributeValues={":type": {"S": kind}},
    )
    return list(response["Items"])


def log_lines(logs: Any, since: float, group: str = LOG_GROUP) -> list[dict[str, Any]]:
    """Return the JSON lines of a log group since `since` (time.time() seconds), in order."""
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(since * 1000)
    )
    messages = [event["message"] for page in pages for event in page["events"]]
    return [json.loads(message) for message in messages if message.startswith("{")]


def run_aws(words: list[str], aws: Callable[[str], Any]) -> Any:
    """Return what `aws <words>` prints: the CLI reads all pages, then applies the query."""
    call = aws_cli.parsed(words)
    assert call
    client = aws(call.service)
    if client.can_paginate(call.method):
        response = client.get_paginator(call.method).paginate(**call.parameters).build_full_result()
    else:
        response = getattr(client, call.method)(**call.parameters)
    return jmespath.search(call.query, response)


def wait_for(look: Callable[[], T], seconds: float = 5.0) -> T:
    """Call `look` until its result is true or the time is up; return the last result."""
    deadline = time.monotonic() + seconds
    while not (result := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


def run_concurrently(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Make all calls at the same time and return their results in order."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def send_with_token(
    url: str,
    token: str,
    method: str = "GET",
    path: str = "",
    body: object = None,
    **headers: str,
) -> Response:
    """Send a request with a bearer token, as JSON, and with more headers (`if_match="x"`)."""
    data = b"" if body is None else json.dumps(body).encode()
    content_type = {"content-type": "application/json"} if data else {}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    authorization = {"authorization": f"Bearer {token}"}
    return send(method, f"{url}{path}", data, authorization | content_type | more)
