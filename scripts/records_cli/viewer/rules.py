"""Which requests the viewer serves, and the security headers of its responses.

Any website can make a browser send requests to loopback, and any program of this machine can send
them itself. So each request must name the server's own host (DNS rebinding), carry the session's
cookie, and must not come from another origin (cross-site request forgery).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

# Everything from this server only; no inline script or style; no HTML built from strings.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_SAFE_METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class Request:
    """A request as it was received; the names in `headers` are lowercase."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: a status and one line with the cause and the fix."""

    status: HTTPStatus
    detail: str


def cookie_name(port: int) -> str:
    """Return the cookie's name. Browsers share cookies between the ports of a host."""
    return f"records-viewer-{port}"


def wrong_host(request: Request, port: int) -> Refusal | None:
    """Return why the Host header is wrong, or None.

    A website whose name resolves to 127.0.0.1 (DNS rebinding) sends its own name as Host.
    """
    expected = f"127.0.0.1:{port}"
    if request.headers.get("host") == expected:
        return None
    return Refusal(HTTPStatus.MISDIRECTED_REQUEST, f"The host is not known. Use http://{expected}/")


def wrong_origin(request: Request, port: int) -> Refusal | None:
    """Return why a request may come from another origin, or None.

    SameSite cookies are sent to every port of a host, so they do not tell origins apart. Browsers
    send Origin with every POST and PATCH request, and Sec-Fetch-Site with all requests.
    """
    origin = request.headers.get("origin")
    expected = f"http://127.0.0.1:{port}"
    if origin is None and request.method not in _SAFE_METHODS:
        return Refusal(HTTPStatus.FORBIDDEN, "The header Origin is missing.")
    if origin not in (None, expected):
        return Refusal(HTTPStatus.FORBIDDEN, f"Only pages of {expected} may send requests.")
    is_navigation = request.headers.get("sec-fetch-mode") == "navigate"
    is_foreign = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if is_foreign and not (is_navigation and request.method == "GET"):
        return Refusal(HTTPStatus.FORBIDDEN, f"Only pages of {expected} may send requests.")
    return None


def has_session(request: Request, port: int, secret: str) -> bool:
    """Return whether the request carries the session's cookie."""
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return False
    cookie = cookies.get(cookie_name(port))
    return cookie is not None and equal(cookie.value, secret)


def equal(text: str, secret: str) -> bool:
    """Compare in a time that does not depend on where the texts differ."""
    return hmac.compare_digest(text.encode(errors="replace"), secret.encode())
