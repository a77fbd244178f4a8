"""The DynamoDB JSON 1.0 wire: SigV4, one kept-alive connection, time limits, retries, CRC32.

It takes an operation's name and a plain dict and knows nothing of records. botocore does the same and more, but this
service is mostly called cold, and importing botocore is what such a call would mostly wait for.
"""

import hashlib
import hmac
import http.client
import io
import json
import os
import random
import select
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

CONNECT_SECONDS = 1.0
ATTEMPT_SECONDS = 3.0
# A frozen environment thaws with a socket its peer has long closed; the wall clock goes on while it is frozen.
IDLE_SECONDS = 10.0
MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
THROTTLES = frozenset(
    {"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"}
)
# What a lost or nonsensical answer raises; an announced length that no memory holds, and bottomless nesting, included.
DAMAGE = (
    OSError,
    ValueError,
    MemoryError,
    OverflowError,
    RecursionError,
    http.client.HTTPException,
)
# DNS suffixes of the partitions, by the beginning of the region's name; the first that fits.
SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
    ("", "amazonaws.com"),
)


class DynamoDBError(Exception):
    """A call that did not succeed. `ambiguous`: an attempt was sent and got no clear answer, so it may have worked."""

    def __init__(self, code: str, message: str, *, ambiguous: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.ambiguous = ambiguous


class ConditionFailed(DynamoDBError):
    """The condition did not hold; `item` is what stands there (attribute values), or None."""

    item: dict[str, Any] | None = None


class Refused(DynamoDBError):
    """A definite no that no retry would change: validation, permissions, credentials, certificates."""


class Unavailable(DynamoDBError):
    """Throttled, unreachable or out of time, and out of retries."""


class Client:
    """One connection to one endpoint, for one thread: a Lambda environment serves one request at a time."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        url = urlsplit(endpoint_url)
        self._host = url.hostname or ""
        self._tls = ssl.create_default_context() if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        # The scheme's own port stays out of the Host header (RFC 9110, section 4.2.3), as botocore has it.
        self._authority = url.netloc.removesuffix(":443" if self._tls else ":80")
        self._region = region
        self._socket: socket.socket | None = None
        self._last_used = 0.0

    def call(self, operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Return the answer to `operation`, no later than `deadline` (seconds of time.monotonic()).

        Raises ConditionFailed, Refused or Unavailable. Throttles, 5xx, time-outs, resets and damaged answers are tried
        again, with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
        """
        body = json.dumps(payload, separators=(",", ":")).encode()
        failure = Unavailable("DeadlineExceeded", "no time was left for the call")
        for attempt in range(MAX_ATTEMPTS):
            longest = (
                min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
                if attempt
                else 0.0
            )
            pause = random.uniform(0, longest)  # noqa: S311 - jitter, no secret
            if time.monotonic() + pause >= deadline:
                break
            time.sleep(pause)
            try:
                return self._attempt(
                    operation, body, min(deadline, time.monotonic() + ATTEMPT_SECONDS)
                )
            except Unavailable as error:
                error.ambiguous |= failure.ambiguous
                failure = error
            except DynamoDBError as error:
                error.ambiguous |= failure.ambiguous
                raise
        raise failure

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _attempt(self, operation: str, body: bytes, limit: float) -> dict[str, Any]:
        sent = False
        try:
            connection = self._connected(limit)
            connection.settimeout(_remaining(limit))
            connection.sendall(self._request(operation, body))
            sent = True
            # Closed here: of one left half read the garbage collector complains on standard error, among log lines.
            bounded: Any = _Bounded(connection, limit)
            with http.client.HTTPResponse(bounded, method="POST") as response:
                response.begin()
                answer = response.read()
            self._last_used = time.time()
            if response.will_close:
                self.close()
            content = _content(answer, response.headers.get("x-amz-crc32"))
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Refused("CertificateError", f"{error} ({self._authority})") from error
        except DAMAGE as error:
            self.close()
            raise Unavailable(
                type(error).__name__, f"{error} ({self._authority})", ambiguous=sent
            ) from error
        return _outcome(response.status, content)

    def _connected(self, limit: float) -> socket.socket:
        if self._socket and not self._is_fit(self._socket):
            self.close()
        if not self._socket:
            self._socket = _connected(
                self._host, self._port, min(limit, time.monotonic() + CONNECT_SECONDS)
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                self._socket.settimeout(min(CONNECT_SECONDS, _remaining(limit)))
                self._socket = self._tls.wrap_socket(self._socket, server_hostname=self._host)
        return self._socket

    def _is_fit(self, connection: socket.socket) -> bool:
        """Return whether a kept connection can take a request: used lately, and nothing to read from it.

        What there is to read is its end, or an answer nobody asked for, which the next request would take for its own.
        """
        is_fresh = 0 <= time.time() - self._last_used <= IDLE_SECONDS
        return is_fresh and not select.select([connection], [], [], 0)[0]

    def _request(self, operation: str, body: bytes) -> bytes:
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._authority,
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        # Read anew each time: credentials are renewed in the environment of a running function.
        if token := os.environ.get("AWS_SESSION_TOKEN"):
            headers["x-amz-security-token"] = token
        key_id, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        headers["authorization"] = authorization(headers, body, key_id, secret, self._region)
        headers["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST / HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


class _Bounded(io.RawIOBase):
    """A socket's bytes, every read bounded by what remains until `limit`: a peer that drips can't outlast it."""

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_remaining(self._limit))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


def regional_endpoint(region: str) -> str:
    """Return the URL of DynamoDB in `region`, in whatever partition that lies."""
    return f"https://dynamodb.{region}.{next(suffix for start, suffix in SUFFIXES if region.startswith(start))}"


def authorization(
    headers: Mapping[str, str], body: bytes, key_id: str, secret: str, region: str
) -> str:
    """Return the Authorization header of a DynamoDB request: POST to `/`, every header given is signed.

    `headers` have lower-case names and hold `x-amz-date`. Rule: AWS IAM User Guide, "Create a signed AWS API request".
    """
    moment = headers["x-amz-date"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/dynamodb/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _connected(host: str, port: int, limit: float) -> socket.socket:
    """Return a connection to the first of the host's addresses that takes it; each has its share of the time."""
    addresses = [info[4][:2] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    while True:
        wait = _remaining(limit) / len(addresses)
        try:
            return socket.create_connection(addresses.pop(0), wait)  # type: ignore[arg-type]
        except OSError:
            if not addresses:
                raise


def _remaining(limit: float) -> float:
    remaining = limit - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("no answer in time")
    return remaining


def _content(answer: bytes, checksum: str | None) -> dict[str, Any]:
    """Return the JSON object of an answer, or raise ValueError: damaged on its way, or not DynamoDB's."""
    if checksum is not None and int(checksum) != zlib.crc32(answer):
        raise ValueError("the answer does not match its CRC32")
    content = json.loads(answer)
    if not isinstance(content, dict):
        raise ValueError("the answer is not a JSON object")  # noqa: TRY004 - as any other damage
    return content


def _outcome(status: int, content: dict[str, Any]) -> dict[str, Any]:
    if status == http.client.OK:
        return content
    code = str(content.get("__type", f"HTTP{status}")).rpartition("#")[2]
    message = str(content.get("message") or content.get("Message") or "")
    if code == "ConditionalCheckFailedException":
        failed = ConditionFailed(code, message)
        failed.item = content.get("Item")
        raise failed
    if code in THROTTLES:
        raise Unavailable(code, message)
    if status >= http.client.INTERNAL_SERVER_ERROR:
        # "The operation might have succeeded": Amazon DynamoDB Developer Guide, "Error handling with DynamoDB".
        raise Unavailable(code, message, ambiguous=True)
    raise Refused(code, message)
