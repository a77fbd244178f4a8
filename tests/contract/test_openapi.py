"""lambda/openapi.yaml compared with the module's operations and the handler's code."""

import json
import re
from typing import Any

import pytest
from openapi_spec_validator import validate

import verify_entry
from contract.openapi import (
    COMPONENTS,
    DOCUMENT,
    OPERATIONS,
    ROOT,
    function_responses,
    parameters,
    problem_types,
    violations,
)
from records_api import (
    api,
    cursor,
    entries,
    fields,
    history,
    operations,
    page_responses,
    records,
    representation,
    responses,
)
from records_api import parameters as query_parameters
from verify_entry import Number

MAX_LIMIT = query_parameters.MAX_LIMIT


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
