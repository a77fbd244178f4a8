"""HTTP, going out: records, pages and problems as responses."""

import json
import zlib
from base64 import b64encode
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from . import cursor, records, store
from .api import JSON, MAX_BODY_BYTES, MERGE_PATCH, Listing, UnsupportedMediaType
from .callers import NoIdentity
from .config import ConfigError
from .fields import Invalid
from .jsontext import to_json

Response = dict[str, Any]


class RecordTooLarge(Exception):
    """A record of another writer that no response has room for."""


# A Lambda response is at most 6 MB, counted after its body is escaped as a JSON string.
MAX_CONTENT_BYTES = 5_767_168
GZIP_FROM_BYTES = 1024
GZIP_LEVEL = 3
# zlib's way to ask for the gzip format: 16 more than the window size.
GZIP_WBITS = 31
RETRY_AFTER_SECONDS = 1
PROBLEM_TYPE = "urn:records-api:"
# What each error becomes: status, type and detail. Whatever is not named here is a fault of ours.
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
            "The `etag` header of this response has the current ETag."
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
        "The record is larger than a response can be (6 MB). Delete it, or set its attributes to null.",
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


class Page:
    """The records of a page as JSON texts: no more than a Lambda response takes."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._bytes = 0

    def add(self, record: store.Record) -> bool:
        """Add a record, or return False: there is no room left. One that no response has room for is left out."""
        text = to_json(records.public(record))
        size = _escaped_bytes(text)
        if size > MAX_CONTENT_BYTES:
            return True
        if self._bytes + size > MAX_CONTENT_BYTES:
            return False
        self.texts.append(text)
        self._bytes += size
        return True


def page(
    listing: Listing, page: Page, after: cursor.Place | None, request_id: str, *, gzip: bool
) -> Response:
    """Return a page as a response, with the way to the records behind `after`."""
    content, headers = f'{{"records":[{",".join(page.texts)}]', {"vary": "Accept-Encoding"}
    if after is not None:
        following = cursor.encode(after, to_json(list(listing.query)))
        content += f',"next":"{following}"'
        # In the order, and with the %20, of a signed request: older clients sign a query as it stands.
        target = urlencode(
            sorted((listing.parameters | {"cursor": following}).items()), quote_via=quote
        )
        headers["link"] = f'<?{target}>; rel="next"'
    answer = response(HTTPStatus.OK, request_id, content + "}", **headers)
    return _compressed(answer) if gzip else answer


def record(status: HTTPStatus, record: store.Record, request_id: str, **headers: str) -> Response:
    """Return a single record as a response, with its ETag. Raises RecordTooLarge."""
    text = to_json(records.public(record))
    if _escaped_bytes(text) > MAX_CONTENT_BYTES:
        raise RecordTooLarge
    return response(status, request_id, text, etag=records.tag(record), **headers)


def response(
    status: HTTPStatus, request_id: str, content: str | None = None, **headers: str
) -> Response:
    """Return a Lambda proxy response (payload format 2.0); header names are given with `_` for `-`."""
    fields = {
        "x-request-id": request_id,
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }
    if content is not None:
        fields["content-type"] = JSON
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "statusCode": int(status),
        "headers": fields,
        "body": content or "",
        "isBase64Encoded": False,
    }


def problem(error: Exception, request_id: str) -> Response:
    """Return the problem details (RFC 9457) of an error; nothing of an unexpected one is shown."""
    status, kind, detail = PROBLEMS.get(type(error), INTERNAL_ERROR)
    content: dict[str, Any] = {
        "type": PROBLEM_TYPE + kind,
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
    }
    content["requestId"] = request_id
    headers = {"content_type": "application/problem+json"}
    if isinstance(error, Invalid):
        content["errors"] = error.errors
        if error.omitted:
            content["errorsOmitted"] = error.omitted
    if isinstance(error, records.PreconditionFailed):
        headers["etag"] = error.tag
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["retry_after"] = str(RETRY_AFTER_SECONDS)
    return response(status, request_id, to_json(content), **headers)


def _escaped_bytes(text: str) -> int:
    """Return what a text of the body takes in a Lambda response."""
    return len(json.dumps(text))


def _compressed(answer: Response) -> Response:
    """Return the response gzipped where it is long, and shorter for it as Lambda counts it."""
    content = answer["body"].encode()
    if len(content) <= GZIP_FROM_BYTES:
        return answer
    encoded = b64encode(zlib.compress(content, GZIP_LEVEL, wbits=GZIP_WBITS)).decode()
    if len(encoded) >= len(content):
        return answer
    headers = answer["headers"] | {"content-encoding": "gzip"}
    return answer | {"headers": headers, "body": encoded, "isBase64Encoded": True}
