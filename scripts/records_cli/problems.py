"""What an error of the API means: cause, remedy and exit code for each response."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from records_cli.client import NotSentError, Response
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

CLOCK_LIMIT_SECONDS = 240  # AWS accepts five minutes
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_SERVICE = "urn:records-api:"
_AGAIN = "try again; if it happens again, search the service's log for the request ID"
_READ_FIRST = "read the record, or its history, before you repeat the command"

# Exit code and remedy of each problem type of the service (lambda/openapi.yaml).
_PROBLEMS: dict[str, tuple[Exit, str]] = {
    "invalid-request": (Exit.BAD_INPUT, "correct the values above; see --help"),
    "record-not-found": (Exit.NOT_FOUND, "check the ID; for a deleted record, see records history"),
    "version-not-found": (Exit.NOT_FOUND, "choose a version with content: records history ID"),
    "record-deleted": (Exit.NOT_FOUND, "use another --key to create a new record"),
    "nothing-to-restore": (Exit.CONFLICT, "nothing to do: the record has this content"),
    "precondition-failed": (
        Exit.CONFLICT,
        "read the record again, and repeat the command with its new ETag",
    ),
    "idempotency-key-reused": (Exit.CONFLICT, "use another --key for another record"),
    "too-large": (Exit.BAD_INPUT, "shorten the message or the attributes"),
    "unsupported-media-type": (Exit.BAD_INPUT, "send JSON in UTF-8"),
    "outcome-unknown": (Exit.OUTCOME_UNKNOWN, _READ_FIRST),
    "record-too-large": (Exit.ERROR, "delete the record, or set its attributes to null"),
    "no-identity": (Exit.REFUSED, "use credentials of a user, a role or a subject"),
}
# Shorter than the service's, which speak of the response.
_TEXTS = {
    "invalid-request": "the request is not valid",
    "precondition-failed": "the record is not at this ETag any more, or was deleted",
}
_INTERNAL = frozenset({"internal-error", "configuration-error"})  # trying again does not help
_STATUSES: dict[int, tuple[Exit, str]] = {
    HTTPStatus.BAD_REQUEST: (Exit.BAD_INPUT, "correct the request; see --help"),
    HTTPStatus.UNAUTHORIZED: (
        Exit.REFUSED,
        "sign in again: the bearer token is missing, has expired or is for another API",
    ),
    HTTPStatus.NOT_FOUND: (
        Exit.NOT_FOUND,
        "check the URL with records doctor; else this operation is disabled in this deployment",
    ),
    HTTPStatus.CONFLICT: (Exit.CONFLICT, "read the record again"),
    HTTPStatus.GONE: (Exit.NOT_FOUND, "the record was deleted"),
    HTTPStatus.PRECONDITION_FAILED: (Exit.CONFLICT, "read the record again"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (Exit.BAD_INPUT, "shorten the request"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (Exit.BAD_INPUT, "send JSON in UTF-8"),
    HTTPStatus.UNPROCESSABLE_ENTITY: (Exit.BAD_INPUT, "correct the request; see --help"),
}


def failure(answer: Response, method: str) -> Failure:
    """Return the Failure for a response with an error status, or a redirect.

    `method` decides whether an error of the gateway leaves the outcome unknown.
    """
    content = _content(answer)
    kind = str(content.get("type", "")).removeprefix(_SERVICE)
    text = _TEXTS.get(kind) or str(
        content.get("detail") or content.get("message") or _phrase(answer.status)
    )
    cause = f"{text.rstrip('.')} ({answer.status})"
    code, remedy = _judgment(answer, kind, text, method)
    details = _errors(content)
    if etag := answer.headers.get("etag"):
        details.append(f"current ETag: {etag}")
    if identifier := content.get("requestId"):
        details.append(f"request ID: {identifier}")
    return Failure(cause, remedy, code, details=details)


def _judgment(answer: Response, kind: str, text: str, method: str) -> tuple[Exit, str]:
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or kind == "unavailable":
        return Exit.UNAVAILABLE, f"nothing was changed: {_wait(answer)}"
    if kind in _PROBLEMS:
        return _PROBLEMS[kind]
    if status == HTTPStatus.FORBIDDEN:
        return Exit.REFUSED, _refusal(answer, text)
    if kind in _INTERNAL and method not in _WRITES:
        return Exit.ERROR, "search the service's log for the request ID"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unknown = method in _WRITES
        return (Exit.OUTCOME_UNKNOWN, _READ_FIRST) if unknown else (Exit.UNAVAILABLE, _AGAIN)
    return _STATUSES.get(status, (Exit.ERROR, "check the URL: records doctor"))


def _refusal(answer: Response, text: str) -> str:
    """Return the remedy for a 403: API Gateway says little, but the text tells some cases apart."""
    text = text.lower()
    if (skew := clock_skew(answer)) and abs(skew) > CLOCK_LIMIT_SECONDS:
        side = "behind" if skew > 0 else "ahead"
        return f"set the clock of this machine: it is {abs(skew):.0f} s {side}"
    if "signature expired" in text or "not yet current" in text:
        return "set the clock of this machine"
    if "token" in text and "expired" in text:
        return "the AWS credentials have expired: sign in again (aws sso login)"
    if "security token" in text or "credential should be scoped" in text:
        return "the AWS credentials are not valid here: check --profile and --region"
    if "signature" in text:
        return "the signature was not accepted: check the secret key, --region and the URL"
    return "these credentials lack the permission: records doctor shows what they may do"


def clock_skew(answer: Response) -> float | None:
    """Return how many seconds the server's clock is ahead of this machine's, if it says so."""
    try:
        moment = parsedate_to_datetime(answer.headers["date"])
        return (moment - datetime.now(UTC)).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def no_response(error: OSError, method: str, url: str) -> Failure:
    """Return the Failure for a request to `url` that got no response."""
    reason = error.__cause__ if isinstance(error, NotSentError) and error.__cause__ else error
    cause = f"no response from {url}: {reason}"
    if method in _WRITES and not isinstance(error, NotSentError | ConnectionRefusedError):
        return Failure(cause, _READ_FIRST, Exit.OUTCOME_UNKNOWN)
    return Failure(cause, _unreachable(reason), Exit.UNAVAILABLE)


def _unreachable(reason: BaseException) -> str:
    import socket
    import ssl

    if isinstance(reason, socket.gaierror):
        return "check the host in the URL, and the name server (VPN?)"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "check the URL; behind an inspecting proxy, set SSL_CERT_FILE to its certificates"
    if isinstance(reason, ssl.SSLError):
        return "check that the URL is https and its port speaks TLS"
    return "check the URL and the network: records doctor; for the local stack, run scripts/up"


def _content(answer: Response) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _errors(content: dict[str, Any]) -> list[str]:
    """Return one line for each error of a 400 response: where it is, and what is wrong."""
    errors = content.get("errors")
    if not isinstance(errors, list):
        return []
    lines = [_line(each) for each in errors if isinstance(each, dict)]
    if omitted := content.get("errorsOmitted"):
        lines.append(f"and {omitted} more")
    return lines


def _line(error: dict[str, Any]) -> str:
    place = next((error[kind] for kind in ("pointer", "parameter", "header") if kind in error), "")
    name = str(place).removeprefix("/").replace("/", ".") if "pointer" in error else str(place)
    return f"{name or 'body'}: {error.get('detail')}"


def _wait(answer: Response) -> str:
    seconds = answer.headers.get("retry-after", "")
    return f"try again in {seconds} s" if re.fullmatch(r"\d+", seconds) else "try again in a moment"


def _phrase(status: int) -> str:
    try:
        return f"the API returned {HTTPStatus(status).phrase}"
    except ValueError:
        return "the API returned an unknown status"
