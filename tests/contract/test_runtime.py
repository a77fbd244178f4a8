"""The committed package with Lambda's runtime client (awslambdaric) and a Runtime API on loopback.

It shows how Lambda loads the handler and logs lines, and what a raised error looks like to the
caller. Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".
"""

import io
import json
import os
import queue
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(sys.platform != "linux", reason="the runtime client is built for Linux"),
]

PACKAGE = Path(__file__).parents[2] / "modules" / "records-api" / "package" / "records-api.zip"
FAILED = "self-test failed"  # what the runbook looks for
INVOCATION = "/2018-06-01/runtime/invocation/"
SETTINGS = {
    "AUTH_MODE": "IAM",
    "FILTER_INDEXES": "type",
    "HISTORY_TABLE_NAME": "records-test-history",
    "LOG_LEVEL": "INFO",
    "OPERATIONS": "get,list",
    "RECORD_RETENTION_DAYS": "0",
    "SERVICE_NAME": "records-test",
    "TABLE_NAME": "records-test",
}
IAM = {
    "userArn": "arn:aws:iam::123456789012:user/ann",
    "accountId": "123456789012",
    "userId": "AIDAANN",
}
REQUEST = {
    "version": "2.0",
    "routeKey": "GET /records",
    "rawPath": "/records",
    "rawQueryString": "",
    "headers": {"authorization": "AWS4-HMAC-SHA256 Credential=secret-sauce"},
    "requestContext": {"requestId": "gateway-1", "authorizer": {"iam": IAM}},
    "isBase64Encoded": False,
}


class Outcome(NamedTuple):
    """The result of one invocation; `kind` is `response` or `error`."""

    kind: str
    content: Any


class Run(NamedTuple):
    """The outcomes of all events, and the lines of the log and of standard output."""

    outcomes: list[Outcome]
    framed: list[Any]
    printed: list[Any]


def test_missing_variables_are_logged_and_fail_requests(tmp_path: Path) -> None:
    missing = ("TABLE_NAME", "AUTH_MODE", "OPERATIONS")
    settings = {name: value for name, value in SETTINGS.items() if name not in missing}
    run = lambda_run(tmp_path, settings, [REQUEST, REQUEST])

    starts = [line for line in run.framed if line["message"] == "invalid configuration"]
    assert [line["level"] for line in starts] == ["ERROR"]
    assert sorted(problem.split()[0] for problem in starts[0]["problems"]) == sorted(missing)
    for outcome in run.outcomes:
        assert outcome.kind == "response"
        assert outcome.content["statusCode"] == 500
        assert json.loads(outcome.content["body"])["type"] == "urn:records-api:configuration-error"
    assert [
        line["_aws"]["CloudWatchMetrics"][-1]["Metrics"][0]["Name"] for line in run.printed
    ] == [
        "ConfigurationErrors",
        "ConfigurationErrors",
    ]


def test_failed_self_test_is_an_error_of_the_invocation(tmp_path: Path) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "TABLE_NAME"}
    run = lambda_run(
        tmp_path, settings | {"LOG_LEVEL": "LOUD"}, [{"selfTest": True, "sourceDigest": None}]
    )

    [outcome] = run.outcomes
    assert outcome.kind == "error"
    assert [line["functionVersion"] for line in run.framed if line.get("message") == FAILED] == [
        "1"
    ]
    assert outcome.content["errorType"] == "ConfigError"
    assert "TABLE_NAME" in outcome.content["errorMessage"]
    assert "LOG_LEVEL" in outcome.content["errorMessage"]


def test_each_request_is_one_json_line_without_its_content(tmp_path: Path) -> None:
    run = lambda_run(tmp_path, SETTINGS, [REQUEST, REQUEST])

    assert [outcome.content["statusCode"] for outcome in run.outcomes] == [503, 503]
    assert run.framed == []
    assert [line["message"] for line in run.printed] == ["request", "request"]
    assert [line["coldStart"] for line in run.printed] == [True, False]
    assert {line["requestId"] for line in run.printed} == {"invocation-0", "invocation-1"}
    for line in run.printed:
        assert {
            "timestamp",
            "level",
            "service",
            "serviceVersion",
            "operation",
            "apiRequestId",
            "caller",
            "status",
        } <= line.keys()
        assert line["level"] == "WARNING"
    assert "secret-sauce" not in json.dumps(run.printed)


def lambda_run(folder: Path, settings: Mapping[str, str], events: list[Mapping[str, Any]]) -> Run:
    """Unpack the package and serve `events` with the runtime client and these variables."""
    zipfile.ZipFile(PACKAGE).extractall(folder)
    outcomes: queue.Queue[Outcome] = queue.Queue()
    server = runtime_api(iter(events), outcomes)
    reading, writing = os.pipe()
    environment = {
        **settings,
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": "records-test",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "LAMBDA_TASK_ROOT": str(folder),
        "_LAMBDA_TELEMETRY_LOG_FD": str(writing),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "awslambdaric", "records_api.handler.handler"],
        cwd=folder,
        env=environment,
        pass_fds=[writing],
        stdout=subprocess.PIPE,
    )
    os.close(writing)
    try:
        collected = [outcomes.get(timeout=30) for _ in events]
    finally:
        process.kill()
        printed, _ = process.communicate()
        server.shutdown()
        server.server_close()
    with os.fdopen(reading, "rb") as log:
        framed = [json.loads(message) for message in frames(log.read())]
    return Run(
        collected,
        framed,
        [json.loads(line) for line in printed.splitlines() if line.startswith(b"{")],
    )


def frames(log: bytes) -> Iterator[bytes]:
    """Yield the messages of a log: 4 bytes of type, 4 of length, 8 of time, then the message."""
    stream = io.BytesIO(log)
    while head := stream.read(16):
        yield stream.read(int.from_bytes(head[4:8], "big"))


def runtime_api(
    events: Iterator[Mapping[str, Any]], outcomes: "queue.Queue[Outcome]"
) -> ThreadingHTTPServer:
    """Start a Runtime API that sends `events` and collects the outcomes."""
    numbered = enumerate(events)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number, event = next(numbered, (None, None))
            if event is None:
                time.sleep(60)  # longer than the process runs
                return
            self.reply(200, json.dumps(event).encode(), f"invocation-{number}")

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["content-length"])))
            outcomes.put(Outcome(self.path.rpartition("/")[2], content))
            self.reply(202, b"{}")

        def reply(self, status: int, body: bytes, request_id: str = "") -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-type", "application/json")
            self.send_header("lambda-runtime-trace-id", "Root=1-5e9d0a5f-0;Sampled=0")
            self.send_header("lambda-runtime-aws-request-id", request_id)
            self.send_header(
                "lambda-runtime-deadline-ms", str(time.time_ns() // 1_000_000 + 29_000)
            )
            self.send_header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:f",
            )
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
