"""The DynamoDB JSON 1.0 wire: SigV4, time limits, retries, CRC32.

It takes an operation's name and a plain dict and knows nothing of records. botocore does the same and more, but this
service is mostly called cold, and importing botocore is what such a call would mostly wait for.
"""

import hashlib
import hmac
import http.client
import json
import os
import random
import ssl
import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .connection import Connection

ATTEMPT_SECONDS = 3.0
MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
# Refusals of the moment, before anything was done ("Error handling with DynamoDB", errors to retry).
RETRIED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
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


class Credentials(NamedTuple):
    """What requests are signed with."""

    key_id: str
    secret: str
    session_token: str | None


class Client:
    """One connection to one endpoint, for one thread: a Lambda environment serves one request at a time."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        url = urlsplit(endpoint_url)
        tls = ssl.create_default_context() if url.scheme == "https" else None
        self._connection = Connection(url.hostname or "", url.port or (443 if tls else 80), tls)
        # The scheme's own port stays out of the Host header (RFC 9110, section 4.2.3), as botocore has it.
        self._authority = url.netloc.removesuffix(":443" if tls else ":80")
        self._region = region

    def call(self, operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Return the answer to `operation`, no later than `deadline` (seconds of time.monotonic()).

        Raises ConditionFailed, Refused or Unavailable. What RETRIED names, 5xx, timeouts, resets and
        damaged answers are tried again, with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").
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
        self._connection.close()

    def _attempt(self, operation: str, body: bytes, limit: float) -> dict[str, Any]:
        credentials, is_sent = _credentials(), False
        try:
            self._connection.open(limit)
            self._connection.send(self._request(operation, body, credentials), limit)
            is_sent = True
            answer = self._connection.receive(limit)
            content = _content(answer.body, answer.headers.get("x-amz-crc32"))
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Refused("CertificateError", f"{error} ({self._authority})") from error
        except DAMAGE as error:
            self.close()
            raise Unavailable(
                type(error).__name__, f"{error} ({self._authority})", ambiguous=is_sent
            ) from error
        return _outcome(answer.status, content)

    def _request(self, operation: str, body: bytes, credentials: Credentials) -> bytes:
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._authority,
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        if credentials.session_token:
            headers["x-amz-security-token"] = credentials.session_token
        headers["authorization"] = authorization(
            headers, body, credentials.key_id, credentials.secret, self._region
        )
        headers["content-length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST / HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


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


def _credentials() -> Credentials:
    """Return the credentials in the environment, where those of a running function are renewed. Raises Refused."""
    required = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in required if not os.environ.get(name)]:
        raise Refused("MissingCredentials", f"environment variables not set: {', '.join(missing)}")
    key_id, secret = (os.environ[name] for name in required)
    return Credentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))


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
    if code in RETRIED:
        raise Unavailable(code, message)
    if status >= http.client.INTERNAL_SERVER_ERROR:
        # "The operation might have succeeded": Amazon DynamoDB Developer Guide, "Error handling with DynamoDB".
        raise Unavailable(code, message, ambiguous=True)
    raise Refused(code, message)
