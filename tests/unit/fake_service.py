"""A service in memory, for tests of the commands that move or follow many records.

`Service.call` and `Service.get` are those of its client; `serve` does the same over HTTP, for tests
that kill the command. Faults are the responses and errors of the next requests;
None is none.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from records_cli import attempts, local
from records_cli.client import Caller, Response

Record = dict[str, Any]
Fault = Response | BaseException | None
START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
UNAVAILABLE = Response(503, {"retry-after": "1"}, b'{"type":"urn:records-api:unavailable"}')
OUTCOME_UNKNOWN = Response(503, {}, b'{"type":"urn:records-api:outcome-unknown"}')
TOO_MANY = Response(429, {}, b'{"message":"Too Many Requests"}')


def stamp(milliseconds: int) -> str:
    """Return the time this long after START, as the API writes it."""
    moment = START + timedelta(milliseconds=milliseconds)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def problem(status: int, kind: str, **members: object) -> Response:
    """Return a problem of the service."""
    content = {"type": f"urn:records-api:{kind}", "status": status, "detail": kind, **members}
    return Response(status, {}, json.dumps(content).encode())


@dataclass
class Service:
    """The service. `page` is the largest page; `delay` are the seconds that each request takes.

    `lose` is called with each create and returns whether its response gets lost.
    """

    page: int = 1000
    delay: float = 0
    url: str = "http://127.0.0.1:1/records"
    records: dict[str, Record] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)  # which no listing shows yet
    changes: list[Record] = field(default_factory=list)
    settled: int = 0  # number of changes at the beginning of the feed
    faults: list[Fault] = field(default_factory=list)
    lose: Callable[[Record], bool] = lambda _: False
    calls: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    most_at_once: int = 0
    _keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    _now: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Return the response to a request outside /records."""
        return self.call("GET", path, query=query)

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the API's response. Raises OSError for a lost response."""
        parameters = dict(query if isinstance(query, Mapping) else parse_qsl(query))
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.delay)
        with self._lock:
            self._at_once -= 1
            self.calls.append((method, path, parameters))
            fault = self.faults.pop(0) if self.faults else None
            if isinstance(fault, Response):
                return fault
            if isinstance(fault, BaseException):
                raise fault
            if method == "POST":
                assert isinstance(body, str | bytes)
                return self._create(json.loads(body), dict(headers or {}))
            return self._feed(parameters) if path == "/changes" else self._list(parameters)

    def add(self, milliseconds: int | None = None, **fields: object) -> Record:
        """Add a record, created this long after START; by default after all others."""
        self._now = self._now + 1 if milliseconds is None else milliseconds
        created_at = stamp(self._now)
        record = {
            "recordID": f"r{len(self.records) + 1:05}",
            "createdAt": created_at,
            "updatedAt": created_at,
            "submittedBy": "alice",
            "type": "t",
            "status": "ok",
            "attributes": {},
            "version": 1,
            **fields,
        }
        self.records[str(record["recordID"])] = record
        return record

    def change(self, record: Record, change: str = "create") -> Record:
        """Add an entry to the feed, not settled yet."""
        entry = {
            "recordID": record["recordID"],
            "version": record["version"],
            "change": change,
            "changedAt": stamp(len(self.changes)),
            "changedBy": "alice",
            "requestId": "q",
            "record": record,
        }
        self.changes.append(entry)
        return entry

    def _create(self, body: Record, headers: dict[str, str]) -> Response:
        if problems := _problems(body):
            return problem(400, "invalid-request", errors=problems)
        key = {name.lower(): value for name, value in headers.items()}["idempotency-key"]
        record_id, earlier = self._keys.get(key, (None, None))
        if record_id and earlier != body:
            return problem(422, "idempotency-key-reused")
        if record_id and record_id not in self.records:
            return problem(410, "record-deleted")
        replayed = {"idempotency-replayed": "true"} if record_id else {}
        if record_id is None:
            record_id = f"k-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
            self._keys[key] = (record_id, body)
            self.add(recordID=record_id, **body)
        record = self.records[record_id]
        if self.lose(record):
            raise ConnectionResetError("the response was lost")
        return Response(201, replayed, json.dumps(record).encode())

    def _list(self, query: dict[str, str]) -> Response:
        keys = ("type", "status", "submittedBy")
        matching = [
            record
            for record in self.records.values()
            if all(record[name] == query[name] for name in keys if name in query)
            and query.get("createdAfter", "") < record["createdAt"]
            and record["createdAt"] < query.get("createdBefore", "~")
            and record["recordID"] not in self.hidden
        ]
        matching.sort(key=_position, reverse=query.get("order") != "asc")
        start = 0
        if cursor := query.get("cursor"):
            start = 1 + max(
                (n for n, each in enumerate(matching) if _position(each) == cursor), default=-1
            )
        shown = matching[start : start + min(int(query.get("limit", 100)), self.page)]
        content: dict[str, Any] = {"records": shown}
        if start + len(shown) < len(matching):
            content["next"] = _position(shown[-1])
        return Response(200, {}, json.dumps(content).encode())

    def _feed(self, query: dict[str, str]) -> Response:
        start = int(query.get("cursor", 0))
        if "since" in query:
            start = sum(
                each["changedAt"] <= query["since"] for each in self.changes[: self.settled]
            )
        shown = self.changes[start : min(start + self.page, self.settled)]
        end = start + len(shown)
        caught_up = end == self.settled
        if caught_up and query.get("unsettled") == "true":
            shown = shown + [each | {"settled": False} for each in self.changes[self.settled :]]
        content = {"changes": shown, "next": str(end), "caughtUp": caught_up}
        return Response(200, {}, json.dumps(content).encode())


def _position(record: Record) -> str:
    return f"{record['createdAt']}#{record['recordID']}"


def _problems(body: Record) -> list[dict[str, str]]:
    return [
        {"pointer": f"/{name}", "detail": "is required"}
        for name in ("type", "status")
        if name not in body
    ]


def send(handler: BaseHTTPRequestHandler, response: Response) -> None:
    """Send a response over HTTP."""
    handler.send_response(response.status)
    for name, value in response.headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(response.body)))
    handler.end_headers()
    handler.wfile.write(response.body)


def in_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Return a service that `records` calls in this process, without pauses between attempts."""
    fake, key = Service(page=3), {"access_key_id": "x", "secret_access_key": "y"}
    connection = {"records_url": fake.url, "region": "r", "reader": key, "writer": key}
    (folder / "connection.json").write_text(json.dumps(connection | {"auditor": key}))
    monkeypatch.setenv(local.VARIABLE, str(folder / "connection.json"))
    monkeypatch.setattr(attempts, "pause", lambda *_: 0)

    def call(_caller: Caller, *arguments: Any, **request: Any) -> Response:
        return fake.call(*arguments, **request)

    def get(_caller: Caller, *arguments: Any) -> Response:
        return fake.get(*arguments)

    monkeypatch.setattr(Caller, "call", call)
    monkeypatch.setattr(Caller, "get", get)
    return fake


@contextmanager
def serve(service: Service, folder: Path) -> Iterator[dict[str, str]]:
    """Serve over HTTP; yield the environment in which `records` calls this service."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond()

        def do_POST(self) -> None:
            self._respond()

        def _respond(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            place = url.path.removeprefix("/records")
            try:
                response = service.call(
                    self.command, place, query=url.query, body=body, headers=dict(self.headers)
                )
            except OSError:
                return  # the connection closes without a response
            send(self, response)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    service.url = f"http://127.0.0.1:{server.server_port}/records"
    key = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "secret"}
    connection: dict[str, object] = {"records_url": service.url, "region": "us-east-1"}
    connection |= dict.fromkeys(("reader", "writer", "auditor"), key)
    file = folder / "connection.json"
    file.write_text(json.dumps(connection))
    try:
        yield {"RECORDS_CONNECTION": str(file)}
    finally:
        server.shutdown()
        server.server_close()
