"""Signed calls to the records API."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit


class NotSentError(ConnectionError):
    """There was no connection, so the request was not sent. `__cause__` is the reason."""


@dataclass(frozen=True)
class Response:
    """A response; the names in `headers` are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (JSON)
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
        from botocore.credentials import Credentials  # noqa: PLC0415

        key = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        return sigv4(key, self.region, method, url, body, headers)


def sigv4(  # noqa: PLR0913, PLR0917 (the parts of a request)
    key: Any,  # noqa: ANN401 (botocore's credentials, frozen or not)
    region: str,
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
) -> dict[str, str]:
    """Return `headers` with a signature (SigV4 for execute-api) that covers all of them."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(key, "execute-api", region).add_auth(request)
    return dict(request.headers.items())


def send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Send one request unchanged and return the response, whatever its status.

    Raises ValueError if `url` has no host, and OSError when there is no response: NotSentError if
    there was no connection.
    """
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError(f"no host in {url!r}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=60)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        _connect(connection)
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        return Response(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    except http.client.HTTPException as error:  # not HTTP, or an incomplete response
        raise ConnectionError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
    except OSError as error:
        raise NotSentError(str(error)) from error
