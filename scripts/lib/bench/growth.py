"""Counts what requests read as the table grows, by what a recording proxy sees.

The emulator holds the records and runs the queries. Its own read units and times do not change with
the size of a table as those of AWS do, so units are computed from the number of items that each
call read (ScannedCount) and from their size.
"""

import http.client
import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from lib.bench import workload
from lib.bench.endpoint import Item, similar
from lib.bench.measure import Report
from lib.bench.runtime import Runtime, Subject
from lib.emulator import REGION, Emulator
from records_api.store import INDEXES

# A read unit is one consistent read of up to 4 KB; an eventually consistent one takes half of it.
# Source: Amazon DynamoDB Developer Guide, "DynamoDB read and write operations".
UNIT_BYTES = 4096
_EVENTUAL = 0.5
_OF_TYPE = 500  # records of the type that is asked for, the newest ones, in a table of any size
_BATCH = 25  # Amazon DynamoDB API Reference, BatchWriteItem


class Proxy(NamedTuple):
    """A running proxy. Each Query and Scan appends the number of items that it read."""

    url: str
    scanned: list[int]


def measure(
    python: Path, ours: Subject, folder: Path, sizes: Sequence[int], report: Report
) -> dict[str, dict[str, dict[str, float]]]:
    """Return size of the table -> request -> `calls` and `units`.

    `scan_for_a_type` is what a list of one type costs without an index: it reads the whole table.
    """
    emulator = Emulator(folder / "emulator", folder / "emulator.log")
    emulator.start(persist=False)
    try:
        return _measure(python, ours, emulator.url, sizes, report)
    finally:
        emulator.stop()


def ratio(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> float:
    """Return the largest ratio of the units of a page in the largest and the smallest table."""
    sizes = sorted(results, key=int)
    small, large = results[sizes[0]], results[sizes[-1]]
    pages = [name for name in small if name.startswith("page_")]
    return max(large[name]["units"] / small[name]["units"] for name in pages)


def item_bytes(item: Item) -> int:
    """Return the size of an item that DynamoDB counts.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(attribute: Item) -> int:
    (kind, value), *_ = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            return math.ceil(len(value.lstrip("-").replace(".", "").strip("0")) / 2) + 1
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(v) for name, v in value.items())
        case "L":
            return 3 + sum(1 + _value_bytes(member) for member in value)
        case "B":
            return len(value) * 3 // 4  # base64
    return 1  # BOOL and NULL; the service stores no sets


def _measure(
    python: Path, ours: Subject, url: str, sizes: Sequence[int], report: Report
) -> dict[str, dict[str, dict[str, float]]]:
    import boto3  # noqa: PLC0415 (installed with the environment)

    keys = boto3.Session("test", "test", region_name=REGION)  # the emulator's root keys
    dynamodb = keys.client("dynamodb", endpoint_url=url)
    table, history = ours.environment["TABLE_NAME"], ours.environment["HISTORY_TABLE_NAME"]
    _create(dynamodb, table, ["recordID"], INDEXES)
    _create(dynamodb, history, ["recordID", "version"], {"feed": "byChange"})
    results = {}
    with _proxy(url) as proxy:
        settings = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.url,
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        subject = ours._replace(environment={**ours.environment, **settings})
        with Runtime(python, subject) as runtime:
            request = workload.requests()["create"]
            workload.check(subject, "create", request, runtime.invoke(request.event).response)
            template = _post(url, "Scan", {"TableName": table})["Items"][0]
            size_of_item = item_bytes(template)
            items = list(similar(template, max(sizes)))
            for item in items[_OF_TYPE:]:
                item["type"] = {"S": "another"}
            stored = 0
            for size in sizes:
                _store(url, table, items[stored:size], report)
                stored = size
                results[str(size)] = _requests(runtime, proxy, items[size // 2], size_of_item)
                proxy.scanned.clear()
                scan = keys.client("dynamodb", endpoint_url=proxy.url)
                for _ in scan.get_paginator("scan").paginate(
                    TableName=table,
                    FilterExpression="#type = :type",
                    ExpressionAttributeNames={"#type": "type"},
                    ExpressionAttributeValues={":type": {"S": "backup"}},
                ):
                    pass
                results[str(size)]["scan_for_a_type"] = _totals(proxy, size_of_item)
                report(f"{size:,} records")
    return results


def _requests(
    runtime: Runtime, proxy: Proxy, middle: Item, size_of_item: int
) -> dict[str, dict[str, float]]:
    """Return what the pages of the present table cost."""
    before = quote(middle["createdAt"]["S"], safe="")
    queries = {
        "page_first": "limit=100",
        # Oldest first: without the index of the type, all others would be read before it.
        "page_of_type": "limit=100&order=asc&type=backup",
        "page_of_type_and_status": "limit=100&order=asc&status=failed&type=backup",
        "page_middle": f"limit=100&createdBefore={before}",
    }
    results = {}
    for name, query in queries.items():
        response = _page(runtime, proxy, query)
        results[name] = _totals(proxy, size_of_item)
    cursor = json.loads(response["body"])["next"]
    _page(runtime, proxy, f"limit=100&createdBefore={before}&cursor={cursor}")
    results["page_deep"] = _totals(proxy, size_of_item)
    return results


def _page(runtime: Runtime, proxy: Proxy, query: str) -> Any:
    proxy.scanned.clear()
    request = workload.Request(workload.event("GET /records", query=query), 200)
    response = runtime.invoke(request.event).response
    workload.check(runtime.subject, query, request, response)
    return response


def _totals(proxy: Proxy, size_of_item: int) -> dict[str, float]:
    """Return the calls since the last clear, and the read units that AWS would count for them."""
    units = [math.ceil(count * size_of_item / UNIT_BYTES) * _EVENTUAL for count in proxy.scanned]
    return {"calls": len(units), "units": sum(units)}


def _create(dynamodb: Any, table: str, keys: Sequence[str], indexes: Mapping[str, str]) -> None:
    names = {*keys, "position", *indexes}
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "N" if name == "version" else "S"}
            for name in sorted(names)
        ],
        KeySchema=_schema(keys),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": _schema([attribute, "position"]),
                "Projection": {"ProjectionType": "ALL"},
            }
            for attribute, index in indexes.items()
        ],
    )


def _schema(keys: Sequence[str]) -> list[dict[str, str]]:
    types = ("HASH", "RANGE")
    return [
        {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, types, strict=False)
    ]


def _store(url: str, table: str, items: Sequence[Item], report: Report) -> None:
    """Write `items` with BatchWriteItem, in the protocol itself, which is faster than boto3."""
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]

    def write(batch: Sequence[Item]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in batch]
        content = _post(url, "BatchWriteItem", {"RequestItems": {table: requests}})
        if content.get("UnprocessedItems"):
            raise RuntimeError("the emulator did not store all items")

    with ThreadPoolExecutor(2) as pool:
        for number, _ in enumerate(pool.map(write, batches)):
            if number % 100 == 0:
                report(f"{number * _BATCH:,} of {len(items):,} records stored")


def _post(url: str, operation: str, content: Any) -> Any:
    """Make a call with the emulator's root keys, whose signatures it does not check."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    credential = f"test/20260101/{REGION}/dynamodb/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, "
        "Signature=0",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
    }
    try:
        connection.request("POST", "/", json.dumps(content), headers)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{operation}: {response.status} {body[:300]!r}")
        return json.loads(body)
    finally:
        connection.close()


@contextmanager
def _proxy(url: str) -> Iterator[Proxy]:
    """Run a proxy in front of the emulator that records what each call read."""
    scanned: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
            connection.request("POST", "/", body, dict(self.headers.items()))
            response = connection.getresponse()
            content = response.read()
            connection.close()
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            if operation in ("Query", "Scan") and response.status == http.client.OK:
                scanned.append(json.loads(content)["ScannedCount"])
            self.send_response(response.status)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Write no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Proxy(f"http://127.0.0.1:{server.server_port}", scanned)
    finally:
        server.shutdown()
        server.server_close()
