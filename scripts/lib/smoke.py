"""Checks a deployed records API over HTTP: pages, lookups, errors and authentication."""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

from lib import account, venvs
from lib.client import CONNECTION, Caller, Response, connected, connection, send
from lib.console import Failure, argument_parser, main, step

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_ATTEMPTS = 3  # others may change or delete the record between two requests
_INDEX_SECONDS = 10.0  # the index is eventually consistent
_EXAMPLE = "https://<api id>.execute-api.<region>.amazonaws.com/records"


@dataclass(frozen=True)
class Bearer:
    """A caller with a bearer token; with an empty token, it sends no credentials."""

    url: str
    token: str

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request to `url` + `path`, with `body` as JSON.

        Raises OSError when there is no response.
        """
        sent = dict(headers or {})
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        data = b"" if body is None else json.dumps(body).encode()
        if data:
            sent["content-type"] = "application/json"
        return send(method, f"{self.url}{path}{'?' if query else ''}{query}", data, sent)


def checked_url(text: str) -> str:
    """Return `text` if it can be a records_url. Raises Failure otherwise."""
    fix = f"pass the output records_url, such as {_EXAMPLE}"
    if not text:
        raise Failure(
            "the URL is empty", f"{fix}, or omit it to check the local stack of scripts/up"
        )
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # invalid brackets or port
        usable = False
    if not usable or not text.isascii() or not text.isprintable() or " " in text:
        raise Failure(f"{text!r} is not a URL", fix)
    if parts.query or parts.fragment or not parts.path.endswith("/records"):
        raise Failure(f"{text!r} does not end in /records", fix)
    return text


def lists(caller: Caller | Bearer) -> str:
    """Read two pages of one record each, following the `Link` header; return a note.

    Raises Failure if a request fails or both pages contain the same record.
    """
    first = _expect(caller.call("GET", query="limit=1"), HTTPStatus.OK)
    seen = [record["recordID"] for record in first.json()["records"]]
    if "next" in first.json():
        query = urljoin(
            caller.url, first.headers["link"].partition(">")[0].removeprefix("<")
        ).partition("?")[2]
        second = _expect(caller.call("GET", query=query), HTTPStatus.OK)
        seen += [record["recordID"] for record in second.json()["records"]]
    if len(set(seen)) != len(seen):
        raise Failure(
            "two consecutive pages contain the same record",
            "compare GET /records?limit=1 with the page of its Link header",
        )
    return f"{len(seen)} records on the first pages"


def gets(caller: Caller | Bearer) -> str:
    """Read the newest record by its ID, then again with If-None-Match; return a note.

    Raises Failure if the record differs from the listing, or if the second status is not 304.
    """
    statuses: list[int] = []
    for _ in range(_ATTEMPTS):
        records = _expect(caller.call("GET", query="limit=1"), HTTPStatus.OK).json()["records"]
        if not records:
            return "no record to get; with --write, one is created"
        path = f"/{records[0]['recordID']}"
        answer = caller.call("GET", path)
        again = caller.call("GET", path, headers={"if-none-match": answer.headers.get("etag", "")})
        statuses = [answer.status, again.status]
        if statuses == [HTTPStatus.OK, HTTPStatus.NOT_MODIFIED] and answer.json() == records[0]:
            return answer.headers["etag"]
    cause = (
        f"GET of a listed record returned {statuses[0]} (expected 200), with If-None-Match "
        f"{statuses[1]} (expected 304), or a record that differs from the listing"
    )
    raise Failure(cause, "compare GET /records?limit=1 with GET /records/{recordID}")


def rejects_unknown_parameters(caller: Caller | Bearer) -> str:
    """Send an unknown parameter, then an unknown record ID; return a note.

    Raises Failure unless the statuses are 400, with the name of the parameter, and 404.
    """
    problem = _expect(caller.call("GET", query="stauts=failed"), HTTPStatus.BAD_REQUEST).json()
    if [error["parameter"] for error in problem["errors"]] != ["stauts"]:
        raise Failure(
            "the error does not name the unknown parameter",
            "see the response to GET /records?stauts=failed",
        )
    _expect(caller.call("GET", "/00000000-0000-7000-8000-000000000000"), HTTPStatus.NOT_FOUND)
    return str(problem["requestId"])


def rejects_anonymous_requests(caller: Caller | Bearer) -> str:
    """Send a request without credentials; return a note.

    Raises Failure unless the status is 401 or 403.
    """
    answer = send("GET", caller.url, b"", {})
    if answer.status not in _REFUSED:
        raise Failure(
            f"a request without credentials returned {answer.status}, expected 401 or 403",
            "check auth.mode",
        )
    return str(answer.status)


def writes(caller: Caller | Bearer) -> str:
    """Create a record of a unique type, read it, list it, and delete it; return a note.

    If the caller may not delete records, the record is kept and the note says so. Raises Failure if
    another request fails.
    """
    kind = f"smoke-{uuid4()}"
    body = {"type": kind, "status": "test", "message": "Created by scripts/smoke --write"}
    answer = caller.call("POST", body=body)
    if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        raise Failure(
            f"POST returned {answer.status}: {_text(answer)}",
            "use credentials with the writer policy, and include `create` in `operations`",
        )
    record = _expect(answer, HTTPStatus.CREATED).json()
    path = f"/{record['recordID']}"
    try:
        _reads_back(caller, record, answer.headers["etag"])
        _is_listed(caller, record)
    finally:
        deleted = caller.call("DELETE", path)
    if deleted.status == HTTPStatus.NO_CONTENT:
        return f"{record['recordID']} created, read and deleted"
    if deleted.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        return (
            f"{record['recordID']} (type {kind}) was not deleted: "
            f"DELETE returned {deleted.status}; check that `operations` includes `delete`"
        )
    raise Failure(
        f"DELETE returned {deleted.status}: {_text(deleted)}", f"delete {record['recordID']}"
    )


def _reads_back(caller: Caller | Bearer, record: Mapping[str, object], etag: str) -> None:
    path = f"/{record['recordID']}"
    if _expect(caller.call("GET", path), HTTPStatus.OK).json() != record:
        raise Failure("GET of the new record differs from the response to POST", f"compare {path}")
    _expect(caller.call("GET", path, headers={"if-none-match": etag}), HTTPStatus.NOT_MODIFIED)


def _is_listed(caller: Caller | Bearer, record: Mapping[str, object]) -> None:
    deadline = time.monotonic() + _INDEX_SECONDS
    while True:
        page = _expect(caller.call("GET", query=f"type={record['type']}"), HTTPStatus.OK).json()
        if page["records"] == [record]:
            return
        if time.monotonic() > deadline:
            raise Failure(
                f"the new record is not listed after {_INDEX_SECONDS:.0f} s",
                f"look at GET /records?type={record['type']}",
            )
        time.sleep(0.5)


CHECKS: dict[str, Callable[[Caller | Bearer], str]] = {
    "pages of the list": lists,
    "one record": gets,
    "unknown parameters rejected": rejects_unknown_parameters,
    "anonymous requests rejected": rejects_anonymous_requests,
}
WRITE_CHECK = "create and delete"


def checked(check: Callable[[Caller | Bearer], str], caller: Caller | Bearer) -> str:
    """Run `check` and return its note.

    Raises Failure if it fails, if there is no response, or if another service responds.
    """
    try:
        return check(caller)
    except OSError as error:
        raise Failure(
            f"no response from {caller.url}: {error}", "check the URL and the network"
        ) from error
    except (LookupError, TypeError, ValueError) as error:
        cause = f"the server at {caller.url} is not this service: {error!r}"
        raise Failure(cause, "check the URL: use the output records_url") from error


def _expect(answer: Response, status: HTTPStatus) -> Response:
    if answer.status != status:
        raise Failure(
            f"status {answer.status}, expected {status.value}: {_text(answer)}",
            "search the function's log for the requestId",
        )
    if "x-request-id" not in answer.headers:
        raise Failure(
            "the response has no x-request-id",
            "check the URL: the response is not from this service",
        )
    return answer


def _text(answer: Response) -> str:
    return answer.body.decode(errors="replace")[:300]


def _is_local(url: str) -> bool:
    """Return whether the URL is that of this checkout's local stack, which has its own keys."""
    return CONNECTION.exists() and connection()["records_url"] == url


def _caller(arguments: argparse.Namespace) -> Caller | Bearer:
    if arguments.url is None or _is_local(arguments.url):
        return connected("writer" if arguments.write else "reader")
    if arguments.auth == "jwt":
        token = os.environ.get("RECORDS_TOKEN", "")
        if not token:
            raise Failure(
                "RECORDS_TOKEN is not set", "export RECORDS_TOKEN=<a token of the issuer>"
            )
        return Bearer(arguments.url, token)
    if arguments.auth == "none":
        return Bearer(arguments.url, "")
    session = account.session(arguments.region)
    credentials = session.get_credentials()
    if credentials is None:
        raise Failure("no AWS credentials found", "set AWS_PROFILE, or sign in")
    key = credentials.get_frozen_credentials()
    return Caller(
        arguments.url, session.region_name, key.access_key or "", key.secret_key or "", key.token
    )


def _verb() -> None:
    parser = argument_parser(prog="scripts/smoke", description=__doc__)
    parser.add_argument(
        "url", nargs="?", help="the output records_url (default: the local stack of scripts/up)"
    )
    parser.add_argument(
        "--auth",
        choices=("iam", "jwt", "none"),
        default="iam",
        help="sign with your AWS credentials, send the token in RECORDS_TOKEN, or send no "
        "credentials (default: iam)",
    )
    parser.add_argument(
        "--region", help="region to sign for (default: AWS_REGION or the profile's)"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="also create a record, read it and delete it; requires the writer policy. If `delete` "
        "is not enabled, the record is kept",
    )
    arguments = parser.parse_args()
    if arguments.url is not None:
        checked_url(arguments.url)
    venvs.run_in("dev", "lib.smoke")
    caller = _caller(arguments)
    for name, check in (CHECKS | ({WRITE_CHECK: writes} if arguments.write else {})).items():
        if arguments.auth == "none" and check is rejects_anonymous_requests:
            continue
        with step(name) as line:
            line.note = checked(check, caller)


if __name__ == "__main__":
    main(_verb)
