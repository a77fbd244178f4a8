"""Signed calls to the records API."""

import http.client
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

_TIMEOUT_SECONDS = 60


class NotSentError(ConnectionError):
    """There was no connection, so the request was not sent. `__cause__` is the reason."""


@dataclass(frozen=True)
class Response:
    """A response; the names in `headers` are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, parsed as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Caller:
    """A caller with an access key. `url` is the URL of the collection and ends in /records.

    Callers with other credentials override `sign`: see `sign_in`.
    """

    url: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def call(
        self,
        method: str,
        path: str = "",
        *,
        query: Mapping[str, str] | str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one signed request to `url` + `path` and return the response, whatever its status.

        A `body` of bytes and a `query` of text are sent unchanged; any other body is sent as JSON.
        Raises OSError when there is no response (NotSentError if the request was not sent), and
        Failure when there are no credentials.
        """
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {"content-type": "application/json"} if data else {}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        # %20, not +: SigV4 signs + as a plus sign, but servers decode it as a space.
        text = (
            query if isinstance(query, str) else urlencode(sorted(query.items()), quote_via=quote)
        )
        url = f"{self.url}{path}{'?' if text else ''}{text}"
        return send(method, url, data, self.sign(method, url, data, sent))

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Send a GET request to a path next to `url`, such as /changes. Raises like `call`."""
        return replace(self, url=self.url.removesuffix("/records")).call("GET", path, query=query)

    def sign(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return `headers` with a signature (SigV4 for execute-api) that covers all of them."""
        # Imported here because the import is slow.
        from botocore.credentials import Credentials

        key = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        return sigv4(key, self.region, method, url, body, headers)


def sigv4(  # noqa: PLR0913, PLR0917 (the parts of a request)
    key: Any,
    region: str,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
) -> dict[str, str]:
    """Return `headers` with a signature (SigV4 for execute-api) that covers all of them."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(key, "execute-api", region).add_auth(request)
    return dict(request.headers.items())


def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Send one request unchanged and return the response, whatever its status.

    An https URL goes through the proxy in HTTPS_PROXY, unless NO_PROXY names its host.

    Raises ValueError if `url` has no host, and OSError when there is no response: NotSentError if
    there was no connection.
    """
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError(f"no host in {url!r}")
    connection = _connection(parts)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        _connect(connection)
        return _exchange(connection, method, target, body, headers)
    except http.client.HTTPException as error:  # not HTTP, or an incomplete response
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def proxy_of(url: SplitResult) -> SplitResult | None:
    """Return the proxy for an https URL in HTTPS_PROXY, unless NO_PROXY names its host."""
    text = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if not text or url.scheme != "https":
        return None
    from urllib.request import proxy_bypass

    if proxy_bypass(url.hostname or ""):
        return None
    return urlsplit(text if "//" in text else f"http://{text}")


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    """Return a connection, not opened yet, to the host of a URL or to the proxy before it."""
    host = url.hostname or ""
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    proxy = proxy_of(url)
    if proxy is None:
        return kind(host, url.port, timeout=_TIMEOUT_SECONDS)
    connection = kind(proxy.hostname or "", proxy.port or 80, timeout=_TIMEOUT_SECONDS)
    headers = {}
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers = {"proxy-authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    connection.set_tunnel(host, url.port, headers)
    return connection


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes,
    headers: Mapping[str, str],
) -> Response:
    """Send a request on an open connection and return the response."""
    connection.request(method, target, body or None, dict(headers))
    response = connection.getresponse()
    return Response(
        response.status,
        {name.lower(): value for name, value in response.getheaders()},
        response.read(),
    )


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
    except OSError as error:
        raise NotSentError(str(error)) from error
