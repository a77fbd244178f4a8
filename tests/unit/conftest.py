"""Fixtures of the unit tests, which may open sockets only with the marker enable_socket."""

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from records_api import store
from unit.support import new_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# No deadline, because it would depend on the machine. CI runs the same examples every time.
settings.register_profile(
    "unit",
    deadline=None,
    max_examples=60,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("enable_socket") is None:
        request.getfixturevalue("socket_disabled")


@pytest.fixture(scope="session")
def dynamodb_client() -> Iterator["DynamoDBClient"]:
    """A client of moto's DynamoDB in this process."""
    with mock_aws():
        yield boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="secret",
        )


@pytest.fixture
def table(dynamodb_client: "DynamoDBClient") -> store.Table:
    return new_table(dynamodb_client)


@pytest.fixture
def log_lines() -> Iterator[list[str]]:
    """The lines of a root handler like that of the Lambda runtime."""
    lines: list[str] = []

    class RuntimeHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    def mark(record: logging.LogRecord) -> bool:
        record.aws_request_id = "runtime"
        record.tenant_id = None
        return True

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [RuntimeHandler()]
    root.handlers[0].addFilter(mark)
    yield lines
    root.handlers[:] = before
    root.setLevel(level)
