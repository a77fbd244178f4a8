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
# What a 403 says about an access key or session token that AWS does not know.
_UNKNOWN_KEY = (
    *("security token", "unrecognizedclient", "invalidclienttokenid"),
    "credential should be scoped",
)
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_SERVICE = "urn:records-api:"
_AGAIN = "try again; if it happens again, search the service's log for the request ID"
_UNREACHABLE = "check the URL and the network; for the local stack, run scripts/up"
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
    text = _TEXTS.get(kind) or message(answer)
    cause = f"{text} ({answer.status})"
    code, remedy = _judgment(answer, kind, method)
    details = _errors(content)
    if etag := answer.headers.get("etag"):
        details.append(f"current ETag: {etag}")
    if identifier := content.get("requestId"):
        details.append(f"request ID: {identifier}")
    is_of_service = code != Exit.BAD_INPUT  # those errors are of the request, wherever it is sent
    return Failure(cause, remedy, code, details=details, is_of_service=is_of_service)


def message(answer: Response) -> str:
    """Return what the body of an error says, without a period at its end; else the status."""
    content = _content(answer)
    text = content.get("detail") or content.get("message") or _phrase(answer.status)
    return str(text).rstrip(".")


def _judgment(answer: Response, kind: str, method: str) -> tuple[Exit, str]:
    status = answer.status
    if status == HTTPStatus.TOO_MANY_REQUESTS or kind == "unavailable":
        return Exit.UNAVAILABLE, f"nothing was changed: {_wait(answer)}"
    if kind in _PROBLEMS:
        return _PROBLEMS[kind]
    if status == HTTPStatus.FORBIDDEN:
        return Exit.REFUSED, _refusal(answer)
    if kind in _INTERNAL and method not in _WRITES:
        return Exit.ERROR, "search the service's log for the request ID"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unknown = method in _WRITES
        return (Exit.OUTCOME_UNKNOWN, _READ_FIRST) if unknown else (Exit.UNAVAILABLE, _AGAIN)
    return _STATUSES.get(status, (Exit.ERROR, "check the URL: records doctor"))


def _refusal(answer: Response) -> str:
    """Return the remedy for a 403."""
    if (skew := clock_skew(answer)) and abs(skew) > CLOCK_LIMIT_SECONDS:
        side = "behind" if skew > 0 else "ahead"
        return f"set the clock of this machine: it is {abs(skew):.0f} s {side}"
    if names_no_route(answer):
        return "check the path and the stage in the URL"
    return (
        wrong_credentials(answer)
        or "these credentials lack the permission: records doctor shows what they may do"
    )


def wrong_credentials(answer: Response) -> str | None:
    """Return the remedy if a 403 says that the credentials themselves are wrong, otherwise None.

    Source of the texts: AWS re:Post Knowledge Center, "How do I troubleshoot HTTP 403 errors from
    API Gateway?". An HTTP API can also refuse wrong credentials with "Forbidden" and nothing else.
    """
    text = f"{answer.headers.get('x-amzn-errortype', '')} {message(answer)}".lower()
    if "signature expired" in text or "not yet current" in text:
        return "set the clock of this machine"
    if "token" in text and "expired" in text:
        return "the AWS credentials have expired: sign in again (aws sso login)"
    if any(each in text for each in _UNKNOWN_KEY):
        return (
            "the AWS credentials are not valid here: check --profile, or AWS_ACCESS_KEY_ID and"
            " AWS_SESSION_TOKEN, and --region"
        )
    if "signature" in text:
        return (
            "the signature was not accepted: check the secret key (AWS_SECRET_ACCESS_KEY),"
            " --region and the URL"
        )
    return None


def names_no_route(answer: Response) -> bool:
    """Return whether API Gateway, not the service, says that it has no such path.

    HTTP APIs answer 404 "Not Found", and REST APIs 403 "Missing Authentication Token" (AWS re:Post
    Knowledge Center, "How do I troubleshoot ... Missing Authentication Token errors").
    """
    if "x-request-id" in answer.headers:
        return False
    if answer.status == HTTPStatus.FORBIDDEN:
        return "missing authentication token" in message(answer).lower()
    return answer.status == HTTPStatus.NOT_FOUND and "message" in _content(answer)


def clock_skew(answer: Response) -> float | None:
    """Return how many seconds the server's clock is ahead of this machine's, if it says so."""
    try:
        moment = parsedate_to_datetime(answer.headers["date"])
        return (moment - datetime.now(UTC)).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def no_response(
    error: OSError, method: str, url: str, *, hint: str = "; records doctor checks each step"
) -> Failure:
    """Return the Failure for a request to `url` that got no response.

    `hint` ends the remedy if the reason is not clear.
    """
    reason = error.__cause__ if isinstance(error, NotSentError) and error.__cause__ else error
    cause = f"no response from {url}: {reason}"
    if method in _WRITES and not isinstance(error, NotSentError | ConnectionRefusedError):
        return Failure(cause, _READ_FIRST, Exit.OUTCOME_UNKNOWN, is_of_service=True)
    remedy = _clear_remedy(reason) or f"{_UNREACHABLE}{hint}"
    return Failure(cause, remedy, Exit.UNAVAILABLE, is_of_service=True)


def _clear_remedy(reason: BaseException) -> str | None:
    import socket
    import ssl

    if isinstance(reason, socket.gaierror):
        return "check the host in the URL, and the name server (VPN?)"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "check the URL; behind an inspecting proxy, set SSL_CERT_FILE to its certificates"
    if isinstance(reason, ssl.SSLError):
        return "check that the URL is https and its port speaks TLS"
    return None


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
