"""Requests that cause every response of the function in lambda/openapi.yaml."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from contract import service
from contract.openapi import (
    OPERATIONS,
    PROBLEM_JSON,
    function_content,
    function_responses,
    parameters,
)
from contract.service import Request, Response
from records_api import api, dynamodb, responses
from unit.support import new_table, through_boto3

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Case(NamedTuple):
    """A request, the requests before it, and the expected status."""

    name: str
    operation: str
    request: Request
    status: int
    before: tuple[Request, ...] = ()
    auth_mode: str = "IAM"
    faults: Mapping[str, Exception] = {}
    is_misconfigured: bool = False

    def __str__(self) -> str:
        return f"{self.operation}-{self.name}"


def documented(operation: str, name: str) -> Iterator[Request]:
    """Yield the request with the examples of one name, for each media type that has it."""
    route_key, described = OPERATIONS[operation]
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    record_id = None
    for parameter in parameters(operation).values():
        value = parameter.get("examples", {}).get(name, {}).get("value", parameter.get("example"))
        if parameter["in"] == "path":
            record_id = value
        elif value is not None:
            (query if parameter["in"] == "query" else headers)[parameter["name"]] = str(value)
    request = Request(route_key, record_id, urlencode(query), headers)
    if "requestBody" not in described:
        yield request
    for media_type, content in described.get("requestBody", {}).get("content", {}).items():
        if name in content["examples"]:
            typed = headers | {"Content-Type": media_type}
            yield request._replace(
                headers=typed, body=json.dumps(content["examples"][name]["value"])
            )


def example_names(operation: str) -> list[str]:
    """Return the names of an operation's examples of requests and successful responses."""
    described = OPERATIONS[operation][1]
    holders = [
        *parameters(operation).values(),
        *described.get("requestBody", {}).get("content", {}).values(),
    ]
    for response in function_responses(operation).values():
        holders += [
            content for kind, content in function_content(response).items() if kind != PROBLEM_JSON
        ]
    return sorted({name for holder in holders for name in holder.get("examples", {})})


def example_status(operation: str, name: str) -> int:
    """Return the status of the response with this example, or else of the one without a body."""
    bodiless = 0
    for status, response in function_responses(operation).items():
        if "content" not in response:
            bodiless = status
        elif any(name in content.get("examples", {}) for content in response["content"].values()):
            return status
    return bodiless


JSON = {"Content-Type": api.JSON}
(PLAIN,) = documented("create", "plain")
(KEYED,) = documented("create", "keyed")
RECORD_ID = parameters("get")["recordID"]["example"]
(CHANGED,) = (request for request in documented("update", "plain") if request.headers == JSON)
# The requests before a request: they create the records of the document's examples.
BEFORE: dict[str, tuple[Request, ...]] = defaultdict(lambda: (PLAIN, KEYED)) | {
    "create": (),
    **dict.fromkeys(("history", "changes", "restore"), (PLAIN, KEYED, CHANGED)),
}
ANY_UNAVAILABLE = dict.fromkeys(
    ("GetItem", "TransactWriteItems", "Query"), dynamodb.Unavailable("ThrottlingException", "slow")
)
LOST = {"TransactWriteItems": dynamodb.Unavailable("TimeoutError", "no response", ambiguous=True)}
BODIES = {"create": PLAIN.body, "update": PLAIN.body, "restore": '{"version": 1}'}


def valid_request(operation: str) -> Request:
    """Return a request that succeeds with the records of the examples."""
    route_key, _ = OPERATIONS[operation]
    is_one = "{recordID}" in route_key
    body = BODIES.get(operation)
    return Request(
        route_key, RECORD_ID if is_one else None, headers=JSON if body else {}, body=body
    )


def cases() -> Iterator[Case]:
    """Yield the examples of the document, and cases for all other responses that it describes."""
    for operation in OPERATIONS:
        for name in example_names(operation):
            for request in documented(operation, name):
                status = example_status(operation, name)
                yield Case(name, operation, request, status, BEFORE[operation])
        request, seeded = valid_request(operation), BEFORE[operation]
        yield Case("unknownParameter", operation, request._replace(query="typo=1"), 400, seeded)
        yield Case("noIdentity", operation, request._replace(authorizer={"iam": {}}), 403, seeded)
        claims = {
            "jwt": {"claims": {"iss": "https://issuer.test", "scope": "records/read records/write"}}
        }
        yield Case(
            "noSubject",
            operation,
            request._replace(authorizer=claims),
            403,
            seeded,
            auth_mode="JWT",
        )
        broken = dict.fromkeys(ANY_UNAVAILABLE, RuntimeError("unexpected"))
        yield Case("internalError", operation, request, 500, faults=broken)
        yield Case("configurationError", operation, request, 500, is_misconfigured=True)
        yield Case("unavailable", operation, request, 503, faults=ANY_UNAVAILABLE)
        if operation in WRITES:
            yield Case("outcomeUnknown", operation, request, 503, seeded, faults=LOST)
        if "{recordID}" in request.route_key:
            yield Case("malformedID", operation, request._replace(record_id="-"), 404)
        if operation in ("get", "update", "delete", "history"):
            yield Case("recordNotFound", operation, request._replace(record_id="unknown"), 404)
        if operation in ("get", "update", "delete", "restore"):
            other = {"If-Match": '"1-0a1b2c3d4e5f"'}
            yield Case(
                "preconditionFailed", operation, request._replace(headers=JSON | other), 412, seeded
            )
        if operation in ("update", "delete", "restore"):
            existing = {"If-None-Match": "*"}
            yield Case("exists", operation, request._replace(headers=JSON | existing), 412, seeded)
        if operation in BODIES:
            large = json.dumps({"attributes": {"text": "x" * api.MAX_BODY_BYTES}})
            yield Case("tooLarge", operation, request._replace(body=large), 413, seeded)
            text = {"Content-Type": "text/plain"}
            yield Case(
                "unsupportedMediaType", operation, request._replace(headers=text), 415, seeded
            )
    yield from special_cases()


def special_cases() -> Iterator[Case]:
    """Yield the cases of single operations."""
    listing, create, reading = valid_request("list"), valid_request("create"), valid_request("get")
    several = tuple(PLAIN for _ in range(5))
    yield Case(
        "compressed", "list", listing._replace(headers={"Accept-Encoding": "gzip"}), 200, several
    )
    yield Case(
        "query", "list", listing._replace(query="limit=0&state=failed&order=asc&order=desc"), 400
    )
    unquoted = {"If-None-Match": "1-0a1b2c3d4e5f"}
    yield Case("header", "get", reading._replace(headers=unquoted), 400, (PLAIN,))
    wrong = {"status": "", "state": "failed", "version": 2, "attributes": {"sizes": [1, {"": 2}]}}
    yield Case("body", "create", create._replace(body=json.dumps(wrong)), 400)
    too_large = {"GetItem": responses.RecordTooLarge()}
    yield Case("recordTooLarge", "get", reading, 500, faults=too_large)
    many = json.dumps({"attributes": {"\n" + "a" * 2000: [[{"": 0}]] * 1000}})
    yield Case("manyProblems", "create", create._replace(body=many), 400)
    yield Case("manyParameters", "list", listing._replace(query=f"{'ä' * 2000}&a" * 200), 400)
    yield Case("replayed", "create", KEYED, 201, (KEYED,))
    signed = json.dumps({"type": "note", "status": "new", "submittedBy": "m.okafor"})
    yield Case(
        "anyone", "create", create._replace(body=signed, authorizer=None), 201, auth_mode="NONE"
    )
    yield Case("keyReused", "create", KEYED._replace(body=PLAIN.body), 422, (KEYED,))
    examples = function_responses("create")[201]["content"][api.JSON]["examples"]
    keyed_id = examples["keyed"]["value"]["recordID"]
    removal = valid_request("delete")._replace(record_id=keyed_id)
    yield Case("recordDeleted", "create", KEYED, 410, (KEYED, removal))
    yield from restorations()
    compressed = {"Accept-Encoding": "gzip"}
    for operation in ("history", "changes"):
        request = valid_request(operation)._replace(headers=compressed)
        yield Case("compressed", operation, request, 200, BEFORE[operation])
    both = "since=2026-01-31T09:30:00Z&cursor=MQ&unsettled=yes"
    yield Case("sinceAndCursor", "changes", valid_request("changes")._replace(query=both), 400)


def restorations() -> Iterator[Case]:
    """Yield restores that are not possible, and one of a deleted record."""
    restore, deleted = valid_request("restore"), (PLAIN, valid_request("delete"))
    absent = restore._replace(body='{"version": 7}')
    yield Case("versionNotFound", "restore", absent, 404, BEFORE["restore"])
    yield Case("deletion", "restore", restore._replace(body='{"version": 2}'), 404, deleted)
    yield Case("nothingToRestore", "restore", restore, 409, (PLAIN,))
    yield Case("deleted", "restore", restore, 200, deleted)
    tagged = restore._replace(headers=JSON | {"If-Match": "*"})
    yield Case("noRecord", "restore", tagged, 412, deleted)
    wrong = restore._replace(body='{"version": 0, "status": "new"}')
    yield Case("wrongVersion", "restore", wrong, 400)


WRITES = ("create", "update", "delete", "restore")
CASES = list(cases())


def run(case: Case, client: "DynamoDBClient") -> Response:
    """Run a case on new tables."""
    table, call = new_table(client).name, through_boto3(client)
    with service.fixed():
        for request in case.before:
            service.send(service.app(call, table), request)
        if case.is_misconfigured:
            return service.send(service.MISCONFIGURED, case.request)
        return service.send(
            service.app(service.faulty(call, case.faults), table, case.auth_mode), case.request
        )
