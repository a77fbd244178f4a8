"""scripts/smoke against a correct server and against servers with one fault each."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest

from lib import smoke, venvs
from lib.client import Caller, Response
from lib.console import Failure
from lib.smoke import CHECKS, Bearer, checked, checked_url, writes
from unit.fake_service import send

Fault = Callable[[Response], Response]

NEWER, OLDER = ({"recordID": name, "type": "test"} for name in ("newer", "older"))
ETAG = '"1-abc"'
TYPO = {"requestId": "r", "errors": [{"parameter": "stauts", "detail": "is not a parameter"}]}


def response_of(status: int, content: object = None, **headers: str) -> Response:
    body = b"" if content is None else json.dumps(content).encode()
    return Response(status, {"x-request-id": "r", **headers}, body)


CORRECT = {
    "/records?limit=1": response_of(
        200, {"records": [NEWER], "next": "c"}, link='<?limit=1&cursor=c>; rel="next"'
    ),
    "/records?limit=1&cursor=c": response_of(200, {"records": [OLDER]}),
    "/records/newer": response_of(200, NEWER, etag=ETAG),
    "/records/newer under its ETag": response_of(304),
    "/records?stauts=failed": response_of(400, TYPO),
    "/records/00000000-0000-7000-8000-000000000000": response_of(404),
    "anonymous request": Response(403, {}, b'{"message":"Forbidden"}'),
}


@contextmanager
def server(responses: dict[str, Response]) -> Iterator[str]:
    """Serve `responses` on loopback; yield the records_url."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            request = self.path
            if self.headers["authorization"] != "Bearer token":
                request = "anonymous request"
            elif self.headers["if-none-match"] == ETAG:
                request += " under its ETag"
            response = responses.get(request, response_of(404))
            send(self, response)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{serving.server_port}/records"
        finally:
            serving.shutdown()
            thread.join()


def with_body(content: object) -> Fault:
    return lambda correct: replace(correct, body=json.dumps(content).encode())


def without(header: str) -> Fault:
    return lambda correct: replace(
        correct, headers={name: value for name, value in correct.headers.items() if name != header}
    )


def status(code: int) -> Fault:
    return lambda correct: replace(correct, status=code)


@pytest.mark.parametrize("name", CHECKS)
def test_correct_server_passes(name: str) -> None:
    with server(CORRECT) as url:
        assert checked(CHECKS[name], Bearer(url, "token"))


@pytest.mark.parametrize(
    ("name", "request_line", "fault", "cause"),
    [
        ("pages of the list", "/records?limit=1", status(500), "status 500, expected 200"),
        ("pages of the list", "/records?limit=1", without("x-request-id"), "has no x-request-id"),
        ("pages of the list", "/records?limit=1", without("link"), "is not this service"),
        ("pages of the list", "/records?limit=1", with_body({"data": []}), "is not this service"),
        ("pages of the list", "/records?limit=1", with_body("<html>"), "is not this service"),
        ("pages of the list", "/records?limit=1&cursor=c", status(400), "status 400, expected 200"),
        (
            "pages of the list",
            "/records?limit=1&cursor=c",
            with_body({"records": [NEWER]}),
            "contain the same record",
        ),
        ("one record", "/records/newer", status(404), r"returned 404 .*If-None-Match 304"),
        ("one record", "/records/newer", without("etag"), r"returned 200 .*If-None-Match 200"),
        (
            "one record",
            "/records/newer",
            with_body(OLDER),
            "or a record that differs from the listing",
        ),
        (
            "one record",
            "/records/newer under its ETag",
            status(200),
            r"returned 200 .*If-None-Match 200",
        ),
        (
            "unknown parameters rejected",
            "/records?stauts=failed",
            status(200),
            "status 200, expected 400",
        ),
        (
            "unknown parameters rejected",
            "/records?stauts=failed",
            with_body({"requestId": "r", "errors": []}),
            "does not name the unknown parameter",
        ),
        (
            "unknown parameters rejected",
            "/records/00000000-0000-7000-8000-000000000000",
            status(200),
            "status 200, expected 404",
        ),
        (
            "anonymous requests rejected",
            "anonymous request",
            status(200),
            "without credentials returned 200",
        ),
        (
            "anonymous requests rejected",
            "anonymous request",
            status(404),
            "without credentials returned 404",
        ),
    ],
)
def test_each_fault_is_reported(name: str, request_line: str, fault: Fault, cause: str) -> None:
    with (
        server(CORRECT | {request_line: fault(CORRECT[request_line])}) as url,
        pytest.raises(Failure, match=cause),
    ):
        checked(CHECKS[name], Bearer(url, "token"))


@pytest.mark.parametrize("name", CHECKS)
def test_unreachable_server_is_reported(name: str) -> None:
    with server(CORRECT) as url:
        pass
    with pytest.raises(Failure, match=f"no response from {url}: "):
        checked(CHECKS[name], Bearer(url, "token"))


class Api:
    """A stub for the service: records the requests; `changed` replaces responses."""

    url = "https://api.example.com/records"

    def __init__(self, **changed: Response) -> None:
        self.sent: list[tuple[str, str]] = []
        self.record: dict[str, Any] = {}
        self.changed = changed

    @property
    def as_caller(self) -> Caller:
        """Return this stub with the type that `writes` takes."""
        return cast("Caller", self)

    def call(
        self, method: str, path: str = "", *, query: str = "", body: object = None, **others: object
    ) -> Response:
        self.sent.append((method, path + (query and f"?{query}")))
        if method == "POST":
            assert isinstance(body, dict)
            self.record = {"recordID": "new", **body}
        usual = {
            "POST": response_of(201, self.record, etag=ETAG),
            "GET": response_of(200, self.record),
            "unchanged": response_of(304),
            "list": response_of(200, {"records": [self.record]}),
            "DELETE": response_of(204),
        }
        name = "list" if query else "unchanged" if others else method
        return (usual | self.changed)[name]


def test_write_reads_lists_and_deletes_its_record() -> None:
    api = Api()
    assert writes(api.as_caller) == "new created, read and deleted"
    kind = api.record["type"]
    assert api.sent == [
        ("POST", ""),
        ("GET", "/new"),
        ("GET", "/new"),
        ("GET", f"?type={kind}"),
        ("DELETE", "/new"),
    ]
    again = Api()
    writes(again.as_caller)
    assert again.record["type"] != kind


@pytest.mark.parametrize("status", [403, 404])
def test_record_that_cannot_be_deleted_is_reported(status: int) -> None:
    api = Api(DELETE=Response(status, {}, b'{"message":"Not Found"}'))
    note = writes(api.as_caller)
    assert note.startswith(
        f"new (type {api.record['type']}) was not deleted: DELETE returned {status}"
    )


@pytest.mark.parametrize(
    ("changed", "cause", "deleted"),
    [
        ({"POST": Response(403, {}, b"Forbidden")}, "POST returned 403: Forbidden", False),
        ({"POST": response_of(500)}, "status 500, expected 201", False),
        (
            {"GET": response_of(200, {"recordID": "other"})},
            "differs from the response to POST",
            True,
        ),
        ({"unchanged": response_of(200)}, "status 200, expected 304", True),
        ({"list": response_of(200, {"records": []})}, "the new record is not listed", True),
        ({"DELETE": response_of(500)}, "DELETE returned 500", True),
    ],
)
def test_failed_write_check_deletes_its_record(
    changed: dict[str, Response], cause: str, monkeypatch: pytest.MonkeyPatch, *, deleted: bool
) -> None:
    monkeypatch.setattr(smoke, "_INDEX_SECONDS", -0.1)
    api = Api(**changed)
    with pytest.raises(Failure, match=cause) as failure:
        checked(writes, api.as_caller)
    assert (("DELETE", "/new") in api.sent) is deleted
    assert ("writer policy" in failure.value.remedy) is ("403" in cause)


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
def test_invalid_url_is_rejected_before_a_request(
    text: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexpected(*_: object) -> None:
        raise AssertionError("the script continued")

    monkeypatch.setattr(venvs, "run_in", unexpected)
    monkeypatch.setattr(sys, "argv", ["smoke", text])
    with pytest.raises(Failure, match=cause) as failure:
        smoke._verb()
    assert failure.value.remedy.startswith("pass the output records_url, such as https://")


@pytest.mark.parametrize(
    "url",
    ["https://a1b2.execute-api.us-east-1.amazonaws.com/records", "http://127.0.0.1:80/x/records"],
)
def test_records_url_is_accepted(url: str) -> None:
    assert checked_url(url) == url
