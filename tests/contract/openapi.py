"""lambda/openapi.yaml, and what its operations, responses and schemas say."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from records_api import api

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "lambda/openapi.yaml").read_text())
COMPONENTS: dict[str, Any] = DOCUMENT["components"]
# References in schemas are relative to the document.
VALIDATOR = Draft202012Validator(DOCUMENT, format_checker=Draft202012Validator.FORMAT_CHECKER)
PROBLEM_JSON = "application/problem+json"
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


def success_statuses(operation: str) -> list[int]:
    """Return the statuses under 400 of an operation."""
    return [status for status in function_responses(operation) if status < HTTPStatus.BAD_REQUEST]


def decoded(value: str, schema: dict[str, Any]) -> int | str:
    """Return a parameter or header in the type of its schema."""
    return (
        int(value) if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", value) else value
    )
