"""What the unit tests share: requests as API Gateway sends them, and stand-ins for what the function talks to."""

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
    """Return a request in payload format 2.0; header names are given with `_` for `-`, a body of bytes is encoded."""
    method, _, path = route.partition(" ")
    path = path.replace("{recordID}", record_id or "")
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "domainPrefix": "a1b2c3d4e5",
        "http": {
            "method": method,
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
        # As API Gateway folds it: repeated parameters become one. Nothing may read this.
        sent["queryStringParameters"] = {"limit": "1,000"}
    if record_id is not None:
        sent["pathParameters"] = {"recordID": record_id}
    if body is not None:
        sent["body"] = b64encode(body).decode() if isinstance(body, bytes) else body
    return sent


@dataclass
class Context:
    """What the function reads of the Lambda context object."""

    aws_request_id: str = "request-1"
    function_name: str = "records-test"
    function_version: str = "7"
    seconds: float = 29.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def errors(call: Callable[..., object], *arguments: object) -> list[dict[str, str]]:
    """Return the problems for which `call` refuses its arguments."""
    with pytest.raises(fields.Invalid) as caught:
        call(*arguments)
    return caught.value.errors


def wire(call: Call) -> dynamodb.Client:
    """Return what the store takes for the wire client, and which answers with `call`."""
    return cast("dynamodb.Client", SimpleNamespace(call=call))


def through_boto3(client: "DynamoDBClient") -> Call:
    """Return a wire client's `call` that boto3 makes: DynamoDB's own rules, and errors as the wire types them."""

    def call(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", client._make_api_call(operation, payload))  # type: ignore[attr-defined]
        except ClientError as error:
            answer = cast("dict[str, Any]", error.response)
            content = {"__type": answer["Error"]["Code"], "message": answer["Error"]["Message"]}
            content["CancellationReasons"] = answer.get("CancellationReasons")
            return dynamodb._outcome(answer["ResponseMetadata"]["HTTPStatusCode"], content)

    return call


def before_each(call: Call, operation: str, act: Callable[[], object], *, times: int = 1) -> Call:
    """Return `call` with another hand that acts before the first `times` calls of `operation` arrive."""
    left = itertools.count(times, -1)

    def interrupted(name: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        if name == operation and next(left) > 0:
            act()
        return call(name, payload, deadline)

    return interrupted


def unanswered(
    call: Call,
    operation: str,
    *,
    arrives: bool,
    meanwhile: Callable[[], object] = lambda: None,
    again: bool = True,
) -> Call:
    """Return `call` as the wire client is when the first attempt at `operation` gets no answer.

    The attempt `arrives` or not, others act `meanwhile`, and it is sent `again`, or there is no time left for that.
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
        if not again:
            raise dynamodb.Unavailable(
                "TimeoutError", "the server did not respond in time", ambiguous=True
            )
        try:
            return call(name, payload, deadline)
        except dynamodb.DynamoDBError as error:
            error.ambiguous = True
            raise

    return lossy


def scripted(*answers: dict[str, Any] | Exception) -> tuple[Call, list[tuple[str, dict[str, Any]]]]:
    """Return a `call` that gives copies of these answers in turn, then the last one, and the list of its requests."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def call(operation: str, payload: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        asked.append((operation, dict(payload)))
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    return call, asked


def table_of(
    call: Call, name: str = "records", filter_indexes: frozenset[str] = FILTERS
) -> store.Table:
    """Return both tables as one request sees them, with all the time in the world."""
    return store.Table(wire(call), name, history_name(name), filter_indexes, math.inf)


def history_name(name: str) -> str:
    """Return the name of the history table beside the table `name`."""
    return f"{name}-history"


def new_table(client: "DynamoDBClient") -> store.Table:
    """Create empty tables as modules/records-api does, under names of their own."""
    name = f"records-{next(_numbers)}"
    tables.create(client, name, history_name(name))
    return table_of(through_boto3(client), name)


def put(table: store.Table, *records: store.Record) -> None:
    """Write items into the records table, as a program other than the service does."""
    for record in records:
        request = {"TableName": table.name, "Item": store.encode(record)}
        table.client.call("PutItem", request, table.deadline)


def take_out(table: store.Table, record: store.Record) -> None:
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
    """Allow every change, as a request without preconditions does."""
    return True


def items(table: store.Table) -> list[store.Record]:
    """Return every item that the records table holds, tombstones too."""
    return _scanned(table, table.name)


def chain(table: store.Table, record_id: str | None = None) -> list[store.Record]:
    """Return the entries of a record, or of all records, in order of their versions."""
    entries = _scanned(table, table.history_name)
    chosen = [entry for entry in entries if record_id in (None, entry["recordID"])]
    return sorted(chosen, key=lambda entry: (entry["recordID"], entry["version"]))


def _scanned(table: store.Table, name: str) -> list[store.Record]:
    answer = table.client.call("Scan", {"TableName": name, "ConsistentRead": True}, table.deadline)
    return [store.decode(item) for item in answer["Items"]]


def page(
    table: store.Table,
    query: listing.Query,
    limit: int = 9,
    after: ItemKey | None = None,
    now: int = 0,
) -> tuple[list[store.Record], ItemKey | None]:
    """Return the records of a page that has room for all of them, and the place to go on after."""
    found: list[store.Record] = []

    def add(record: store.Record) -> bool:
        found.append(record)
        return True

    return found, listing.read_page(table, query, limit, after, now, add)


def walk(
    table: store.Table, query: listing.Query, limit: int, now: int = 0, most_pages: int = 10_000
) -> Iterator[list[store.Record]]:
    """Yield the pages of a listing until one has nothing to go on after."""
    after = None
    for _ in range(most_pages):
        found, after = page(table, query, limit, after, now)
        yield found
        if after is None:
            return
    raise AssertionError(f"a listing did not end within {most_pages} pages")


def record(number: int = 1, **more: Any) -> store.Record:
    made = {
        "recordID": f"record-{number}",
        "createdAt": f"2026-01-31T09:30:{number // 1000:02d}.{number % 1000:03d}Z",
    }
    return {**made, "position": store.position(made), "type": "t", "status": "s", **more}


def content(response: Mapping[str, Any]) -> Any:
    octets = (
        b64decode(response["body"]) if response["isBase64Encoded"] else response["body"].encode()
    )
    return json.loads(
        gzip.decompress(octets) if response["headers"].get("content-encoding") == "gzip" else octets
    )


def metric_values(printed: str) -> dict[tuple[str, ...], dict[str, float]]:
    """Return the metrics of one embedded-metric line by their dimensions' values, having checked its format.

    The rules are those of the Amazon CloudWatch User Guide, "Specification: Embedded metric format".
    """
    (line,) = printed.splitlines()
    document = json.loads(line)
    assert set(document["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(document["_aws"]["Timestamp"], int)
    found = {}
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
            found[values] = {
                metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]
            }
    return found
