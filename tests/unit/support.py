"""Shared by the unit tests: requests as API Gateway sends them, and fakes of the wire client."""

import gzip
import itertools
import json
import math
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from campaign import tables
from records_api import dynamodb, fields, history, listing, records, store, writes
from records_api.cursor import ItemKey

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Call = Callable[[str, Mapping[str, Any], float], dict[str, Any]]

NOW = datetime(2026, 1, 31, 9, 30, 0, 123000, tzinfo=UTC)
FILTERS = frozenset({"status", "submittedBy", "type"})
ALICE = records.Caller("arn:aws:iam::123456789012:user/alice", "123456789012/AIDAALICE")
IAM_USER = {
    "iam": {
        "accessKey": "AKIAIOSFODNN7EXAMPLE",
        "accountId": "123456789012",
        "callerId": "AIDAALICE",
        "cognitoIdentity": None,
        "principalOrgId": "aws:PrincipalOrgID",
        "userArn": ALICE.identity,
        "userId": "AIDAALICE",
    }
}
_numbers = itertools.count()


def event(
    route: str = "GET /records",
    *,
    record_id: str | None = None,
    query: str = "",
    body: str | bytes | None = None,
    authorizer: Mapping[str, Any] | None = IAM_USER,
    **headers: str,
) -> dict[str, Any]:
    """Return a request in payload format 2.0.

    Names of headers have `_` for `-`. A body of bytes is sent in Base64.
    """
    path = route.partition(" ")[2].replace("{recordID}", record_id or "")
    context = _request_context(route, path)
    if authorizer is not None:
        context["authorizer"] = dict(authorizer)
    sent: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "host": context["domainName"],
            "x-forwarded-for": "192.0.2.7",
            **({} if body is None else {"content-type": "application/json"}),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
        "requestContext": context,
        "isBase64Encoded": isinstance(body, bytes),
    }
    if query:
        # API Gateway joins repeated parameters here. The handler must not read it.
        sent["queryStringParameters"] = {"limit": "1,000"}
    if record_id is not None:
        sent["pathParameters"] = {"recordID": record_id}
    if body is not None:
        sent["body"] = b64encode(body).decode() if isinstance(body, bytes) else body
    return sent


def _request_context(route: str, path: str) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "domainPrefix": "a1b2c3d4e5",
        "http": {
            "method": route.partition(" ")[0],
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.7",
            "userAgent": "check/1.0",
        },
        "requestId": "api-request-1",
        "routeKey": route,
        "stage": "$default",
        "time": "31/Jan/2026:09:30:00 +0000",
        "timeEpoch": 1769851800123,
    }


@dataclass
class Context:
    """The part of the Lambda context object that the function reads."""

    aws_request_id: str = "request-1"
    function_name: str = "records-test"
    function_version: str = "7"
    seconds: float = 29.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def errors(call: Callable[..., object], *arguments: object) -> list[dict[str, str]]:
    """Return the `errors` of the Invalid that `call` raises for its arguments."""
    with pytest.raises(fields.Invalid) as caught:
        call(*arguments)
    return caught.value.errors


def wire(call: Call) -> dynamodb.Client:
    """Return a wire client whose calls are made by `call`."""
    return cast("dynamodb.Client", SimpleNamespace(call=call))


def with_client(table: store.Table, client: dynamodb.Client) -> store.Table:
    """Return the same tables, through another client."""
    return store.Table(client, table.name, table.history_name, table.filter_indexes, table.deadline)


def through_boto3(client: "DynamoDBClient") -> Call:
    """Return a `call` that uses boto3, and raises its errors as the wire client does."""
    untyped: Any = client  # its stub lacks _make_api_call

    def call(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", untyped._make_api_call(operation, payload))
        except ClientError as error:
            response = cast("dict[str, Any]", error.response)
            content = {
                "__type": response["Error"]["Code"],
                "message": response["Error"]["Message"],
                "CancellationReasons": response.get("CancellationReasons"),
            }
            return dynamodb._outcome(response["ResponseMetadata"]["HTTPStatusCode"], content)

    return call


def before_each(call: Call, operation: str, act: Callable[[], object], *, times: int = 1) -> Call:
    """Return `call` that runs `act` before each of the first `times` calls of `operation`."""
    left = itertools.count(times, -1)

    def interrupted(name: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        if name == operation and next(left) > 0:
            act()
        return call(name, payload, deadline)

    return interrupted


def with_lost_response(
    call: Call,
    operation: str,
    *,
    arrives: bool,
    meanwhile: Callable[[], object] = lambda: None,
    retry: bool = True,
) -> Call:
    """Return `call` that loses the response to the first attempt at `operation`.

    `arrives`: whether DynamoDB receives that attempt. `meanwhile` runs after it. `retry`: whether
    there is time for a second attempt.
    """
    is_lost = False

    def lossy(name: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        nonlocal is_lost
        if name != operation or is_lost:
            return call(name, payload, deadline)
        is_lost = True
        if arrives:
            call(name, payload, deadline)
        meanwhile()
        if not retry:
            raise dynamodb.Unavailable(
                "TimeoutError", "the server did not respond in time", ambiguous=True
            )
        try:
            return call(name, payload, deadline)
        except dynamodb.DynamoDBError as error:
            error.ambiguous = True
            raise

    return lossy


def scripted(
    *responses: dict[str, Any] | Exception,
) -> tuple[Call, list[tuple[str, dict[str, Any]]]]:
    """Return a `call` and the list of its requests.

    It returns copies of `responses` in order and repeats the last one; exceptions are raised.
    """
    requests: list[tuple[str, dict[str, Any]]] = []

    def call(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        requests.append((operation, dict(payload)))
        response = responses[min(len(requests), len(responses)) - 1]
        if isinstance(response, Exception):
            raise response
        return dict(response)

    return call, requests


def table_of(
    call: Call, name: str = "records", filter_indexes: frozenset[str] = FILTERS
) -> store.Table:
    """Return both tables for one request without a deadline."""
    return store.Table(wire(call), name, history_name(name), filter_indexes, math.inf)


def history_name(name: str) -> str:
    """Return the name of the history table that belongs to the table `name`."""
    return f"{name}-history"


def new_table(client: "DynamoDBClient") -> store.Table:
    """Create empty tables with new names, as modules/records-api does."""
    name = f"records-{next(_numbers)}"
    tables.create(client, name, history_name(name))
    return table_of(through_boto3(client), name)


def put(table: store.Table, *records: store.Record) -> None:
    """Write items into the records table, as a program other than the service does."""
    for record in records:
        request = {"TableName": table.name, "Item": store.encode(record)}
        table.client.call("PutItem", request, table.deadline)


def delete_item(table: store.Table, record: store.Record) -> None:
    """Delete an item from the records table, as a program other than the service does."""
    key = store.encode({"recordID": record["recordID"]})
    table.client.call("DeleteItem", {"TableName": table.name, "Key": key}, table.deadline)


def origin(
    identity: str = ALICE.identity, now: datetime = NOW, request_id: str = "request-1"
) -> writes.Origin:
    """Return the origin of the changes of one request."""
    author = history.Author(identity, request_id)
    return writes.Origin(author, f"token-{next(_numbers)}", lambda: now)


def allow(_tag: str | None) -> bool:
    """Allow every change, like a request without preconditions."""
    return True


def items(table: store.Table) -> list[store.Record]:
    """Return all items of the records table, including tombstones."""
    return _scanned(table, table.name)


def chain(table: store.Table, record_id: str | None = None) -> list[store.Record]:
    """Return the entries of a record, or of all records, in order of their versions."""
    entries = _scanned(table, table.history_name)
    chosen = [entry for entry in entries if record_id in (None, entry["recordID"])]
    return sorted(chosen, key=lambda entry: (entry["recordID"], entry["version"]))


def _scanned(table: store.Table, name: str) -> list[store.Record]:
    response = table.client.call(
        "Scan", {"TableName": name, "ConsistentRead": True}, table.deadline
    )
    return [store.decode(item) for item in response["Items"]]


def page(
    table: store.Table,
    query: listing.Query,
    limit: int = 9,
    after: ItemKey | None = None,
    now: int = 0,
) -> tuple[list[store.Record], ItemKey | None]:
    """Return the records of a page of unlimited size, and the key after which the next begins."""
    added: list[store.Record] = []

    def add(item: store.Item) -> bool:
        added.append(store.decode(item))
        return True

    return added, listing.read_page(table, query, limit, after, now, add)


def walk(
    table: store.Table, query: listing.Query, limit: int, now: int = 0, most_pages: int = 10_000
) -> Iterator[list[store.Record]]:
    """Yield the pages of a list. Raises AssertionError if it has more than `most_pages`."""
    after = None
    for _ in range(most_pages):
        records, after = page(table, query, limit, after, now)
        yield records
        if after is None:
            return
    raise AssertionError(f"a list did not end within {most_pages} pages")


def record(number: int = 1, **more: Any) -> store.Record:
    made = {
        "recordID": f"record-{number}",
        "createdAt": f"2026-01-31T09:30:{number // 1000:02d}.{number % 1000:03d}Z",
    }
    return {**made, "position": store.position(made), "type": "t", "status": "s", **more}


def content(response: Mapping[str, Any]) -> Any:
    octets = response["body"].encode()
    if response["isBase64Encoded"]:
        octets = b64decode(response["body"])
    if response["headers"].get("content-encoding") == "gzip":
        octets = gzip.decompress(octets)
    return json.loads(octets)


def metric_values(printed: str) -> dict[tuple[str, ...], dict[str, float]]:
    """Return the metrics of one line in embedded metric format, by the values of their dimensions.

    It checks the rules of the Amazon CloudWatch User Guide, "Specification: Embedded metric
    format".
    """
    (line,) = printed.splitlines()
    document = json.loads(line)
    assert set(document["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(document["_aws"]["Timestamp"], int)
    metrics = {}
    for directive in document["_aws"]["CloudWatchMetrics"]:
        assert set(directive) == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 255
        assert 1 <= len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert set(metric) == {"Name", "Unit"}
            assert metric["Unit"] in {"Count", "Milliseconds", "Seconds", "Bytes", "None"}
            assert type(document[metric["Name"]]) in (int, float)
        for dimensions in directive["Dimensions"]:
            assert 1 <= len(dimensions) <= 30
            values = tuple(document[name] for name in dimensions)
            assert all(isinstance(value, str) and 1 <= len(value) <= 1024 for value in values)
            metrics[values] = {
                metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]
            }
    return metrics
