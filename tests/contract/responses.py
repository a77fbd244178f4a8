"""What lambda/openapi.yaml does not document in a response, for any operation and any status."""

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import jsonschema_rs

from contract.openapi import (
    COMPONENTS,
    OPERATIONS,
    always_sent,
    decoded,
    function_content,
    function_responses,
    resolved,
)
from records_api import api

# Headers that HTTP servers and API Gateway add to responses, with or without the function.
TRANSPORT_HEADERS = frozenset({
    "apigw-requestid", "connection", "content-length", "content-type", "date", "server",
    "transfer-encoding",
})  # fmt: skip
# API Gateway adds them if `api.cors` is set (modules/records-api/cors.tf).
CORS_HEADER = re.compile(r"access-control-[a-z-]+")
# What API Gateway itself responds to a request without a route, for which nothing is documented:
# Not Found, or Forbidden if no policy allows the path.
NO_ROUTE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
GATEWAY_MESSAGE = {"$ref": "#/components/schemas/GatewayMessage"}


def operation_of(method: str, path: str) -> str | None:
    """Return the operation whose route matches, or None. `path` is without a stage and a query.

    As in API Gateway, a parameter of a route matches one segment that is not empty.
    """
    request = f"{method} {path}"
    return next((name for name, route in _routes().items() if route.fullmatch(request)), None)


def undocumented(
    operation: str | None, status: int, headers: Mapping[str, str], body: bytes
) -> list[str]:
    """Return what the document does not say about a response; empty if it describes all of it.

    The names in `headers` are lowercase. Only responses of the service have `x-request-id`; those
    without it are from API Gateway. Without an operation, only API Gateway can respond.
    """
    content = _parsed(gzip.decompress(body) if "content-encoding" in headers else body)
    if "x-request-id" not in headers:
        return _gateway_errors(operation, status, headers, content)
    if operation is None:
        return [f"the service responded with {status} to a request without an operation"]
    return service_errors(operation, status, headers, content)


def service_errors(
    operation: str, status: int, headers: Mapping[str, str], content: object
) -> list[str]:
    """Return what is not documented in a response of the service.

    `content` is the body, parsed as JSON, or None without a body.
    """
    response = function_responses(operation).get(status)
    if response is None:
        return [f"status {status} of {operation} is not documented"]
    documented, media_type = function_content(response), headers.get("content-type")
    errors = _header_errors(response, headers)
    if media_type is None or media_type not in documented:
        is_empty = media_type is content is None and not documented
        return errors if is_empty else [*errors, f"content type {media_type} is not documented"]
    return errors + content_errors(documented[media_type]["schema"], content)


def content_errors(schema: dict[str, Any], value: object) -> list[str]:
    """Return the errors of a JSON value by a schema of the document.

    Members that the document does not list are errors, too.
    """
    errors = _validator(json.dumps(schema)).iter_errors(value)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in errors]


def _gateway_errors(
    operation: str | None, status: int, headers: Mapping[str, str], content: object
) -> list[str]:
    """Return what is not documented in a response without `x-request-id`."""
    if not _is_from_gateway(operation, status):
        return [f"API Gateway's status {status} of {operation} is not documented"]
    errors = [f"API Gateway's header {name} is not documented" for name in _own_headers(headers)]
    if headers.get("content-type") != api.JSON:
        errors.append(f"API Gateway's content type is {headers.get('content-type')}")
    return errors + content_errors(GATEWAY_MESSAGE, content)


def _is_from_gateway(operation: str | None, status: int) -> bool:
    """Return whether the document says that API Gateway responds with this status."""
    if operation is None:
        return status in NO_ROUTE
    responses = OPERATIONS[operation][1]["responses"]
    response = resolved(responses.get(str(status), responses.get(f"{status // 100}XX", {})))
    content = response.get("content", {}).get(api.JSON, {})
    return bool(content.get("schema") == GATEWAY_MESSAGE)


def _header_errors(response: dict[str, Any], headers: Mapping[str, str]) -> list[str]:
    sent = _own_headers(headers)
    described = {name: resolved(header) for name, header in response["headers"].items()}
    errors = [f"header {name} is not documented" for name in sorted(sent - described.keys())]
    errors += [f"header {name} is missing" for name in sorted(always_sent(response) - sent)]
    for name in sorted(sent & described.keys()):
        schema = described[name]["schema"]
        found = content_errors(schema, decoded(headers[name], schema))
        errors += [f"header {name}{error}" for error in found]
    return errors


def _own_headers(headers: Mapping[str, str]) -> set[str]:
    """Return the names of the headers that the document has to describe."""
    return {name for name in headers.keys() - TRANSPORT_HEADERS if not CORS_HEADER.fullmatch(name)}


def _parsed(body: bytes) -> object:
    """Return the body as JSON, None without a body, or a text that no schema accepts."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return f"not JSON: {body[:100]!r}"


@cache
def _routes() -> dict[str, re.Pattern[str]]:
    return {
        name: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route_key)))
        for name, (route_key, _) in OPERATIONS.items()
    }


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a schema in JSON, compiled once, with closed components."""
    components = {
        name: {"additionalProperties": False} | each if "properties" in each else each
        for name, each in COMPONENTS["schemas"].items()
    }
    root = json.loads(schema) | {"components": {"schemas": components}}
    return jsonschema_rs.Draft202012Validator(root, validate_formats=True)
