"""Responses and log lines while DynamoDB is unreachable. tests/unit has all other faults."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from e2e.instances import Instance
from e2e.support import assert_problem, log_lines, wait_for
from lib.client import Response, send

Aws = Callable[..., Any]

# The handler's deadline for a request, plus a second to respond.
MOST_MILLISECONDS = 10_000 + 1_000


@contextmanager
def configured(aws: Aws, instance: Instance, **variables: str) -> Iterator[None]:
    """Point `live` to a version with these environment variables, and afterwards back."""
    client, name = aws("lambda"), instance.function
    before = client.get_function_configuration(FunctionName=name)["Environment"]
    serving = client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    changed = before["Variables"] | variables
    client.update_function_configuration(FunctionName=name, Environment={"Variables": changed})
    version = client.publish_version(FunctionName=name)["Version"]
    try:
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
        yield
    finally:
        client.update_alias(FunctionName=name, Name="live", FunctionVersion=serving)
        client.update_function_configuration(FunctionName=name, Environment=before)
        client.delete_function(FunctionName=name, Qualifier=version)


@contextmanager
def closed_port() -> Iterator[str]:
    """Yield an endpoint whose port is closed."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """Yield an endpoint that accepts every request and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def create(instance: Instance) -> Response:
    return send(
        "POST", instance.url, b'{"type":"x","status":"y"}', {"content-type": "application/json"}
    )


def get(instance: Instance) -> Response:
    return send("GET", f"{instance.url}/nothing", b"", {})


def lines_of(aws: Aws, group: str, since: float, response: Response) -> list[dict[str, Any]]:
    """Return the JSON lines with the ID of the request."""

    def matching() -> list[dict[str, Any]]:
        every = log_lines(aws("logs"), since, group)
        return [line for line in every if line.get("requestId") == response.headers["x-request-id"]]

    return wait_for(matching)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (closed_port, {get: "unavailable", create: "unavailable"}),
        # A write without a response may have been carried out.
        (silent, {create: "outcome-unknown"}),
    ],
    ids=["closed", "silent"],
)
def test_unreachable_database_is_a_503_within_the_deadline(
    open_instance: Instance,
    aws: Aws,
    database: Callable[[], AbstractContextManager[str]],
    expected: dict[Callable[[Instance], Response], str],
) -> None:
    began = time.time()
    assert get(open_instance).status == 404
    with database() as endpoint, configured(aws, open_instance, AWS_ENDPOINT_URL_DYNAMODB=endpoint):
        responses = [call(open_instance) for call in expected]
    for response, kind in zip(responses, expected.values(), strict=True):
        assert_problem(response, 503, kind)
        assert response.headers["retry-after"] == "1"
        (line,) = lines_of(aws, open_instance.log_group, began, response)
        assert (line["level"], line["message"], line["status"]) == ("WARNING", "request", 503)
        assert line["cause"]
        assert line["durationMs"] < MOST_MILLISECONDS
    assert get(open_instance).status == 404
