"""A client for DynamoDB's JSON 1.0 protocol: SigV4, timeouts, retries and CRC32 checks.

It takes the name of an operation and a plain dict, and knows nothing about records. botocore does
all of this too, but most requests to this service are cold starts, and importing botocore would
take most of their time.
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
# Temporary errors, for which DynamoDB did nothing. Source: Amazon DynamoDB Developer Guide, "Error
# handling with DynamoDB" (errors to retry).
RETRYABLE_CODES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    }
)
# Raised for a missing or damaged response. MemoryError and OverflowError come from a Content-Length
# that is too large, RecursionError from deeply nested JSON.
TRANSPORT_ERRORS = (
    OSError,
    ValueError,
    MemoryError,
    OverflowError,
    RecursionError,
    http.client.HTTPException,
)
# DNS suffixes of the partitions, by Region prefix. The first match applies.
DNS_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
    ("", "amazonaws.com"),
)


class DynamoDBError(Exception):
    """A call failed.

    `ambiguous` means that an attempt was sent and got no clear response, so it may have succeeded.
    """

    def __init__(self, code: str, message: str, *, ambiguous: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.ambiguous = ambiguous


class ConditionFailed(DynamoDBError):
    """The condition was false. `item` is the stored item (attribute values), or None."""

    item: dict[str, Any] | None = None


class Refused(DynamoDBError):
    """DynamoDB rejected the call, or it cannot be made; retries cannot help.

    Examples are validation errors and invalid permissions, credentials or certificates.
    """


class Unavailable(DynamoDBError):
    """DynamoDB throttled the call or did not respond, and time or retries are used up."""


class Credentials(NamedTuple):
    """AWS credentials for signing requests."""

    key_id: str
    secret: str
    session_token: str | None


class Client:
    """One connection to one endpoint, for use by one thread.

    One is enough, because a Lambda environment processes one request at a time.
    """

    def __init__(self, endpoint_url: str, region: str) -> None:
        url = urlsplit(endpoint_url)
        tls = ssl.create_default_context() if url.scheme == "https" else None
        self._connection = Connection(url.hostname or "", url.port or (443 if tls else 80), tls)
        # As in botocore, the Host header omits the scheme's default port (RFC 9110, section 4.2.3).
        self._authority = url.netloc.removesuffix(":443" if tls else ":80")
        self._region = region

    def call(self, operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Return the response to `operation` before `deadline` (seconds of time.monotonic()).

        RETRYABLE_CODES, 5xx responses, timeouts, resets and damaged responses are retried, up to
        MAX_ATTEMPTS in total, with full jitter (AWS Architecture Blog, "Exponential Backoff And
        Jitter"). Raises ConditionFailed, Refused or Unavailable.
        """
        body = json.dumps(payload, separators=(",", ":")).encode()
        failure = Unavailable("DeadlineExceeded", "no time was left for the call")
        for attempt in range(MAX_ATTEMPTS):
            pause = _pause(attempt)
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
        """Close the connection. The next call opens a new one."""
        self._connection.close()

    def _attempt(self, operation: str, body: bytes, limit: float) -> dict[str, Any]:
        """Return the response to one attempt, or raise a DynamoDBError."""
        credentials, is_sent = _credentials(), False
        try:
            self._connection.open(limit)
            self._connection.send(self._request(operation, body, credentials), limit)
            is_sent = True
            response = self._connection.receive(limit)
            content = _content(response.body, response.headers.get("x-amz-crc32"))
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Refused("CertificateError", f"{error} ({self._authority})") from error
        except TRANSPORT_ERRORS as error:
            self.close()
            raise Unavailable(
                type(error).__name__, f"{error} ({self._authority})", ambiguous=is_sent
            ) from error
        return _outcome(response.status, content)

    def _request(self, operation: str, body: bytes, credentials: Credentials) -> bytes:
        """Return a signed HTTP request."""
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
    """Return the URL of DynamoDB in `region`, in any partition."""
    suffix = next(suffix for prefix, suffix in DNS_SUFFIXES if region.startswith(prefix))
    return f"https://dynamodb.{region}.{suffix}"


def authorization(
    headers: Mapping[str, str], body: bytes, key_id: str, secret: str, region: str
) -> str:
    """Return the Authorization header of a DynamoDB request, which is a POST to `/`.

    `headers` must have lower-case names and include `x-amz-date`; all of them are signed. Source:
    AWS IAM User Guide, "Create a signed AWS API request".
    """
    date_time = headers["x-amz-date"]
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date_time[:8]}/{region}/dynamodb/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    string_to_sign = f"AWS4-HMAC-SHA256\n{date_time}\n{scope}\n{digest}"
    signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    return (
        f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )


def _credentials() -> Credentials:
    """Return the credentials in the environment variables.

    They are read for every attempt, because Lambda may renew them. Raises Refused if they are
    missing.
    """
    required = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in required if not os.environ.get(name)]:
        raise Refused("MissingCredentials", f"environment variables not set: {', '.join(missing)}")
    key_id, secret = (os.environ[name] for name in required)
    return Credentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))


def _content(body: bytes, checksum: str | None) -> dict[str, Any]:
    """Return the JSON object in a response body. Raises ValueError if the body is damaged."""
    if checksum is not None and int(checksum) != zlib.crc32(body):
        raise ValueError("the response does not match its CRC32 checksum")
    content = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("the response is not a JSON object")  # noqa: TRY004 (as for other damage)
    return content


def _pause(attempt: int) -> float:
    """Return the seconds to wait before an attempt; the first is attempt 0 and does not wait."""
    growing = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if attempt else 0.0
    return random.uniform(0, min(LONGEST_PAUSE_SECONDS, growing))  # noqa: S311 (not a secret)


def _outcome(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a successful response, or raise a DynamoDBError."""
    if status == http.client.OK:
        return content
    code = str(content.get("__type", f"HTTP{status}")).rpartition("#")[2]
    message = str(content.get("message") or content.get("Message") or "")
    if code == "ConditionalCheckFailedException":
        failed = ConditionFailed(code, message)
        failed.item = content.get("Item")
        raise failed
    if code in RETRYABLE_CODES:
        raise Unavailable(code, message)
    if status >= http.client.INTERNAL_SERVER_ERROR:
        # "The operation might have succeeded" (Amazon DynamoDB Developer Guide, "Error handling
        # with DynamoDB").
        raise Unavailable(code, message, ambiguous=True)
    raise Refused(code, message)
