"""The records API in memory, with histories whose chains verify: the caller of a viewer under test.

It is fast and can be slow, lost or hostile. The real API is in tests/e2e/test_viewer.py.
"""

import base64
import time
import uuid
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

from records_cli import jsontext
from records_cli.client import Response

Record = dict[str, Any]
ALICE = "arn:aws:iam::123456789012:user/alice"
BOB = "arn:aws:sts::123456789012:assumed-role/Deploy/bob"
_CONTENT = ("type", "status", "message", "attributes")


def timestamp(seconds: float) -> str:
    """Return epoch seconds as the API writes times."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


@dataclass
class FakeApi:
    """The service. `identity` is who calls; each request takes `delay` seconds.

    With `is_lost`, there is no response. `fault` may return a response in place of the service's.
    """

    url: str = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/records"
    region: str = "us-east-1"
    identity: str = ALICE
    delay: float = 0.0
    is_lost: bool = False
    fault: Callable[[str, str], Response | None] = lambda *_: None
    records: dict[str, Record] = field(default_factory=dict)
    entries: dict[str, list[Record]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    _order: list[tuple[str, str]] = field(default_factory=list)  # oldest first
    _texts: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        *,
        at: float | None = None,
        by: str | None = None,
        type: str = "backup",  # noqa: A002 (the field's name)
        status: str = "ok",
        **more: Any,
    ) -> str:
        """Create a record, `at` epoch seconds, and return its ID."""
        record_id = str(more.pop("recordID", uuid.uuid4()))
        now = timestamp(time.time() if at is None else at)
        who = by or self.identity
        attributes = jsontext.parse(jsontext.canonical(_spelled(more.pop("attributes", {}))))
        record = {
            "recordID": record_id,
            "createdAt": now,
            "updatedAt": now,
            "updatedBy": who,
            "submittedBy": who,
            "type": type,
            "status": status,
            **more,
            "attributes": attributes,
            "version": jsontext.Number(1),
        }
        self._store(record)
        insort(self._order, (now, record_id))
        return record_id

    def change(
        self, record_id: str, *, by: str | None = None, at: float | None = None, **fields: Any
    ) -> Record:
        """Change fields of a record, as another caller does, and return it."""
        before = self.records[record_id]
        self._entries(record_id)
        if "attributes" in fields:
            fields["attributes"] = jsontext.parse(
                jsontext.canonical(_spelled(fields["attributes"]))
            )
        return self._write({**before, **fields}, "update", by, at)

    def remove(self, record_id: str, *, by: str | None = None) -> None:
        """Delete a record."""
        record = self.records[record_id]
        self._entries(record_id)
        self._order.remove((record["createdAt"], record_id))
        del self.records[record_id]
        now = self._later(record_id, None)
        self._chain(record_id, "delete", None, int(record["version"]) + 1, by, now)

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Respond like `client.Caller.call`."""
        text = query if isinstance(query, str) else urlencode(query, quote_via=quote)
        self.calls.append(f"{method} {path}{'?' if text else ''}{text}")
        if self.delay:
            time.sleep(self.delay)
        if self.is_lost:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.fault(method, path) or self._respond(
            method,
            path,
            {name: values[-1] for name, values in parse_qs(text).items()},
            body,
            {name.lower(): value for name, value in (headers or {}).items()},
        )

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Respond like `client.Caller.get`."""
        return self.call("GET", path.removeprefix("/records"), query=query)

    def _respond(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: object,
        headers: Mapping[str, str],
    ) -> Response:
        _, record_id, rest = ([*map(unquote, path.split("/")), "", ""])[:3]
        sent = jsontext.parse(body) if isinstance(body, bytes) else body
        if not record_id:
            return self._list(query) if method == "GET" else self._create(sent, headers)
        if rest == "history":
            return self._history(record_id, query)
        record = self.records.get(record_id)
        if record is None and rest != "restore":
            return problem(HTTPStatus.NOT_FOUND, "record-not-found", "No record has this ID.")
        current = etag(record) if record else None
        if headers.get("if-match", current) != current:
            return problem(HTTPStatus.PRECONDITION_FAILED, "precondition-failed", "Changed.")
        if headers.get("if-none-match") == "*" and record:
            return problem(HTTPStatus.PRECONDITION_FAILED, "precondition-failed", "Changed.")
        if headers.get("if-none-match") == current and record:
            return Response(304, {"etag": current or ""}, b"")
        if method == "PATCH" and record:
            assert isinstance(sent, dict)
            self._entries(record_id)
            return _one(self._write(_merged(record, sent), "update", None, None), 200)
        if rest == "restore":
            return self._restore(record_id, sent)
        assert record
        return _one(record, 200)

    def _list(self, query: Mapping[str, str]) -> Response:
        limit = min(1000, int(query.get("limit", "100")))
        stop = len(self._order)
        if cursor := query.get("cursor"):
            created_at, _, record_id = base64.urlsafe_b64decode(cursor).decode().partition("#")
            stop = bisect_left(self._order, (created_at, record_id))
        texts: list[str] = []
        index = stop
        while index and len(texts) < limit:
            index -= 1
            record_id = self._order[index][1]
            if _matches(self.records[record_id], query):
                texts.append(self._texts[record_id])
        end = ""
        if index:
            position = "#".join(self._order[index])
            end = f',"next":"{base64.urlsafe_b64encode(position.encode()).decode()}"'
        return _json(200, f'{{"records":[{",".join(texts)}]{end}}}')

    def _create(self, sent: Any, headers: Mapping[str, str]) -> Response:
        key = headers.get("idempotency-key", "")
        if key in self.keys:
            return _one(self.records[self.keys[key]], 201)
        record_id = self.keys[key] = self.add(**sent)
        return _one(self.records[record_id], 201)

    def _history(self, record_id: str, query: Mapping[str, str]) -> Response:
        if record_id not in self.records and record_id not in self.entries:
            return problem(HTTPStatus.NOT_FOUND, "record-not-found", "No record has this ID.")
        entries = self._entries(record_id)
        if query.get("order") != "asc":
            entries = entries[::-1]
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", "100"))
        text = ",".join(map(jsontext.canonical, entries[start : start + limit]))
        more = f',"next":"{start + limit}"' if start + limit < len(entries) else ""
        return _json(200, f'{{"history":[{text}]{more}}}')

    def _restore(self, record_id: str, sent: Any) -> Response:
        entries = self._entries(record_id)
        old = next(each["record"] for each in entries if each["version"] == str(sent["version"]))
        last = next(each["record"] for each in reversed(entries) if each["record"])
        kept = {name: old[name] for name in _CONTENT if name in old}
        base = {name: value for name, value in last.items() if name not in _CONTENT}
        if record_id not in self.records:
            insort(self._order, (last["createdAt"], record_id))
            base["version"] = entries[-1]["version"]
        return _one(self._write(base | kept, "restore", None, None), 200)

    def _write(self, record: Record, change: str, by: str | None, at: float | None) -> Record:
        who, now = by or self.identity, self._later(record["recordID"], at)
        version = int(record["version"]) + 1
        record = record | {"updatedAt": now, "updatedBy": who, "version": jsontext.Number(version)}
        self._store(record)
        self._chain(record["recordID"], change, record, version, by, now)
        return record

    def _later(self, record_id: str, at: float | None) -> str:
        """Return the time of a record's next change, which is later than that of the last."""
        last = datetime.fromisoformat(self._entries(record_id)[-1]["changedAt"]).timestamp()
        return timestamp(max(time.time() if at is None else at, last + 0.001))

    def _store(self, record: Record) -> None:
        self.records[record["recordID"]] = record
        self._texts[record["recordID"]] = jsontext.canonical(record)

    def _entries(self, record_id: str) -> list[Record]:
        """Return the entries of a record; the first is made when it is needed."""
        if record_id not in self.entries:
            record = self.records[record_id]
            self._chain(record_id, "create", record, 1, record["submittedBy"], record["createdAt"])
        return self.entries[record_id]

    def _chain(
        self,
        record_id: str,
        change: str,
        record: Record | None,
        version: int,
        by: str | None,
        at: str,
    ) -> None:
        entries = self.entries.setdefault(record_id, [])
        entry = {
            "recordID": record_id,
            "version": jsontext.Number(version),
            "change": change,
            "changedAt": at,
            "changedBy": by or self.identity,
            "requestId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{record_id} {version}")),
            "recordHash": jsontext.digest(record) if record else None,
            "previousHash": entries[-1]["hash"] if entries else None,
        }
        entries.append({**entry, "hash": jsontext.digest(entry), "record": record})


def etag(record: Record) -> str:
    """Return a record's entity tag."""
    return f'"{record["version"]}-{jsontext.digest(record)[:12]}"'


def problem(status: int, kind: str, detail: str, **more: object) -> Response:
    """Return an error of the service."""
    request_id = str(uuid.uuid4())
    content = {
        "type": f"urn:records-api:{kind}",
        "title": HTTPStatus(status).phrase,
        "detail": detail,
        "requestId": request_id,
        **more,
    }
    headers = {"content-type": "application/problem+json", "x-request-id": request_id}
    return Response(status, headers, jsontext.canonical(content).encode())


def _json(status: int, text: str, **headers: str) -> Response:
    return Response(status, {"content-type": "application/json", **headers}, text.encode())


def _one(record: Record, status: int) -> Response:
    return _json(status, jsontext.canonical(record), etag=etag(record))


def _matches(record: Record, query: Mapping[str, str]) -> bool:
    return (
        all(
            record[name] == query[name]
            for name in ("type", "status", "submittedBy")
            if name in query
        )
        and record["createdAt"] > query.get("createdAfter", "")
        and record["createdAt"] < query.get("createdBefore", "9")
    )


def _merged(value: Any, patch: Any) -> Any:
    """Return the result of a merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), each)
    return result


def _spelled(value: Any) -> Any:
    """Return a value with each number as it is spelled in JSON."""
    if isinstance(value, dict):
        return {name: _spelled(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_spelled(each) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return jsontext.Number(repr(value)) if is_number else value
