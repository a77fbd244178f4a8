"""A TLS server on loopback that answers like DynamoDB, always with the same few items.

It stores nothing: its purpose is to cost the same for every client. The first item that is written
to a table is the template of all items that the table returns, so that each release is measured
with items as it writes them. Responses are built once for each table and number of items.
"""

import argparse
import json
import ssl
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from socket import IPPROTO_TCP, TCP_NODELAY, create_server, getaddrinfo, socket
from typing import Any

from lib.bench.units import Item

HOST = "localhost"
_NEWEST = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
_KEYS = ("recordID", "feed", "position")


class Tables:
    """The templates and the prepared responses, by table name."""

    def __init__(self) -> None:
        self._templates: dict[str, Item] = {}
        self._prepared: dict[tuple[str, int, str], bytes] = {}

    def answer(self, operation: str, request: Any) -> bytes:
        """Return the body of the response to a request."""
        for name, item in _written(operation, request):
            self._templates.setdefault(name, item)
        name = request.get("TableName", "")
        if operation in ("Query", "Scan"):
            number, paths = int(request.get("Limit", 100)), request.get("ProjectionExpression", "")
            if (name, number, paths) not in self._prepared:
                names = request.get("ExpressionAttributeNames", {})
                self._prepared[name, number, paths] = self._page(name, number, paths, names)
            return self._prepared[name, number, paths]
        if operation == "GetItem":
            answer = {"Item": self._templates[name]} if name in self._templates else {}
            if "ReturnConsumedCapacity" in request:
                answer["ConsumedCapacity"] = {"TableName": name, "CapacityUnits": 1.0}
            return _encoded(answer)
        return b"{}"

    def _page(self, name: str, number: int, paths: str, names: dict[str, str]) -> bytes:
        if name not in self._templates:
            return _encoded({"Items": [], "Count": 0, "ScannedCount": 0})
        items = list(similar(self._templates[name], number))
        response = {
            "Items": [projected(item, paths, names) for item in items] if paths else items,
            "Count": number,
            "ScannedCount": number,
            "ConsumedCapacity": {"TableName": name, "CapacityUnits": 0.5},
            "LastEvaluatedKey": {key: items[-1][key] for key in _KEYS if key in items[-1]},
        }
        return _encoded(response)


def similar(template: Item, number: int) -> Iterator[Item]:
    """Yield `number` items like `template`, each with keys of its own, the newest first.

    The first is the template itself.
    """
    yield template
    for index in range(1, number):
        item = dict(template)
        time = (_NEWEST - timedelta(seconds=index)).isoformat(timespec="milliseconds")
        created = time.replace("+00:00", "Z")
        record_id = f"0197c1a2-7f00-7000-8000-{index:012x}"
        item["recordID"] = {"S": record_id}
        for name in ("createdAt", "changedAt"):
            if name in item:
                item[name] = {"S": created}
        if "position" in item:
            rest = template["position"]["S"].split("#")[2:]
            item["position"] = {"S": "#".join([created, record_id, *rest])}
        yield item


def projected(item: Item, expression: str, names: dict[str, str]) -> Item:
    """Return what a ProjectionExpression leaves of an item. Its paths go into maps only."""
    result: Item = {}
    for path in expression.split(","):
        steps = [names.get(step, step) for step in path.strip().split(".")]
        source, target = item, result
        for step in steps[:-1]:
            source, target = source[step]["M"], target.setdefault(step, {"M": {}})["M"]
        if steps[-1] in source:
            target[steps[-1]] = source[steps[-1]]
    return result


def _written(operation: str, request: Any) -> Iterator[tuple[str, Item]]:
    """Yield table name and item of every Put in a request."""
    if operation == "PutItem":
        yield request["TableName"], request["Item"]
    if operation == "TransactWriteItems":
        for action in request["TransactItems"]:
            if "Put" in action:
                yield action["Put"]["TableName"], action["Put"]["Item"]


def _encoded(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _serve(connection: socket, context: ssl.SSLContext, tables: Tables) -> None:
    """Answer the requests of one connection until the client closes it."""
    with connection, context.wrap_socket(connection, server_side=True) as stream:
        stream.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        with stream.makefile("rb") as reader:
            while reader.readline():
                headers = {}
                while line := reader.readline().strip():
                    name, _, value = line.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = reader.read(int(headers["content-length"]))
                operation = headers["x-amz-target"].rpartition(".")[2]
                content = tables.answer(operation, json.loads(body))
                stream.sendall(_response(content))


def _response(content: bytes) -> bytes:
    """Return an HTTP response with the headers that DynamoDB sends."""
    head = (
        "HTTP/1.1 200 OK\r\nServer: Server\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(content)}\r\nConnection: keep-alive\r\n"
        "x-amzn-RequestId: 8VTQ3C8G4RKOQ0T8P9NQQ3QKVBVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {zlib.crc32(content)}\r\n\r\n"
    )
    return head.encode() + content


def main() -> None:
    """Serve until the process is ended. The port is the first line of the output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("certificate", help="PEM file with the key and the chain of the server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(parser.parse_args().certificate)
    family, _, _, _, address = getaddrinfo(HOST, 0)[0]
    tables = Tables()
    with create_server(address[:2], family=family) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection, context, tables), daemon=True).start()


if __name__ == "__main__":
    main()
