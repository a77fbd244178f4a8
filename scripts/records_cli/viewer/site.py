"""What the viewer answers to each request: the page, the API's routes, and verification."""

import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from records_cli import problems, sign_in, version
from records_cli.app_options import Role
from records_cli.client import Response
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.viewer import rules
from records_cli.viewer.rules import Request

STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PUBLIC = ("/app.css", "/icon.svg")  # the page for people without a session uses them
_RECORD = r"/records/(?P<id>[A-Za-z0-9][A-Za-z0-9._:~-]{0,127})"


class Api(Protocol):
    """The parts of `client.Caller` that are used here."""

    @property
    def url(self) -> str:
        """The URL of the collection."""

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request to a path below /records. Raises OSError if there is no response."""

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Send a GET request to a path next to /records. Raises like `call`."""


class Route(NamedTuple):
    """A route of the API: who calls it."""

    method: str
    pattern: re.Pattern[str]
    role: Role


# Only what the page needs: neither DELETE nor GET /changes.
_ROUTES = (
    Route("GET", re.compile("/records"), Role.READER),
    Route("POST", re.compile("/records"), Role.WRITER),
    Route("GET", re.compile(_RECORD), Role.READER),
    Route("PATCH", re.compile(_RECORD), Role.WRITER),
    Route("GET", re.compile(f"{_RECORD}/history"), Role.AUDITOR),
    Route("POST", re.compile(f"{_RECORD}/restore"), Role.WRITER),
)
_REQUEST_HEADERS = ("content-type", "idempotency-key", "if-match", "if-none-match")
_RESPONSE_HEADERS = (
    "content-type",
    "etag",
    "idempotency-replayed",
    "location",
    "retry-after",
    "x-request-id",
)


@dataclass(frozen=True)
class Reply:
    """A response; `server` adds the security headers and the length."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Site:
    """The viewer of one command. `callers` has a caller for each role.

    `token` is in the URL that is printed, and works once: a browser's history keeps URLs.
    `secret` is the value of the cookie.
    """

    port: int
    callers: Mapping[Role, Api]
    token: str = field(default_factory=secrets.token_urlsafe)
    secret: str = field(default_factory=secrets.token_urlsafe)
    _is_used: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def link(self) -> str:
        """Return the URL that opens the page, once."""
        return f"http://127.0.0.1:{self.port}/open?token={self.token}"

    def redeem(self, token: str) -> bool:
        """Return whether `token` is right and was not used before; it then is."""
        with self._lock:
            is_right = rules.equal(token, self.token) and not self._is_used
            self._is_used = self._is_used or is_right
            return is_right


def respond(site: Site, request: Request) -> Reply:
    """Return the response to a request."""
    refusal = rules.wrong_host(request, site.port) or rules.wrong_origin(request, site.port)
    if refusal:
        return problem(refusal.status, "refused", refusal.detail)
    path = urlsplit(request.target).path
    has_session = rules.has_session(request, site.port, site.secret)
    if path == "/open":
        return _open(site, request, has_session=has_session)
    if not has_session and path not in _PUBLIC:
        return _no_session(path)
    if path.startswith("/api/"):
        return _call(site, request, path.removeprefix("/api"))
    if path.startswith("/viewer/"):
        return _viewer(site, request, path.removeprefix("/viewer"))
    return _file(request, path)


def problem(status: HTTPStatus, kind: str, detail: str, remedy: str = "") -> Reply:
    """Return an error of the viewer itself, in the form of the API's errors."""
    content = {
        "type": f"urn:records-viewer:{kind}",
        "title": status.phrase,
        "status": status,
        "detail": detail,
    }
    if remedy:
        content["remedy"] = remedy
    return _json(status, content, "application/problem+json")


def _json(status: int, content: object, media_type: str = "application/json") -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": media_type})


def _open(site: Site, request: Request, *, has_session: bool) -> Reply:
    """Exchange the token in the URL for the cookie, and lead to a URL without it."""
    if request.method != "GET":
        return _wrong_method("GET")
    query = dict(parse_qsl(urlsplit(request.target).query))
    if has_session:
        return Reply(HTTPStatus.SEE_OTHER, headers={"Location": "/"})
    if not site.redeem(query.get("token", "")):
        return _no_session("/")
    cookie = f"{rules.cookie_name(site.port)}={site.secret}; HttpOnly; SameSite=Strict; Path=/"
    return Reply(HTTPStatus.SEE_OTHER, headers={"Location": "/", "Set-Cookie": cookie})


def _no_session(path: str) -> Reply:
    if path.startswith(("/api/", "/viewer/")):
        detail = "The session of this page has ended."
        remedy = "Run `records open` again, and use the link that it prints."
        return problem(HTTPStatus.UNAUTHORIZED, "no-session", detail, remedy)
    page = (STATIC / "no-session.html").read_bytes()
    return Reply(HTTPStatus.UNAUTHORIZED, page, {"Content-Type": _MEDIA_TYPES[".html"]})


def _wrong_method(*allowed: str) -> Reply:
    detail = f"Only {', '.join(allowed)} is allowed here."
    reply = problem(HTTPStatus.METHOD_NOT_ALLOWED, "refused", detail)
    return Reply(reply.status, reply.body, {**reply.headers, "Allow": ", ".join(allowed)})


def _not_found() -> Reply:
    return problem(HTTPStatus.NOT_FOUND, "refused", "The viewer has no such page.")


def _file(request: Request, path: str) -> Reply:
    """Return a file of static/. Names are looked up in its listing, so no path leads elsewhere."""
    name = "index.html" if path == "/" else path.removeprefix("/")
    files = {file.name: file for file in STATIC.iterdir() if file.suffix in _MEDIA_TYPES}
    if name not in files:
        return _not_found()
    if request.method not in ("GET", "HEAD"):
        return _wrong_method("GET", "HEAD")
    file = files[name]
    return Reply(HTTPStatus.OK, file.read_bytes(), {"Content-Type": _MEDIA_TYPES[file.suffix]})


def _call(site: Site, request: Request, path: str) -> Reply:
    """Send a request of the page to the API, signed, if it is one of the API's routes."""
    # Clients may encode characters that need no encoding, such as `:`.
    matching = [each for each in _ROUTES if each.pattern.fullmatch(unquote(path))]
    if not matching:
        return _not_found()
    route = next((each for each in matching if each.method == request.method), None)
    if route is None:
        return _wrong_method(*(each.method for each in matching))
    pairs = parse_qsl(urlsplit(request.target).query, keep_blank_values=True)
    try:
        answer = site.callers[route.role].call(
            request.method,
            quote(unquote(path).removeprefix("/records"), safe="/"),
            query=urlencode(sorted(pairs), quote_via=quote),
            body=request.body or None,
            headers={
                name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers
            },
        )
    except OSError as error:
        return _failed(problems.no_response(error, request.method, site.callers[route.role].url))
    except Failure as failure:
        return _failed(failure)
    if answer.status == HTTPStatus.FORBIDDEN and (remedy := problems.wrong_credentials(answer)):
        # The page would take it for a missing permission.
        return _failed(Failure(problems.message(answer), remedy, Exit.REFUSED))
    headers = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
    return Reply(answer.status, answer.body, headers)


def _failed(failure: Failure) -> Reply:
    """Return the response for a request to the API that got none, or could not be sent."""
    kinds = {
        Exit.UNAVAILABLE: "no-response",
        Exit.OUTCOME_UNKNOWN: "outcome-unknown",
        Exit.REFUSED: "no-credentials",
    }
    kind = next((kind for code, kind in kinds.items() if code == failure.code), "failed")
    return problem(
        HTTPStatus.BAD_GATEWAY, kind, _sentence(failure.cause), _sentence(failure.remedy)
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _viewer(site: Site, request: Request, path: str) -> Reply:
    if path == "/session":
        if request.method != "GET":
            return _wrong_method("GET")
        try:
            return _json(HTTPStatus.OK, describe(site.callers[Role.READER]))
        except Failure as failure:
            return _failed(failure)
    match = re.fullmatch("/verify" + _RECORD.removeprefix("/records"), unquote(path))
    if match is None:
        return _not_found()
    if request.method != "POST":
        return _wrong_method("POST")
    return _verify(site, match["id"])


def describe(caller: Api) -> dict[str, object]:
    """Return what the page may know of the caller: nothing secret.

    Raises Failure if its credentials can't be found any more.
    """
    auth, has_token = "sigv4", bool(getattr(caller, "session_token", None))
    if isinstance(caller, sign_in.ChainCaller):
        with sign_in.explained():
            has_token = bool(caller.credentials.get_frozen_credentials().token)
    elif isinstance(caller, sign_in.TokenCaller):
        auth = "bearer"
    elif isinstance(caller, sign_in.AnonymousCaller):
        auth = "none"
    return {
        "url": caller.url,
        "auth": auth,
        "region": getattr(caller, "region", ""),
        "hasSessionToken": has_token,
        "version": version(),
    }


def _verify(site: Site, record_id: str) -> Reply:
    """Verify a record's history like `records verify RECORD_ID`."""
    from records_cli import verification

    try:
        outcome = verification.verify_records(site.callers[Role.AUDITOR], [record_id])
    except Failure as failure:
        detail, remedy = _sentence(failure.cause), _sentence(failure.remedy)
        return problem(HTTPStatus.BAD_GATEWAY, "not-verified", detail, remedy)
    findings = [
        {"version": each.version, "kind": each.kind, "detail": each.detail}
        for each in outcome.findings
    ]
    content = {"intact": not outcome.damage, "entries": outcome.entries, "findings": findings}
    return _json(HTTPStatus.OK, content)
