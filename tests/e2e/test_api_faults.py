"""What callers and the log are told when the fault is the service's own: database, configuration, the unforeseen."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from e2e.instances import Instance
from e2e.talk import lines, problem, soon
from lib.client import Answer, send

Aws = Callable[..., Any]

# The handler's deadline for a request, and what it may take to answer then.
MILLISECONDS = 10_000 + 1_000


@contextmanager
def rewired(aws: Aws, instance: Instance, **variables: str | None) -> Iterator[None]:
    """Let `live` serve a version with other environment variables (None takes one away), then again the one before."""
    client, name = aws("lambda"), instance.function
    before = client.get_function_configuration(FunctionName=name)["Environment"]
    serving = client.get_alias(FunctionName=name, Name="live")["FunctionVersion"]
    changed = {
        key: value for key, value in (before["Variables"] | variables).items() if value is not None
    }
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
def nobody() -> Iterator[str]:
    """Yield an endpoint at which every connection is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silence() -> Iterator[str]:
    """Yield an endpoint that takes every request and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def throttle() -> Iterator[str]:
    """Yield an endpoint that is always too busy."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"busy"}'
            self.send_response(400)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def create(instance: Instance) -> Answer:
    return send(
        "POST", instance.url, b'{"type":"x","status":"y"}', {"content-type": "application/json"}
    )


def get(instance: Instance) -> Answer:
    return send("GET", f"{instance.url}/nothing", b"", {})


def of_request(aws: Aws, group: str, since: float, answer: Answer) -> list[dict[str, Any]]:
    """Return the JSON lines that name the request."""

    def found() -> list[dict[str, Any]]:
        every = lines(aws("logs"), since, group)
        return [line for line in every if line.get("requestId") == answer.headers["x-request-id"]]

    soon(found)
    return found()


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        (nobody, {get: "unavailable", create: "unavailable"}),
        (throttle, {get: "unavailable", create: "unavailable"}),
        # A write that was sent and got no answer may have happened.
        (silence, {create: "outcome-unknown"}),
    ],
    ids=["gone", "throttled", "silent"],
)
def test_a_database_that_does_not_serve_is_a_503_in_time(
    open_instance: Instance,
    aws: Aws,
    database: Callable[[], AbstractContextManager[str]],
    expected: dict[Callable[[Instance], Answer], str],
) -> None:
    began = time.time()
    assert get(open_instance).status == 404
    with database() as endpoint, rewired(aws, open_instance, AWS_ENDPOINT_URL_DYNAMODB=endpoint):
        answers = [call(open_instance) for call in expected]
    for answer, kind in zip(answers, expected.values(), strict=True):
        problem(answer, 503, kind)
        assert answer.headers["retry-after"] == "1"
        (line,) = of_request(aws, open_instance.log_group, began, answer)
        assert (line["level"], line["message"], line["status"]) == ("WARNING", "request", 503)
        assert line["cause"]
        assert line["durationMs"] < MILLISECONDS
    assert get(open_instance).status == 404


def test_a_broken_configuration_is_told_whole_and_once(open_instance: Instance, aws: Aws) -> None:
    began = time.time()
    with rewired(aws, open_instance, TABLE_NAME=None, LOG_LEVEL="LOUD", RECORD_RETENTION_DAYS="-1"):
        answers = [
            get(open_instance),
            create(open_instance),
            send("GET", f"{open_instance.url}?limit=0", b"", {}),
        ]
    for answer in answers:
        content = json.dumps(problem(answer, 500, "configuration-error"))
        assert "TABLE_NAME" not in content
        (line,) = of_request(aws, open_instance.log_group, began, answer)
        assert (line["level"], line["message"], line["status"]) == ("ERROR", "request", 500)
        assert [text.partition("=")[0].split()[0] for text in line["problems"]] == [
            "TABLE_NAME", "LOG_LEVEL", "RECORD_RETENTION_DAYS",
        ]  # fmt: skip
    every = lines(aws("logs"), began, open_instance.log_group)
    # One line for each time the function started, which is once: the requests came one after the other.
    (line,) = (line for line in every if line.get("message") == "invalid configuration")
    assert line["level"] == "ERROR"
    assert [text.partition("=")[0].split()[0] for text in line["problems"]] == [
        "TABLE_NAME", "LOG_LEVEL", "RECORD_RETENTION_DAYS",
    ]  # fmt: skip
    assert sum(line.get("ConfigurationErrors", 0) for line in every) == 3
    assert "Traceback" not in json.dumps(every)


def test_the_unforeseen_is_logged_once_and_hidden_from_the_caller(
    open_instance: Instance, aws: Aws
) -> None:
    began = time.time()
    with rewired(aws, open_instance, TABLE_NAME="a-table-of-nobody"):
        answer = get(open_instance)
    content = json.dumps(problem(answer, 500, "internal-error"))
    assert "nobody" not in content
    assert "Error" not in content.replace("Internal Server Error", "")
    first, second = of_request(aws, open_instance.log_group, began, answer)
    assert (first["level"], first["message"]) == ("ERROR", "unhandled exception")
    assert "Refused: " in first["exc_info"]
    assert (second["level"], second["message"], second["status"]) == ("ERROR", "request", 500)
    every = lines(aws("logs"), began, open_instance.log_group)
    assert sum(line.get("UnhandledExceptions", 0) for line in every) == 1
