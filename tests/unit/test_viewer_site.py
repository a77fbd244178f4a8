"""The viewer serves its own page only, and sends the API nothing but the page's own requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from records_cli.app_options import Role
from records_cli.client import Response
from records_cli.viewer import rules
from records_cli.viewer.site import STATIC, Reply, Site, respond

PORT = 8080
ORIGIN = f"http://127.0.0.1:{PORT}"
SECRET_KEY = "the caller's secret access key"


ANSWER = Response(200, {"etag": '"1"', "set-cookie": "a=b", "apigw-id": "x"}, b"{}")


@dataclass
class Caller:
    """A caller that notes its requests, and returns a response with a header for itself."""

    role: Role
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    sent: list[Mapping[str, str]] = field(default_factory=list)
    url: str = "https://api.example.com/records"
    region: str = "eu-west-1"
    access_key_id: str = "AKIAIOSFODNN7EXAMPLE"
    secret_access_key: str = SECRET_KEY
    session_token: str = "the caller's session token"
    error: OSError | None = None
    response: Response = ANSWER

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | str = "",
        body: object = None,  # noqa: ARG002 (a parameter of Api.call)
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        if self.error:
            raise self.error
        self.requests.append((method, path, str(query)))
        self.sent.append(headers or {})
        return self.response

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        return self.call("GET", path, query=query)


@pytest.fixture
def site() -> Site:
    return Site(PORT, {role: Caller(role) for role in Role})


def send(site: Site, method: str, target: str, body: bytes = b"", **changed: str | None) -> Reply:
    """Send a request as the page does; None removes a header, `_` stands for `-`."""
    headers: dict[str, str | None] = {
        "host": f"127.0.0.1:{PORT}",
        "cookie": f"{rules.cookie_name(PORT)}={site.secret}",
        "sec-fetch-site": "same-origin",
        "origin": None if method == "GET" else ORIGIN,
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    kept = {name: value for name, value in headers.items() if value is not None}
    return respond(site, rules.Request(method, target, kept, body))


def requests(site: Site) -> list[tuple[str, str, str, str]]:
    """Return all requests to the API, with the role that sent them."""
    return [
        (caller.role.value, *request)
        for caller in site.callers.values()
        if isinstance(caller, Caller)
        for request in caller.requests
    ]


@pytest.mark.parametrize(
    "host", [None, "evil.example", "localhost:8080", "127.0.0.1", "127.0.0.1:81", "127.0.0.1.evil"]
)
def test_other_hosts_are_refused(site: Site, host: str | None) -> None:
    assert send(site, "GET", "/", host=host).status == 421
    assert send(site, "GET", "/api/records", host=host).status == 421
    assert send(site, "GET", f"/open?token={site.token}", host=host).status == 421
    assert not requests(site)


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1:81", f"{ORIGIN}.evil"]
)
@pytest.mark.parametrize(
    ("method", "target"),
    [("POST", "/api/records"), ("PATCH", "/api/records/r"), ("POST", "/viewer/verify/r")],
)
def test_other_origins_cannot_write(
    site: Site, method: str, target: str, origin: str | None
) -> None:
    assert send(site, method, target, b"{}", origin=origin).status == 403
    assert not requests(site)


@pytest.mark.parametrize("place", ["cross-site", "same-site"])
def test_other_origins_cannot_read(site: Site, place: str) -> None:
    assert send(site, "GET", "/api/records", sec_fetch_site=place).status == 403
    assert send(site, "GET", "/api/records", origin="http://127.0.0.1:81").status == 403
    assert send(site, "GET", "/", sec_fetch_site=place, sec_fetch_mode="navigate").status == 200
    assert not requests(site)


@pytest.mark.parametrize("cookie", [None, "", "x=y", "records-viewer-8080=guess", 'a"=\x00'])
def test_requests_without_session_get_nothing(site: Site, cookie: str | None) -> None:
    page = send(site, "GET", "/", cookie=cookie)
    assert (page.status, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    assert b"records open" in page.body
    for target in ("/api/records", "/viewer/session", "/app.js"):
        assert send(site, "GET", target, cookie=cookie).status == 401
    reply = send(site, "GET", "/api/records", cookie=cookie)
    assert json.loads(reply.body)["type"] == "urn:records-viewer:no-session"
    assert not requests(site)


def test_cookie_of_another_viewer_is_refused(site: Site) -> None:
    other = Site(PORT, site.callers)
    cookie = f"{rules.cookie_name(PORT)}={other.secret}"
    assert send(site, "GET", "/api/records", cookie=cookie).status == 401


def test_token_is_exchanged_once_for_a_strict_cookie(site: Site) -> None:
    assert site.link == f"{ORIGIN}/open?token={site.token}"
    target = site.link.removeprefix(ORIGIN)
    wrong = send(site, "GET", "/open?token=guess", cookie=None)
    assert (wrong.status, "Set-Cookie" in wrong.headers) == (401, False)
    reply = send(site, "GET", target, cookie=None)
    assert (reply.status, reply.headers["Location"]) == (303, "/")
    value, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert set(attributes) == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert site.token not in value
    assert send(site, "GET", "/", cookie=value).status == 200
    again = send(site, "GET", target, cookie=None)
    assert (again.status, "Set-Cookie" in again.headers) == (401, False)
    second_tab = send(site, "GET", target, cookie=value)
    assert (second_tab.status, second_tab.headers["Location"]) == (303, "/")
    assert site.token != Site(PORT, site.callers).token
    assert len(site.token) >= 32
    assert len(site.secret) >= 32


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/api/records", ("reader", "GET", "", "")),
        ("GET", "/api/records?type=a%20b&limit=5", ("reader", "GET", "", "limit=5&type=a%20b")),
        ("POST", "/api/records", ("writer", "POST", "", "")),
        ("GET", "/api/records/a.b", ("reader", "GET", "/a.b", "")),
        ("GET", "/api/records/a%3Ab", ("reader", "GET", "/a%3Ab", "")),
        ("PATCH", "/api/records/r", ("writer", "PATCH", "/r", "")),
        ("GET", "/api/records/r/history", ("auditor", "GET", "/r/history", "")),
        ("POST", "/api/records/r/restore", ("writer", "POST", "/r/restore", "")),
    ],
)
def test_routes_of_the_api_are_called_by_role(
    site: Site, method: str, target: str, expected: tuple[str, ...]
) -> None:
    assert send(site, method, target).status == 200
    assert requests(site) == [expected]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("DELETE", "/api/records/r", 405),
        ("PUT", "/api/records/r", 405),
        ("POST", "/api/records/r", 405),
        ("POST", "/viewer/session", 405),
        ("GET", "/viewer/verify/r", 405),
        ("GET", "/api/changes", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/records/", 404),
        ("GET", "/api/records/..", 404),
        ("GET", "/api/records/%2e%2e/changes", 404),
        ("GET", "/api/records/a%2Fb", 404),
        ("GET", "/api/records/r/other", 404),
        ("GET", "/api/records%3Fx", 404),
        ("GET", "/api/records/a%0D%0Ab", 404),
        ("GET", f"/api/records/{'a' * 129}", 404),
        ("GET", "/viewer/verify", 404),
        ("GET", "/../site.py", 404),
        ("GET", "/%2e%2e/site.py", 404),
        ("GET", "/site.py", 404),
        ("POST", "/", 405),
    ],
)
def test_other_routes_and_methods_reach_nothing(
    site: Site, method: str, target: str, status: int
) -> None:
    reply = send(site, method, target, b"{}")
    assert reply.status == status
    assert not requests(site)


def test_only_headers_of_the_api_pass_in_both_directions(site: Site) -> None:
    reply = send(site, "PATCH", "/api/records/r", b"{}", if_match='"1"', authorization="x", te="y")
    writer = site.callers[Role.WRITER]
    assert isinstance(writer, Caller)
    assert writer.sent == [{"if-match": '"1"'}]
    assert reply.headers == {"etag": '"1"'}


def test_credentials_never_reach_the_browser(site: Site) -> None:
    replies = [send(site, "GET", "/viewer/session"), send(site, "GET", "/")]
    replies += [send(site, "GET", f"/{file.name}") for file in STATIC.iterdir()]
    shown = b"".join(reply.body + repr(reply.headers).encode() for reply in replies)
    for secret in (SECRET_KEY, "AKIAIOSFODNN7EXAMPLE", "the caller's session token", site.secret):
        assert secret.encode() not in shown
    assert json.loads(replies[0].body) | {"version": ""} == {
        "url": "https://api.example.com/records",
        "auth": "sigv4",
        "region": "eu-west-1",
        "hasSessionToken": True,
        "version": "",
    }


def test_wrong_credentials_are_no_missing_permission(site: Site) -> None:
    wrong = {"x-amzn-errortype": "InvalidSignatureException"}
    for headers, kind in (({}, None), (wrong, "urn:records-viewer:no-credentials")):
        for caller in site.callers.values():
            assert isinstance(caller, Caller)
            caller.response = Response(403, headers, b'{"message": "Forbidden"}')
        reply = send(site, "GET", "/api/records")
        content: dict[str, Any] = json.loads(reply.body)
        assert (reply.status, content.get("type")) == ((502 if kind else 403), kind)
    assert "secret key" in content["remedy"]


def test_lost_api_is_named_with_a_remedy(site: Site) -> None:
    for caller in site.callers.values():
        assert isinstance(caller, Caller)
        caller.error = ConnectionRefusedError(111, "Connection refused")
    reply = send(site, "GET", "/api/records")
    content: dict[str, Any] = json.loads(reply.body)
    assert (reply.status, content["type"]) == (502, "urn:records-viewer:no-response")
    assert "https://api.example.com/records" in content["detail"]
    assert content["remedy"]


def test_security_headers_allow_only_the_own_files() -> None:
    policy = dict(rule.partition(" ")[::2] for rule in rules.CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "img", "connect")} == {"'self'"}
    assert {policy[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert rules.SECURITY_HEADERS["X-Content-Type-Options"] == "nosniff"
    assert rules.SECURITY_HEADERS["Referrer-Policy"] == "no-referrer"
    assert rules.SECURITY_HEADERS["Cache-Control"] == "no-store"


def test_page_has_no_external_or_inline_code() -> None:
    for file in STATIC.iterdir():
        text = file.read_text()
        for forbidden in (
            "innerHTML",
            "insertAdjacentHTML",
            "eval(",
            " style=",
            'onclick="',
            "//cdn",
        ):
            assert forbidden not in text, (file.name, forbidden)
    page = (STATIC / "index.html").read_text()
    assert page.count("<script") == 1
    assert '<script type="module" src="/app.js"></script>' in page
