"""HTTP responses: build them from records and errors."""

from http import HTTPStatus
from json.encoder import encode_basestring_ascii
from typing import Any

from . import records, restores, store
from .api import JSON, MAX_BODY_BYTES, MERGE_PATCH, UnsupportedMediaType
from .callers import NoIdentity
from .config import ConfigError
from .fields import Invalid
from .jsontext import to_json
from .representation import public, tag

Response = dict[str, Any]


class RecordTooLarge(Exception):
    """A record, written by another program, that exceeds the size of a response."""


# Lambda limits a response to 6 MB, counted after its body is escaped as a JSON string.
MAX_CONTENT_BYTES = 5_767_168
RETRY_AFTER_SECONDS = 1
PROBLEM_TYPE = "urn:records-api:"
# Status, type and detail by error. Any other exception is a defect of the service.
PROBLEMS: dict[type[Exception], tuple[HTTPStatus, str, str]] = {
    Invalid: (
        HTTPStatus.BAD_REQUEST,
        "invalid-request",
        "The request is not valid. See `errors` for details.",
    ),
    NoIdentity: (
        HTTPStatus.FORBIDDEN,
        "no-identity",
        "The authorizer did not identify the caller, and every request must have an identity.",
    ),
    records.NotFound: (HTTPStatus.NOT_FOUND, "record-not-found", "No record has this ID."),
    restores.VersionNotFound: (
        HTTPStatus.NOT_FOUND,
        "version-not-found",
        "The version to restore does not exist or holds no content.",
    ),
    restores.NothingToRestore: (
        HTTPStatus.CONFLICT,
        "nothing-to-restore",
        "The record already has the content of this version.",
    ),
    records.Deleted: (
        HTTPStatus.GONE,
        "record-deleted",
        (
            "The record created with this Idempotency-Key was deleted. "
            "Use a new key to create another record."
        ),
    ),
    records.PreconditionFailed: (
        HTTPStatus.PRECONDITION_FAILED,
        "precondition-failed",
        (
            "The record's current ETag does not satisfy If-Match or If-None-Match. "
            "The `etag` header of this response has the current ETag, "
            "unless the record was deleted."
        ),
    ),
    records.TooLarge: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"The request body, or the record it would produce, exceeds {MAX_BODY_BYTES} bytes.",
    ),
    UnsupportedMediaType: (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        (
            f"The request body must be {JSON} (for an update, {MERGE_PATCH} also works), "
            "in UTF-8 and without a content coding."
        ),
    ),
    records.KeyReused: (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        (
            "This Idempotency-Key was already used with a different request body. "
            "Use a new key for a new record."
        ),
    ),
    ConfigError: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "configuration-error",
        (
            "The service is not configured correctly. "
            "The log line with this request ID lists every setting that is missing or wrong."
        ),
    ),
    RecordTooLarge: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "record-too-large",
        (
            "The record is larger than a response can be (6 MB). "
            "Delete it, or set its attributes to null."
        ),
    ),
    store.Unavailable: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "The database did not respond in time. Nothing was changed; retry the request.",
    ),
    store.OutcomeUnknown: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "outcome-unknown",
        (
            "The database did not confirm the change, so it may or may not have been made. "
            "Read the record before you retry the request."
        ),
    ),
}
INTERNAL_ERROR = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal-error",
    (
        "The request failed because of an internal error. "
        "The log line with this request ID has the cause."
    ),
)


def record_response(
    status: HTTPStatus, record: store.Record, request_id: str, **headers: str
) -> Response:
    """Return the response for a single record, with its ETag. Raises RecordTooLarge."""
    return text_response(status, to_json(public(record)), tag(record), request_id, **headers)


def text_response(
    status: HTTPStatus, text: str, etag: str, request_id: str, **headers: str
) -> Response:
    """Return the response for the JSON text of a single record. Raises RecordTooLarge."""
    if escaped_bytes(text) > MAX_CONTENT_BYTES:
        raise RecordTooLarge
    return response(status, request_id, text, etag=etag, **headers)


def response(
    status: HTTPStatus, request_id: str, content: str | None = None, **headers: str
) -> Response:
    """Return a Lambda proxy response (payload format 2.0).

    `headers` have names with `_` in place of `-`.
    """
    all_headers = {
        "x-request-id": request_id,
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }
    if content is not None:
        all_headers["content-type"] = JSON
    all_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "statusCode": int(status),
        "headers": all_headers,
        "body": content or "",
        "isBase64Encoded": False,
    }


def problem_response(error: Exception, request_id: str) -> Response:
    """Return the problem details (RFC 9457) of an error.

    An unexpected error is reported without any of its details.
    """
    status, kind, detail = PROBLEMS.get(type(error), INTERNAL_ERROR)
    content: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind,
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "requestId": request_id,
    }
    headers = {"content_type": "application/problem+json"}
    if isinstance(error, Invalid):
        content["errors"] = error.errors
        if error.omitted:
            content["errorsOmitted"] = error.omitted
    if isinstance(error, restores.VersionNotFound):
        content["detail"] = str(error)
    if isinstance(error, records.PreconditionFailed) and error.tag:
        headers["etag"] = error.tag
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry_after"] = str(RETRY_AFTER_SECONDS)
    return response(status, request_id, to_json(content), **headers)


def escaped_bytes(text: str) -> int:
    """Return the size of a part of the body after Lambda has escaped it."""
    return len(encode_basestring_ascii(text))
