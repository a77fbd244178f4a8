"""A client for DynamoDB's JSON 1.0 protocol: SigV4, timeouts, retries and CRC32 checks.

It takes the name of an operation and a plain dict, and knows nothing about records. botocore does
all of this too, but most requests to this service are cold starts, and importing botocore would
take most of their time.
"""

import json
import os
import ssl
import time
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from . import signing, trust
from .connection import Connection
from .signing import Credentials

ATTEMPT_SECONDS = 3.0
MAX_ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
# DynamoDB completes an unfinished transaction when it is sent again 5 s or more after its first
# attempt, and recommends pauses in between. Source: Amazon DynamoDB API Reference,
# "TransactWriteItems" (TransactionInProgressException, recommended settings).
IN_PROGRESS = "TransactionInProgressException"
IN_PROGRESS_PAUSE_SECONDS = 1.0
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
# The same for the items of a canceled transaction. Source: Amazon DynamoDB API Reference,
# "TransactWriteItems" (TransactionCanceledException, cancellation reason codes).
RETRYABLE_REASONS = frozenset(
    {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
# Raised for a missing or damaged response. MemoryError and OverflowError come from a Content-Length
# that is too large, RecursionError from deeply nested JSON.
TRANSPORT_ERRORS = (OSError, ValueError, MemoryError, OverflowError, RecursionError)
REQUIRED_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TO_JSON = json.JSONEncoder(separators=(",", ":")).encode
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
    """A condition of a write was false. Which of several is unknown: DynamoDB need not name all."""


class Refused(DynamoDBError):
    """DynamoDB rejected the call, or it cannot be made; retries cannot help.

    Examples are validation errors and invalid permissions, credentials or certificates.
    """


class Unavailable(DynamoDBError):
    """DynamoDB throttled the call or did not respond, and time or retries are used up."""


class Client:
    """One connection to one endpoint, for use by one thread.

    One is enough, because a Lambda environment processes one request at a time.
    """

    def __init__(self, endpoint_url: str, region: str) -> None:
        url = urlsplit(endpoint_url)
        is_tls = url.scheme == "https"
        amazon = trust.amazon() if is_tls else None
        tls = amazon or (trust.system() if is_tls else None)
        self._connection = Connection(
            url.hostname or "",
            url.port or (443 if is_tls else 80),
            tls,
            fallback=trust.system if amazon else None,
        )
        # As in botocore, the Host header omits the scheme's default port (RFC 9110, section 4.2.3).
        self._authority = url.netloc.removesuffix(":443" if is_tls else ":80")
        self._region = region

    def call(self, operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Return the response to `operation` before `deadline` (seconds of time.monotonic()).

        RETRYABLE_CODES, RETRYABLE_REASONS, 5xx responses, timeouts, resets and damaged responses
        are retried, up to MAX_ATTEMPTS in total, with full jitter (AWS Architecture Blog,
        "Exponential Backoff And Jitter"); a transaction in progress is retried until the deadline.
        All attempts send the same body, and so the same ClientRequestToken. Raises ConditionFailed,
        Refused or Unavailable.
        """
        body = _TO_JSON(payload).encode()
        wall_deadline = time.time() + deadline - time.monotonic()
        failure = Unavailable("DeadlineExceeded", "no time was left for the call")
        attempts = 0
        while attempts < MAX_ATTEMPTS:
            pause = _pause(attempts, failure.code)
            if not _is_before(deadline - pause, wall_deadline - pause):
                break
            if pause:
                time.sleep(pause)
            try:
                return self._attempt(operation, body, deadline, wall_deadline)
            except DynamoDBError as error:
                error.ambiguous |= failure.ambiguous
                if not isinstance(error, Unavailable):
                    raise
                failure = error
            attempts += failure.code != IN_PROGRESS
        raise failure

    def close(self) -> None:
        """Close the connection. The next call opens a new one."""
        self._connection.close()

    def _attempt(
        self, operation: str, body: bytes, deadline: float, wall_deadline: float
    ) -> dict[str, Any]:
        """Return the response to one attempt, or raise a DynamoDBError.

        Nothing is sent after the deadline by either clock: Lambda may have frozen the environment
        since the attempt began, and its caller may have acted on the missing response since.
        """
        limit = min(deadline, time.monotonic() + ATTEMPT_SECONDS)
        credentials, is_sent = _credentials(), False
        try:
            self._connection.open(limit)
            request = self._request(operation, body, credentials)
            if not _is_before(deadline, wall_deadline):
                raise TimeoutError("the deadline passed before the request was sent")
            self._connection.send(request, limit)
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
            "x-amz-date": signing.date_time(),
            "x-amz-target": f"DynamoDB_20120810.{operation}",
        }
        if credentials.session_token:
            headers["x-amz-security-token"] = credentials.session_token
        headers["authorization"] = signing.authorization(headers, body, credentials, self._region)
        headers["content-length"] = str(len(body))
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return f"POST / HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


def regional_endpoint(region: str) -> str:
    """Return the URL of DynamoDB in `region`, in any partition."""
    suffix = next(suffix for prefix, suffix in DNS_SUFFIXES if region.startswith(prefix))
    return f"https://dynamodb.{region}.{suffix}"


def _credentials() -> Credentials:
    """Return the credentials in the environment variables.

    They are read for every attempt, because Lambda may renew them. Raises Refused if they are
    missing.
    """
    key_id, secret = map(os.environ.get, REQUIRED_CREDENTIALS)
    if not key_id or not secret:
        missing = ", ".join(name for name in REQUIRED_CREDENTIALS if not os.environ.get(name))
        raise Refused("MissingCredentials", f"environment variables not set: {missing}")
    return Credentials(key_id, secret, os.environ.get("AWS_SESSION_TOKEN"))


def _content(body: bytes | bytearray, checksum: str | None) -> dict[str, Any]:
    """Return the JSON object in a response body. Raises ValueError if the body is damaged."""
    if checksum is not None and int(checksum) != zlib.crc32(body):
        raise ValueError("the response does not match its CRC32 checksum")
    content = json.loads(body.decode())
    if not isinstance(content, dict):
        raise ValueError("the response is not a JSON object")  # noqa: TRY004 (as for other damage)
    return content


def _is_before(deadline: float, wall_deadline: float) -> bool:
    """Return whether it is before a deadline by both time.monotonic() and time.time().

    The monotonic clock may stand still while the environment is frozen.
    """
    return time.monotonic() < deadline and time.time() < wall_deadline


def _pause(attempt: int, last_code: str) -> float:
    """Return the seconds to wait before an attempt; the first is attempt 0 and does not wait.

    `last_code` is the error code of the attempt before it.
    """
    if last_code == IN_PROGRESS:
        return IN_PROGRESS_PAUSE_SECONDS
    growing = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if attempt else 0.0
    return min(LONGEST_PAUSE_SECONDS, growing) * _jitter()


def _jitter() -> float:
    """Return a random number from 0 to less than 1. Importing random would take longer."""
    return int.from_bytes(os.urandom(4)) / 2**32


def _outcome(status: int, content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a successful response, or raise a DynamoDBError."""
    if status == HTTPStatus.OK:
        return content
    raise _failure(status, content)


def _failure(status: int, content: dict[str, Any]) -> DynamoDBError:
    """Return the error that an error response means."""
    code = str(content.get("__type", f"HTTP{status}")).rpartition("#")[2]
    message = str(content.get("message") or content.get("Message") or "")
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(code, message)
    if code == "TransactionCanceledException":
        return _cancellation(code, content.get("CancellationReasons") or [])
    if code in RETRYABLE_CODES:
        return Unavailable(code, message)
    if code == IN_PROGRESS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # "The operation might have succeeded" (Amazon DynamoDB Developer Guide, "Error handling
        # with DynamoDB"). A transaction in progress may still succeed or fail.
        return Unavailable(code, message, ambiguous=True)
    return Refused(code, message)


def _cancellation(code: str, reasons: list[dict[str, Any]]) -> DynamoDBError:
    """Return the error that a canceled transaction means; nothing of it was applied.

    There is one reason per item, in their order; an item that did not fail has the code "None".
    """
    codes = {reason.get("Code") for reason in reasons}
    texts = [f"{reason.get('Code')} {reason.get('Message') or ''}".strip() for reason in reasons]
    message = f"reasons by item: {', '.join(texts) or 'none given'}"
    if "ConditionalCheckFailed" in codes:
        return ConditionFailed(code, message)
    if codes & RETRYABLE_REASONS:
        return Unavailable(code, message)
    return Refused(code, message)
