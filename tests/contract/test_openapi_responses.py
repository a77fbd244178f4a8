"""The responses of the handler compared with lambda/openapi.yaml."""

from collections import defaultdict
from http import HTTPStatus
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contract.openapi import (
    OPERATIONS,
    function_content,
    function_responses,
    problem_types,
    resolved,
)
from contract.openapi_cases import CASES, Case, run
from contract.responses import service_errors
from contract.service import Response


@pytest.fixture(scope="module")
def outcomes() -> list[tuple[Case, Response]]:
    """Return every case with its response."""
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        return [(case, run(case, client)) for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_responses_are_as_documented(case: Case, outcomes: list[tuple[Case, Response]]) -> None:
    (actual,) = [response for each, response in outcomes if each is case]
    assert actual.status == case.status, actual.content
    assert not service_errors(case.operation, actual.status, actual.headers, actual.content)
    response = function_responses(case.operation)[actual.status]
    for content in function_content(response).values():
        if case.name in content.get("examples", {}):
            assert actual.content == expected(resolved(content["examples"][case.name])["value"])


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


def expected(example: dict[str, Any]) -> dict[str, Any]:
    """Return the example with the status phrase of this version of Python."""
    if "requestId" not in example:
        return example
    return example | {"title": HTTPStatus(example["status"]).phrase}
