"""Parameters and bodies: lambda/openapi.yaml accepts the same ones as the handler."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import service
from contract.openapi import OPERATIONS, decoded, parameters, success_statuses, violations
from contract.openapi_cases import valid_request
from records_api import api, fields

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
