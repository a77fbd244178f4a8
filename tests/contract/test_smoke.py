"""scripts/smoke against a correct server, and against servers that are wrong in one place."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lib import smoke, venvs
from lib.client import Answer
from lib.console import Failure
from lib.smoke import CHECKS, Bearer, checked, checked_url, writes

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
        ("gets one record", "/records/newer", status(404), r"answered 404 .*If-None-Match 304"),
        ("gets one record", "/records/newer", without("etag"), r"answered 200 .*If-None-Match 200"),
        (
            "gets one record",
            "/records/newer",
            says(OLDER),
            "or a record that differs from the listing",
        ),
        (
            "gets one record",
            "/records/newer under its ETag",
            status(200),
            r"answered 200 .*If-None-Match 200",
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
            "does not name the unknown parameter",
        ),
        (
            "refuses typos by name",
            "/records/00000000-0000-7000-8000-000000000000",
            status(200),
            "200 instead of 404",
        ),
        ("refuses strangers", "to a stranger", status(200), "without credentials was answered 200"),
        ("refuses strangers", "to a stranger", status(404), "without credentials was answered 404"),
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


class Api:
    """Stands in for the service: answers what a test says, and notes what was sent."""

    url = "https://api.example.com/records"

    def __init__(self, **changed: Answer) -> None:
        self.sent: list[tuple[str, str]] = []
        self.record: dict[str, Any] = {}
        self.changed = changed

    def call(
        self, method: str, path: str = "", *, query: str = "", body: object = None, **others: object
    ) -> Answer:
        self.sent.append((method, path + (query and f"?{query}")))
        if method == "POST":
            assert isinstance(body, dict)
            self.record = {"recordID": "new", **body}
        usual = {
            "POST": answer(201, self.record, etag=ETAG),
            "GET": answer(200, self.record),
            "unchanged": answer(304),
            "list": answer(200, {"records": [self.record]}),
            "DELETE": answer(204),
        }
        name = "list" if query else "unchanged" if others else method
        return (usual | self.changed)[name]


def test_the_record_that_write_creates_is_read_listed_and_deleted() -> None:
    api = Api()
    assert writes(api) == "new created, read and deleted"  # type: ignore[arg-type]
    kind = api.record["type"]
    assert api.sent == [
        ("POST", ""),
        ("GET", "/new"),
        ("GET", "/new"),
        ("GET", f"?type={kind}"),
        ("DELETE", "/new"),
    ]
    again = Api()
    writes(again)  # type: ignore[arg-type]
    assert again.record["type"] != kind


@pytest.mark.parametrize("status", [403, 404])
def test_the_record_that_cannot_be_deleted_is_named(status: int) -> None:
    api = Api(DELETE=Answer(status, {}, b'{"message":"Not Found"}'))
    note = writes(api)  # type: ignore[arg-type]
    assert note.startswith(f"new (type {api.record['type']}) stays: DELETE was answered {status}")


@pytest.mark.parametrize(
    ("changed", "cause", "deleted"),
    [
        ({"POST": Answer(403, {}, b"Forbidden")}, "POST was answered 403: Forbidden", False),
        ({"POST": answer(500)}, "answered 500 instead of 201", False),
        ({"GET": answer(200, {"recordID": "other"})}, "differs from the answer to POST", True),
        ({"unchanged": answer(200)}, "answered 200 instead of 304", True),
        ({"list": answer(200, {"records": []})}, "the new record is not listed", True),
        ({"DELETE": answer(500)}, "DELETE was answered 500", True),
    ],
)
def test_what_goes_wrong_with_the_record_is_found_and_the_record_deleted(
    changed: dict[str, Answer],
    cause: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deleted: bool,
) -> None:
    monkeypatch.setattr(smoke, "_INDEX_SECONDS", -0.1)
    api = Api(**changed)
    with pytest.raises(Failure, match=cause):
        checked(writes, api)  # type: ignore[arg-type]
    assert (("DELETE", "/new") in api.sent) is deleted


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "the URL is empty"),
        ("foo", "'foo' is not a URL"),
        ("ftp://host/records", "is not a URL"),
        ("https:///records", "is not a URL"),
        ("https://host:99999/records", "is not a URL"),
        ("https://[::1/records", "is not a URL"),
        ("https://host/records\n", "is not a URL"),
        ("https://host", "does not end in /records"),
        ("https://host/records?limit=1", "does not end in /records"),
    ],
)
def test_what_cannot_be_the_url_is_refused_before_anything_is_sent(
    text: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("the script went on")

    monkeypatch.setattr(venvs, "run_in", unexpected)
    monkeypatch.setattr(sys, "argv", ["smoke", text])
    with pytest.raises(Failure, match=cause) as failure:
        smoke._verb()
    assert failure.value.remedy.startswith("pass the output records_url, such as https://")


@pytest.mark.parametrize(
    "url",
    ["https://a1b2.execute-api.us-east-1.amazonaws.com/records", "http://127.0.0.1:80/x/records"],
)
def test_a_records_url_is_taken(url: str) -> None:
    assert checked_url(url) == url
