"""Clients that send requests to the real handler, and record the responses.

Each client is a process with its own handler, as in Lambda. Which requests it sends
follows from the seed and from the responses.
"""

import itertools
import json
import logging
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

REGION = "us-east-1"
TABLE, HISTORY = "campaign", "campaign-history"
TYPES, STATUSES = ("backup", "audit", "deploy"), ("new", "running", "done")
# All clients use these idempotency keys, so that they change the same records.
KEYS = tuple(f"key-{number}" for number in range(20))
# Weights of the requests.
REQUESTS = {
    "create": 16,
    "create with a key": 16,
    "update": 26,
    "update if unchanged": 12,
    "delete": 9,
    "restore": 9,
    "get": 6,
    "list": 2,
    "history": 2,
    "changes": 2,
}
ROUTES = {
    "create": "POST /records",
    "create with a key": "POST /records",
    "update": "PATCH /records/{recordID}",
    "update if unchanged": "PATCH /records/{recordID}",
    "delete": "DELETE /records/{recordID}",
    "restore": "POST /records/{recordID}/restore",
    "get": "GET /records/{recordID}",
    "list": "GET /records",
    "history": "GET /records/{recordID}/history",
    "changes": "GET /changes",
}
# Queries of the first page; the pages after it follow from the responses.
QUERIES = {"list": ("", "type=backup", "status=done&limit=5")}

Send = Callable[[dict[str, Any], str], dict[str, Any]]  # event and request ID -> response


class Request(NamedTuple):
    """A request; the names in `headers` have `_` in place of `-`."""

    name: str
    record_id: str | None
    query: str
    body: str | None
    headers: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A request and its response.

    `problem` is the type of the problem, `record` the JSON text of a record in the response with
    its `etag`, and `replayed` whether an earlier create had made it.
    """

    request_id: str
    request: str
    record_id: str | None
    status: int
    problem: str | None
    record: str | None
    etag: str | None
    replayed: bool


def environment(endpoint: str) -> dict[str, str]:
    """Return the environment variables of the function, whose DynamoDB is at `endpoint`."""
    return {
        "AUTH_MODE": "IAM",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": "test",
        "FILTER_INDEXES": "status,submittedBy,type",
        "HISTORY_TABLE_NAME": HISTORY,
        "LOG_LEVEL": "ERROR",
        "OPERATIONS": "changes,create,delete,get,history,list,restore,update",
        "RECORD_RETENTION_DAYS": "0",
        "SERVICE_NAME": "campaign",
        "TABLE_NAME": TABLE,
    }


def run(endpoint: str, seed: str, number: int, operations: int, file: Path) -> None:
    """Send `operations` requests as client `number`; write the outcomes to `file` as JSON lines."""
    os.environ.update(environment(endpoint))
    from records_api import handler
    from unit.support import Context

    def send(sent: dict[str, Any], request_id: str) -> dict[str, Any]:
        return handler.handler(sent, Context(request_id))

    logging.getLogger("records_api").setLevel(logging.CRITICAL)
    with file.open("w", buffering=1) as lines, Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)  # the handler's metrics
        for outcome in islice(exchanges(seed, number, send), operations):
            lines.write(json.dumps(asdict(outcome)) + "\n")


def exchanges(seed: str, number: int, send: Send) -> Iterator[Outcome]:
    """Send requests as client `number`, without end; yield their outcomes."""
    from records_api import ids
    from unit.support import ALICE, event

    known = [ids.derived_id(ALICE.namespace, key) for key in KEYS]
    draw = random.Random(f"{seed}/{number}")
    tags, pages = dict[str | None, str](), dict[str, str]()
    for count in itertools.count():
        request = _next_request(draw, known, tags, pages)
        sent = event(
            ROUTES[request.name],
            record_id=request.record_id,
            query=request.query,
            body=request.body,
            **request.headers,
        )
        response = send(sent, f"{number}-{count}")
        outcome = _outcome(request, response)
        if outcome.record and outcome.record_id:
            tags[outcome.record_id] = outcome.etag or ""
            known += [outcome.record_id] if request.name == "create" else []
        if request.name in ("list", "changes"):
            pages[request.name] = _next_page(request.query, response)
        yield outcome


def follow(endpoint: str, stop: Path, file: Path) -> None:
    """Follow the change feed as a consumer does; write each change's ID and version to `file`.

    Ends when the file `stop` exists and all changes until then are settled.
    """
    os.environ.update(environment(endpoint))
    from records_api import entries, handler
    from unit.support import Context, event

    query, end = "since=2020-01-01T00:00:00Z", math.inf
    with file.open("w") as lines, Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)  # the handler's metrics
        while time.monotonic() < end:
            response = handler.handler(event("GET /changes", query=query), Context("follower"))
            content = json.loads(response["body"])
            for change in content.get("changes", []):
                lines.write(json.dumps([change["recordID"], change["version"]]) + "\n")
            if "next" in content:
                query = f"cursor={content['next']}"
            if end == math.inf and stop.exists():
                end = time.monotonic() + entries.SETTLING_TIME.total_seconds() + 5
            time.sleep(0 if content.get("caughtUp") is False else 1)


def _next_request(
    draw: random.Random, known: list[str], tags: dict[str | None, str], pages: dict[str, str]
) -> Request:
    """Return a request for one of the `known` records, whose entity tags are `tags`.

    `pages` has the query of the page after the last one, by the name of the request.
    """
    name = draw.choices(list(REQUESTS), list(REQUESTS.values()))[0]
    record_id = draw.choice(known) if "{recordID}" in ROUTES[name] else None
    headers: dict[str, Any] = {}
    if name == "create with a key":
        headers["idempotency_key"] = draw.choice(KEYS)
    if name == "update if unchanged":
        headers["if_match"] = tags.get(record_id, '"1-000000000000"')
    query = draw.choice([*QUERIES.get(name, ("",)), pages.get(name, "")])
    return Request(name, record_id, query, _body(draw, name), headers)


def _body(draw: random.Random, request: str) -> str | None:
    if request == "restore":
        return json.dumps({"version": draw.randint(1, 6)})
    if request.startswith("update"):
        return json.dumps({"status": draw.choice(STATUSES), "message": str(draw.random())})
    if not request.startswith("create"):
        return None
    # Half of the keyed bodies are equal, so that creates are repeated as well as rejected.
    is_repeated = request == "create with a key" and draw.random() < 0.5
    return json.dumps({"type": "backup", "status": "new"} if is_repeated else _content(draw))


def _content(draw: random.Random) -> dict[str, Any]:
    content: dict[str, Any] = {"type": draw.choice(TYPES), "status": draw.choice(STATUSES)}
    if draw.random() < 0.7:
        content["message"] = "ä" * draw.randint(1, 50)
    if draw.random() < 0.7:
        content["attributes"] = {"n": draw.randint(-9, 9), "list": [True, None, {"x": 1.5}]}
    return content


def _next_page(query: str, response: dict[str, Any]) -> str:
    """Return the query of the page after `response`, or "" if there is none."""
    cursor = json.loads(response["body"]).get("next")
    first = query.partition("cursor=")[0].rstrip("&")
    return "&".join(filter(None, (first, f"cursor={cursor}"))) if cursor else ""


def _outcome(request: Request, response: dict[str, Any]) -> Outcome:
    headers, status = response["headers"], response["statusCode"]
    content = {} if response["isBase64Encoded"] else json.loads(response["body"] or "{}")
    is_record = status < 300 and "recordID" in content
    return Outcome(
        headers["x-request-id"],
        request.name,
        content.get("recordID", request.record_id),
        status,
        content.get("type") if status >= 400 else None,
        response["body"] if is_record else None,
        headers.get("etag"),
        headers.get("idempotency-replayed") == "true",
    )


def outcomes(files: list[Path]) -> Iterator[Outcome]:
    """Yield the outcomes in `files`."""
    for file in files:
        for line in file.read_text().splitlines():
            yield Outcome(**json.loads(line))
