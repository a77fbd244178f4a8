"""scripts/smoke against a server that tells the truth, and against one that lies in one place."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lib.client import Answer
from lib.console import Failure
from lib.smoke import CHECKS, Bearer, checked

Lie = Callable[[Answer], Answer]

NEWER, OLDER = ({"recordID": name, "type": "test"} for name in ("newer", "older"))
ETAG = '"1-abc"'
TYPO = {"requestId": "r", "errors": [{"parameter": "stauts", "detail": "is not a parameter"}]}


def answer(status: int, content: object = None, **headers: str) -> Answer:
    body = b"" if content is None else json.dumps(content).encode()
    return Answer(status, {"x-request-id": "r", **headers}, body)


TRUTH = {
    "/records?limit=1": answer(
        200, {"records": [NEWER], "next": "c"}, link='<?limit=1&cursor=c>; rel="next"'
    ),
    "/records?limit=1&cursor=c": answer(200, {"records": [OLDER]}),
    "/records/newer": answer(200, NEWER, etag=ETAG),
    "/records/newer under its ETag": answer(304),
    "/records?stauts=failed": answer(400, TYPO),
    "/records/00000000-0000-7000-8000-000000000000": answer(404),
    "to a stranger": Answer(403, {}, b'{"message":"Forbidden"}'),
}


@contextmanager
def server(answers: dict[str, Answer]) -> Iterator[str]:
    """Serve these answers on loopback and give the URL of the records."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            about = self.path
            if self.headers["authorization"] != "Bearer token":
                about = "to a stranger"
            elif self.headers["if-none-match"] == ETAG:
                about += " under its ETag"
            found = answers.get(about, answer(404))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *_: Any) -> None:  # noqa: ANN401
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}/records"
        finally:
            serving.shutdown()
            thread.join()


def says(content: object) -> Lie:
    return lambda true: replace(true, body=json.dumps(content).encode())


def without(header: str) -> Lie:
    return lambda true: replace(
        true, headers={name: value for name, value in true.headers.items() if name != header}
    )


def status(code: int) -> Lie:
    return lambda true: replace(true, status=code)


@pytest.mark.parametrize("name", CHECKS)
def test_a_server_that_tells_the_truth_passes(name: str) -> None:
    with server(TRUTH) as url:
        assert checked(CHECKS[name], Bearer(url, "token"))


@pytest.mark.parametrize(
    ("name", "about", "lie", "cause"),
    [
        ("lists in pages", "/records?limit=1", status(500), "answered 500 instead of 200"),
        ("lists in pages", "/records?limit=1", without("x-request-id"), "has no x-request-id"),
        ("lists in pages", "/records?limit=1", without("link"), "is not this service"),
        ("lists in pages", "/records?limit=1", says({"data": []}), "is not this service"),
        ("lists in pages", "/records?limit=1", says("<html>"), "is not this service"),
        ("lists in pages", "/records?limit=1&cursor=c", status(400), "answered 400 instead of 200"),
        (
            "lists in pages",
            "/records?limit=1&cursor=c",
            says({"records": [NEWER]}),
            "a record in common",
        ),
        ("gets one record", "/records/newer", status(404), "answers 404, under its ETag 304"),
        ("gets one record", "/records/newer", without("etag"), "answers 200, under its ETag 200"),
        ("gets one record", "/records/newer", says(OLDER), "or not what is listed"),
        (
            "gets one record",
            "/records/newer under its ETag",
            status(200),
            "answers 200, under its ETag 200",
        ),
        (
            "refuses typos by name",
            "/records?stauts=failed",
            status(200),
            "answered 200 instead of 400",
        ),
        (
            "refuses typos by name",
            "/records?stauts=failed",
            says({"requestId": "r", "errors": []}),
            "is not named",
        ),
        (
            "refuses typos by name",
            "/records/00000000-0000-7000-8000-000000000000",
            status(200),
            "200 instead of 404",
        ),
        ("refuses strangers", "to a stranger", status(200), "without credentials is answered 200"),
        ("refuses strangers", "to a stranger", status(404), "without credentials is answered 404"),
    ],
)
def test_each_lie_is_found(name: str, about: str, lie: Lie, cause: str) -> None:
    with server(TRUTH | {about: lie(TRUTH[about])}) as url, pytest.raises(Failure, match=cause):
        checked(CHECKS[name], Bearer(url, "token"))


@pytest.mark.parametrize("name", CHECKS)
def test_nobody_at_home_is_said_so(name: str) -> None:
    with server(TRUTH) as url:
        pass
    with pytest.raises(Failure, match=f"{url} does not answer: "):
        checked(CHECKS[name], Bearer(url, "token"))
