"""lambda/openapi.yaml compared with the module's operations and the handler's responses."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import boto3
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from moto import mock_aws
from openapi_spec_validator import validate

import verify_entry
from contract import service
from contract.service import Request, Response
from records_api import (
    api,
    cursor,
    dynamodb,
    entries,
    fields,
    history,
    operations,
    page_responses,
    records,
    representation,
    responses,
)
from records_api import (
    parameters as query_parameters,
)
from unit.support import new_table, through_boto3
from verify_entry import Number

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "lambda/openapi.yaml").read_text())
COMPONENTS: dict[str, Any] = DOCUMENT["components"]
# References in schemas are relative to the document.
VALIDATOR = Draft202012Validator(DOCUMENT, format_checker=Draft202012Validator.FORMAT_CHECKER)
PROBLEM_JSON = "application/problem+json"
MAX_LIMIT = query_parameters.MAX_LIMIT
# By operation: its route key, and its description with the parameters of the path.
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    described["operationId"]: (
        f"{method.upper()} {path}",
        described | {"parameters": item.get("parameters", []) + described.get("parameters", [])},
    )
    for path, item in DOCUMENT["paths"].items()
    for method, described in item.items()
    if method != "parameters"
}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return the component that `node` refers to, or `node` itself."""
    if "$ref" not in node:
        return node
    component: dict[str, Any] = DOCUMENT
    for name in node["$ref"].removeprefix("#/").split("/"):
        component = component[name]
    return component


def violations(schema: dict[str, Any], value: object) -> list[str]:
    """Return the errors of `value` by a schema of the document."""
    errors = VALIDATOR.evolve(schema=schema).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in errors]


def parameters(operation: str) -> dict[str, dict[str, Any]]:
    """Return the operation's parameters by name."""
    return {each["name"]: each for each in map(resolved, OPERATIONS[operation][1]["parameters"])}


def function_responses(operation: str) -> dict[int, dict[str, Any]]:
    """Return the responses by status, without those that only API Gateway sends."""
    return {
        int(status): resolved(response)
        for status, response in OPERATIONS[operation][1]["responses"].items()
        if not response.get("$ref", "").startswith("#/components/responses/Gateway")
    }


def function_content(response: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the content of the function. Plain JSON beside a problem is from API Gateway."""
    content: dict[str, dict[str, Any]] = response.get("content", {})
    return {PROBLEM_JSON: content[PROBLEM_JSON]} if PROBLEM_JSON in content else content


def always_sent(response: dict[str, Any]) -> set[str]:
    """Return the headers of every response of the function. API Gateway sends none of them."""
    headers = {name: resolved(header) for name, header in response["headers"].items()}
    if shares_status(response):
        assert not any(header.get("required") for header in headers.values())
        return set(headers)
    return {name for name, header in headers.items() if header.get("required")}


def shares_status(response: dict[str, Any]) -> bool:
    """Return whether API Gateway can send this status, too."""
    content: dict[str, Any] = response.get("content", {})
    return {PROBLEM_JSON, api.JSON} <= content.keys()


def problem_types(response: dict[str, Any]) -> set[str | None]:
    """Return the problem types that a response may have, or {None} for a success."""
    content = function_content(response)
    if PROBLEM_JSON not in content:
        return {None}
    kind = content[PROBLEM_JSON]["schema"]["properties"]["type"]
    return set(kind.get("enum", [kind.get("const")]))


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


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[Case, Response]]:
    """Return every case with its response."""
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        return [(case, run(case, client)) for case in CASES]


def test_document_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_component_is_used() -> None:
    used = set(re.findall(r"#/components/(\w+/[\w-]+)", json.dumps(DOCUMENT)))
    defined = {
        f"{kind}/{name}"
        for kind in COMPONENTS
        if kind != "securitySchemes"
        for name in COMPONENTS[kind]
    }
    assert used == defined


def test_module_handler_and_document_have_the_same_operations() -> None:
    entry = (
        r'^    (\w+) = \{\n      route_key += "([^"]+)"\n      actions += \{[^}]+\}\n'
        r'      access += "(\w+)"\n      headers += (\[.*\])\n    \}$'
    )
    text = (ROOT / "modules/records-api/operations.tf").read_text()
    literal = text[text.index("  catalog = {\n") : text.index("\n  }\n")]
    catalog = {
        name: (route_key, access, json.loads(headers))
        for name, route_key, access, headers in re.findall(entry, literal, re.MULTILINE)
    }
    assert literal.count("route_key") == len(catalog)

    dispatched = {name: route_key for route_key, (name, _) in operations.OPERATIONS.items()}
    described = {name: route_key for name, (route_key, _) in OPERATIONS.items()}
    assert {name: route_key for name, (route_key, *_) in catalog.items()} == dispatched == described

    inputs = (ROOT / "modules/records-api/variables.tf").read_text()
    scopes = {
        level: re.findall(rf'{level}_scopes += .*\["([^"]+)"\]', inputs)
        for level in ("audit", "read", "write")
    }
    for name, (_, access, headers) in catalog.items():
        assert OPERATIONS[name][1]["security"] == [{"iam": []}, {"jwt": scopes[access]}, {}], name
        assert headers == cors_request_headers(name), name


def cors_request_headers(operation: str) -> list[str]:
    """Return the headers that a page in a browser sends only if CORS allows them.

    Fetch Standard: a page cannot set Accept-Encoding ("forbidden request-header"), and JSON is not
    among the media types that need no permission ("CORS-safelisted request-header").
    """
    names = {name.lower() for name, each in parameters(operation).items() if each["in"] == "header"}
    content = {"content-type"} if "requestBody" in OPERATIONS[operation][1] else set()
    return sorted((names | content) - {"accept-encoding"})


def test_pages_in_browsers_may_read_the_documented_headers() -> None:
    """Browsers show a page Cache-Control and Content-Encoding always, or act on them themselves."""
    text = (ROOT / "modules/records-api/cors.tf").read_text()
    [literal] = re.findall(r"expose_headers += \[([^]]+)\]", text)
    exposed = re.findall(r'"([^"]+)"', literal)
    documented = {
        name
        for operation in OPERATIONS
        for response in function_responses(operation).values()
        for name in response["headers"]
    }
    handled_by_browsers = {"cache-control", "content-encoding", "vary", "x-content-type-options"}
    assert exposed == sorted(documented - handled_by_browsers)


def test_operations_take_the_parameters_of_the_document() -> None:
    known = {
        "list": query_parameters.LIST_PARAMETERS,
        "history": query_parameters.HISTORY_PARAMETERS,
        "changes": query_parameters.CHANGES_PARAMETERS,
    }
    for operation in OPERATIONS:
        described = parameters(operation).items()
        names = [name for name, parameter in described if parameter["in"] == "query"]
        assert sorted(names) == sorted(known.get(operation, ())), operation


def test_schemas_have_the_fields_of_a_record() -> None:
    schemas = {
        name: list(schema.get("properties", {})) for name, schema in COMPONENTS["schemas"].items()
    }
    assert schemas["Record"] == list(fields.PUBLIC_FIELDS)
    assert schemas["NewRecord"] == schemas["Patch"] == list(fields.CLIENT_FIELDS)
    assert schemas["NewRecordOfAnyone"] == [*fields.CLIENT_FIELDS, "submittedBy"]
    assert schemas["HistoryEntry"] == [*history.PUBLIC_FIELDS, "settled"]


def test_entries_have_the_changes_of_the_code() -> None:
    changes = COMPONENTS["schemas"]["HistoryEntry"]["properties"]["change"]["enum"]
    assert changes == [
        history.CREATE,
        history.UPDATE,
        history.DELETE,
        history.RESTORE,
        history.ADOPT,
        history.REDACT,
    ]


def test_document_names_the_fields_without_a_hash() -> None:
    text = " ".join(COMPONENTS["schemas"]["HistoryEntry"]["description"].split())
    (names,) = re.findall(r"without its members (.+?)\. ", text)
    assert set(re.findall(r"`(\w+)`", names)) == history.UNHASHED_FIELDS | {"settled"}
    assert history.UNHASHED_FIELDS | {"settled"} == verify_entry.NOT_HASHED


@pytest.mark.parametrize("operation", ["history", "changes"])
def test_entries_in_examples_are_intact(operation: str) -> None:
    examples = function_responses(operation)[200]["content"][api.JSON]["examples"]
    pages = [
        json.loads(json.dumps(example["value"]), parse_int=Number, parse_float=Number)
        for example in examples.values()
    ]
    listed = [entry for page in pages for entry in page[operation]]
    assert listed
    assert all(verify_entry.is_intact(entry) for entry in listed)


def test_schemas_have_the_limits_of_the_code() -> None:
    schemas, limit = COMPONENTS["schemas"], parameters("list")["limit"]["schema"]
    for name, longest in fields.MAX_LENGTHS.items():
        schema = schemas[name[0].upper() + name[1:]]
        assert (schema["minLength"], schema["maxLength"]) == (1, longest), name
    assert limit["default"] == query_parameters.DEFAULT_LIMIT
    for page, name in (("Page", "records"), ("HistoryPage", "history"), ("ChangesPage", "changes")):
        assert schemas[page]["properties"][name]["maxItems"] == MAX_LIMIT
    assert schemas["Restoration"]["properties"]["version"] == {
        "description": "The version of the record to restore.",
        "type": "integer",
        "minimum": 1,
        "maximum": representation.MAX_VERSION,
    }
    assert schemas["Cursor"]["maxLength"] == cursor.MAX_LENGTH
    assert schemas["RecordID"]["pattern"] == f"^{fields.RECORD_ID.pattern}$"
    key = parameters("create")["Idempotency-Key"]["schema"]
    assert key["pattern"] == f"^{api.IDEMPOTENCY_KEY.pattern}$"
    assert schemas["Value"]["exclusiveMaximum"] == float(f"1e{fields.MAX_EXPONENT + 1}")
    assert schemas["Value"]["exclusiveMinimum"] == -schemas["Value"]["exclusiveMaximum"]
    negative, positive = schemas["Value"]["not"]["anyOf"]
    smallest = float(f"1e{fields.MIN_EXPONENT}")
    assert negative == {"exclusiveMinimum": -smallest, "exclusiveMaximum": 0}
    assert positive == {"exclusiveMinimum": 0, "exclusiveMaximum": smallest}
    for name in ("maxProperties", "x-max-values"):
        assert schemas["Attributes"][name] == fields.MAX_VALUES
    # A list or object counts as a value itself.
    for name in ("maxProperties", "maxItems"):
        assert schemas["Value"][name] == fields.MAX_VALUES - 1
    assert schemas["Problem"]["properties"]["errors"]["maxItems"] == fields.MAX_ERRORS
    part = schemas["InvalidPart"]["properties"]
    for name in ("pointer", "parameter"):
        assert part[name]["maxLength"] == fields.MAX_LOCATION_BYTES


SETTLED = int(entries.SETTLING_TIME.total_seconds())
NUMBERS = f"magnitude from 1E{fields.MIN_EXPONENT} to less than 1E+{fields.MAX_EXPONENT + 1}"


@pytest.mark.parametrize(
    ("description", "text"),
    [
        (DOCUMENT["info"], f"takes at most {records.MAX_RECORD_BYTES} bytes"),
        (DOCUMENT["info"], f"at most {fields.MAX_DIGITS} significant digits"),
        (DOCUMENT["info"], NUMBERS),
        (DOCUMENT["info"], f"nested {fields.MAX_DEPTH} levels deep, itself included"),
        (DOCUMENT["info"], f"at most {fields.MAX_VALUES} values"),
        (DOCUMENT["info"], f"`errors` lists the first {fields.MAX_ERRORS}"),
        (COMPONENTS["schemas"]["Attributes"], f"at most {fields.MAX_VALUES} values"),
        (
            COMPONENTS["schemas"]["Problem"]["properties"]["errors"],
            f"The first {fields.MAX_ERRORS} problems",
        ),
        (COMPONENTS["schemas"]["InvalidPart"], f"more than {fields.MAX_LOCATION_BYTES} bytes"),
        (DOCUMENT["info"], f"settled: older than {SETTLED} seconds"),
        (DOCUMENT["info"], f"more than {SETTLED} seconds after its `changedAt`"),
        (DOCUMENT["info"], f"ends before {responses.MAX_CONTENT_BYTES / 2**20} MiB"),
        (COMPONENTS["responses"]["TooLarge"], f"more than {api.MAX_BODY_BYTES} bytes"),
        (
            COMPONENTS["schemas"]["Attributes"],
            f"at most {fields.MAX_DEPTH} levels deep, itself included",
        ),
        (COMPONENTS["schemas"]["Value"], f"at most {fields.MAX_DIGITS} significant digits"),
        (COMPONENTS["schemas"]["Value"], NUMBERS),
        (parameters("list")["limit"], f"Values over {MAX_LIMIT} count as {MAX_LIMIT}"),
        (parameters("list")["Accept-Encoding"], f"over {page_responses.GZIP_FROM_BYTES} bytes"),
    ],
)
def test_descriptions_have_the_limits_of_the_code(description: dict[str, Any], text: str) -> None:
    assert text in " ".join(description["description"].split())


def test_problem_types_are_those_of_the_handler() -> None:
    described = {
        (status, kind)
        for operation in OPERATIONS
        for status, response in function_responses(operation).items()
        for kind in problem_types(response) - {None}
    }
    table = [*responses.PROBLEMS.values(), responses.INTERNAL_ERROR]
    assert described == {(int(status), responses.PROBLEM_TYPE + kind) for status, kind, _ in table}
    assert sorted(COMPONENTS["schemas"]["Problem"]["properties"]["type"]["enum"]) == sorted(
        responses.PROBLEM_TYPE + kind for _, kind, _ in table
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_responses_are_as_documented(case: Case, outcomes: list[tuple[Case, Response]]) -> None:
    (actual,) = [response for each, response in outcomes if each is case]
    assert actual.status == case.status, actual.content
    response = function_responses(case.operation)[actual.status]

    sent = {name: value for name, value in actual.headers.items() if name != "content-type"}
    described = {name: resolved(header) for name, header in response["headers"].items()}
    assert sent.keys() <= described.keys()
    assert always_sent(response) <= sent.keys()
    for name, value in sent.items():
        schema = described[name]["schema"]
        assert not violations(schema, decoded(value, schema)), name

    if function_content(response):
        ((media_type, content),) = function_content(response).items()
        assert actual.headers["content-type"] == media_type
        assert not violations(content["schema"], actual.content)
        assert not undocumented(content["schema"], actual.content)
        if case.name in content.get("examples", {}):
            assert actual.content == expected(resolved(content["examples"][case.name])["value"])
    else:
        assert actual.content is None
        assert "content-type" not in actual.headers


def test_every_documented_response_occurs(outcomes: list[tuple[Case, Response]]) -> None:
    seen = defaultdict(set)
    shown = defaultdict(set)
    for case, actual in outcomes:
        kind = actual.content["type"] if actual.status >= HTTPStatus.BAD_REQUEST else None
        seen[case.operation, actual.status].add(kind)
        seen[case.operation, actual.status] |= actual.headers.keys() - {"content-type"}
        shown[actual.status].add(case.name)
    for operation in OPERATIONS:
        for status, response in function_responses(operation).items():
            assert seen[operation, status] == problem_types(response) | response["headers"].keys()
            for content in function_content(response).values():
                assert content.get("examples", {}).keys() <= shown[status], (operation, status)


def test_gateway_responses_are_documented_apart() -> None:
    for operation, (_, described) in OPERATIONS.items():
        gateways = {
            status
            for status in described["responses"]
            if status not in map(str, function_responses(operation))
        }
        absent = {"404"} if "{recordID}" not in OPERATIONS[operation][0] else set()
        assert gateways == {"401", "429", "5XX"} | absent, operation
    for name, response in COMPONENTS["responses"].items():
        content = response["content"].get(api.JSON)
        if name.startswith("Gateway"):
            assert list(response["content"]) == [api.JSON], name
        if content:
            assert content["schema"] == {"$ref": "#/components/schemas/GatewayMessage"}, name
            assert not violations(content["schema"], content["examples"]["gateway"]["value"]), name
            assert "From API Gateway" in " ".join(response["description"].split()), name


def test_examples_match_their_schemas() -> None:
    headers = dict(COMPONENTS["headers"])
    for operation in OPERATIONS:
        for response in function_responses(operation).values():
            headers |= {
                name: header for name, header in response["headers"].items() if "schema" in header
            }
    for name, header in headers.items():
        assert "example" not in header or not violations(header["schema"], header["example"]), name
    for operation, (_, described) in OPERATIONS.items():
        for name, parameter in parameters(operation).items():
            values = [example["value"] for example in parameter.get("examples", {}).values()]
            for value in [*values, *([parameter["example"]] if "example" in parameter else [])]:
                assert not violations(parameter["schema"], value), name
        for content in described.get("requestBody", {}).get("content", {}).values():
            for example in content["examples"].values():
                assert not violations(content["schema"], example["value"])


# By parameter: an operation that has it, valid values, and invalid values.
SAMPLES: dict[str, tuple[str, list[str], list[str]]] = {
    "type": ("list", ["backup", "x" * 128, "ü\N{GRINNING FACE}&= +"], ["", "x" * 129]),
    "status": ("list", ["failed", "x" * 128], ["", "x" * 129]),
    "submittedBy": ("list", ["x" * 512], ["", "x" * 513]),
    "createdAfter": (
        "list",
        ["2026-01-31T09:30:00Z", "2026-01-31t09:30:00.123456789z", "2026-01-31T09:30:00-05:30"],
        ["", "2026-01-31", "2026-01-31T09:30:00", "2026-01-31 09:30:00Z", "2026-02-30T00:00:00Z",
         "1769851800", "2026-01-31T23:59:60Z", "2026-01-31T09:30:00+01:60", "20260131T093000Z",
         "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00.1234567890Z"],
    ),
    "createdBefore": ("list", ["2026-01-31T09:30:00Z"], ["", "tomorrow", "2026-13-01T00:00:00Z"]),
    "order": ("list", ["asc", "desc"], ["", "ASC", "up"]),
    "limit": ("list", ["1", "100", "1000", "1001", "99999999999999999999"],
              ["", "0", "-1", "1.5", "abc", "1e2"]),
    "cursor": ("list", [], ["", "x" * 512, "not base64!", "MQ=="]),
    "since": ("changes", ["2026-01-31T09:30:00Z"], ["", "yesterday", "2026-01-31"]),
    "unsettled": ("changes", ["true", "false"], ["", "True", "1"]),
    "Accept-Encoding": ("list", ["", "gzip", "br;q=1, *;q=0", "nonsense,,"], []),
    "recordID": ("get", ["a", "A.b_c:d~e-f", "x" * 128],
                 ["", "-a", ".a", "x" * 129, "a b", "a/b", "ü"]),
    "If-Match": ("update", ["*", '"1-a"', 'W/"1-a"', '""', '"a,b" , "c"', "", ', ,"a",,'],
                 ["1-a", '"a" "b"', '*, "a"', '"a']),
    "If-None-Match": ("delete", ["*", '"1-a"', 'W/"1-a", "2-b"', ",", '"ü",'],
                      ["1-a", 'w/"a"', "'a'", "*,"]),
    "Idempotency-Key": ("create", ["a", "!~" * 100, "x" * 255], ["", "a b", "ü", "x" * 256]),
}  # fmt: skip


def test_every_parameter_has_samples() -> None:
    assert SAMPLES.keys() == {name for operation in OPERATIONS for name in parameters(operation)}


@pytest.mark.parametrize(
    ("name", "value", "is_accepted"),
    [
        (name, value, is_accepted)
        for name, (_, accepted, rejected) in SAMPLES.items()
        for is_accepted, values in ((True, accepted), (False, rejected))
        for value in values
    ],
)
def test_handler_and_schema_reject_the_same_parameters(
    name: str, value: str, *, is_accepted: bool
) -> None:
    operation = SAMPLES[name][0]
    parameter, request = parameters(operation)[name], valid_request(operation)
    if parameter["in"] == "path":
        request = request._replace(record_id=value)
    elif parameter["in"] == "query":
        request = request._replace(query=urlencode({name: value}))
    else:
        request = request._replace(headers={**request.headers, name: value})
    actual = service.send(service.app(service.agreeable), request)

    assert (not violations(parameter["schema"], decoded(value, parameter["schema"]))) == is_accepted
    if is_accepted:
        assert actual.status in (*success_statuses(operation), HTTPStatus.PRECONDITION_FAILED)
    elif parameter["in"] == "path":
        assert actual.status == HTTPStatus.NOT_FOUND
    else:
        assert actual.status == HTTPStatus.BAD_REQUEST
        (problem,) = actual.content["errors"]
        assert problem.get("parameter", problem.get("header")) == name


# Without the rules that a schema cannot express: 38 digits, 1000 values, nesting, repeated names.
MEMBERS: list[Any] = [
    "",
    "x" * 9000,
    None,
    {},
    {"": 1},
    False,
    -0.0,
    9.9e125,
    -9.9e125,
    1e126,
    -1e126,
    1e-130,
    -9.9e-131,
    [None] * 999,
    [None] * 1000,
    {str(number): 0 for number in range(1000)},
]
EDGES: list[Any] = [
    *["x" * length for length in (0, 1, 128, 129, 512, 513, 8192, 8193)],
    *["\N{GRINNING FACE}" * length for length in (128, 129)],
    *[None, True, 0, 1e126, [], ["x"], {}, {"": 1}],
    *[{"a": member} for member in MEMBERS],
    *[{"a": [member]} for member in MEMBERS if member != [None] * 999],
    {str(number): 0 for number in range(1000)},
    {str(number): 0 for number in range(1001)},
]
FIELDS = [*fields.CLIENT_FIELDS, *fields.SERVER_FIELDS, "Type", "feed", ""]
RESTORATION = OPERATIONS["restore"][1]["requestBody"]["content"][api.JSON]["schema"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner),
)
PARTS = st.dictionaries(st.sampled_from(FIELDS), VALUES | st.sampled_from(EDGES), max_size=4)
COMPLETE = {"type": "note", "status": "new"}


def assert_same_verdict(
    operation: str, auth_mode: str, schema: dict[str, Any], body: object
) -> None:
    """Assert that the handler rejects a body if and only if the schema does."""
    request = valid_request(operation)._replace(body=json.dumps(body))
    actual = service.send(service.app(service.agreeable, auth_mode=auth_mode), request)
    errors = violations(schema, body)
    status = HTTPStatus.BAD_REQUEST if errors else min(success_statuses(operation))
    assert actual.status == status, (actual.content, errors)


with_body_schemas = pytest.mark.parametrize(
    ("operation", "auth_mode", "schema"),
    [
        ("create", "IAM", {"$ref": "#/components/schemas/NewRecord"}),
        ("create", "NONE", OPERATIONS["create"][1]["requestBody"]["content"][api.JSON]["schema"]),
        *[
            ("update", "IAM", each["schema"])
            for each in OPERATIONS["update"][1]["requestBody"]["content"].values()
        ],
        ("restore", "IAM", RESTORATION),
    ],
)


@with_body_schemas
def test_handler_and_schema_reject_the_same_edge_cases(
    operation: str, auth_mode: str, schema: dict[str, Any]
) -> None:
    for field in FIELDS:
        for value in EDGES:
            assert_same_verdict(operation, auth_mode, schema, COMPLETE | {field: value})
    for body in ({}, {"type": "note"}, {"status": "new"}, *EDGES):
        assert_same_verdict(operation, auth_mode, schema, body)


@with_body_schemas
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=PARTS | PARTS.map(lambda parts: COMPLETE | parts) | VALUES)
def test_handler_and_schema_reject_the_same_bodies(
    operation: str, auth_mode: str, schema: dict[str, Any], body: object
) -> None:
    assert_same_verdict(operation, auth_mode, schema, body)


def success_statuses(operation: str) -> list[int]:
    """Return the statuses under 400 of an operation."""
    return [status for status in function_responses(operation) if status < HTTPStatus.BAD_REQUEST]


def decoded(value: str, schema: dict[str, Any]) -> int | str:
    """Return a parameter or header in the type of its schema."""
    return (
        int(value) if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value) else value
    )


def expected(example: dict[str, Any]) -> dict[str, Any]:
    """Return the example with the status phrase of this version of Python."""
    if "requestId" not in example:
        return example
    return example | {"title": HTTPStatus(example["status"]).phrase}


def undocumented(schema: dict[str, Any], value: dict[str, Any]) -> set[str]:
    """Return the members of `value`, its items and their records that have no documentation."""
    members = set(value) - set(resolved(schema)["properties"])
    items = {
        "records": "Record",
        "errors": "InvalidPart",
        "history": "HistoryEntry",
        "changes": "HistoryEntry",
    }
    for name, item in items.items():
        for each in value.get(name, []):
            members |= set(each) - set(COMPONENTS["schemas"][item]["properties"])
            record = each.get("record") or {}
            members |= set(record) - set(COMPONENTS["schemas"]["Record"]["properties"])
    return members
