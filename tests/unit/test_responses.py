"""Responses: headers, and problems that disclose no internals."""

import json
from http import HTTPStatus

import pytest

from records_api import (
    api,
    callers,
    config,
    dynamodb,
    fields,
    records,
    representation,
    responses,
    restores,
    store,
)
from unit.support import content, record


def test_record_response_has_etag_and_private_caching() -> None:
    response = responses.record_response(
        HTTPStatus.OK, record(writeToken="secret"), "request-1", location="records/record-1"
    )
    assert response["statusCode"] == 200
    assert response["headers"] == {
        "x-request-id": "request-1",
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
        "content-type": "application/json",
        "etag": representation.tag(record(writeToken="secret")),
        "location": "records/record-1",
    }
    assert "secret" not in json.dumps(response)


KINDS: dict[Exception, tuple[int, str]] = {
    fields.Invalid([]): (400, "invalid-request"),
    callers.NoIdentity(): (403, "no-identity"),
    records.NotFound(): (404, "record-not-found"),
    restores.VersionNotFound("The record has no version 7."): (404, "version-not-found"),
    restores.NothingToRestore(): (409, "nothing-to-restore"),
    records.Deleted(): (410, "record-deleted"),
    records.PreconditionFailed('"1-a"'): (412, "precondition-failed"),
    records.TooLarge(): (413, "too-large"),
    api.UnsupportedMediaType(): (415, "unsupported-media-type"),
    records.KeyReused(): (422, "idempotency-key-reused"),
    config.ConfigError(["TABLE_NAME=secret"]): (500, "configuration-error"),
    responses.RecordTooLarge("secret"): (500, "record-too-large"),
    store.Unavailable("secret"): (503, "unavailable"),
    store.OutcomeUnknown("secret"): (503, "outcome-unknown"),
    KeyError("secret"): (500, "internal-error"),
    dynamodb.Refused("AccessDeniedException", "secret"): (500, "internal-error"),
    store.Conflict("secret"): (500, "internal-error"),
}


def test_every_problem_type_is_tested() -> None:
    assert set(responses.PROBLEMS) < {type(error) for error in KINDS}


@pytest.mark.parametrize("error", KINDS, ids=lambda error: type(error).__name__)
def test_problem_has_request_id_and_no_internals(error: Exception) -> None:
    status, kind = KINDS[error]
    response = responses.problem_response(error, "request-1")
    problem = content(response)
    assert response["statusCode"] == problem["status"] == status
    assert problem["type"] == f"urn:records-api:{kind}"
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["requestId"] == response["headers"]["x-request-id"] == "request-1"
    assert problem["detail"]
    assert response["headers"]["content-type"] == "application/problem+json"
    assert ("retry-after" in response["headers"]) == (status == 503)
    assert "secret" not in json.dumps(response)


def test_invalid_input_is_listed() -> None:
    problems = [
        fields.Problem("pointer", ("a/b", 1), 'must not be "ä"'),
        fields.Problem("parameter", "\n", "is not a known parameter"),
        fields.Problem("header", "If-Match", "must be *"),
    ]
    content_ = content(responses.problem_response(fields.Invalid(problems), "r"))
    assert content_["errors"] == [
        {"pointer": "/a~1b/1", "detail": 'must not be "ä"'},
        {"parameter": "\n", "detail": "is not a known parameter"},
        {"header": "If-Match", "detail": "must be *"},
    ]
    assert "errorsOmitted" not in content_


def test_errors_after_the_first_100_are_counted() -> None:
    problems = [fields.Problem("pointer", (number,), "is not valid") for number in range(101)]
    content_ = content(responses.problem_response(fields.Invalid(problems), "r"))
    assert (len(content_["errors"]), content_["errorsOmitted"]) == (100, 1)


def test_failed_precondition_has_the_current_etag() -> None:
    response = responses.problem_response(records.PreconditionFailed('"2-b"'), "r")
    assert response["headers"]["etag"] == '"2-b"'


def test_failed_precondition_without_a_record_has_no_etag() -> None:
    response = responses.problem_response(records.PreconditionFailed(None), "r")
    assert "etag" not in response["headers"]


def test_missing_version_is_named_in_the_detail() -> None:
    error = restores.VersionNotFound("The record has no version 7.")
    assert content(responses.problem_response(error, "r"))["detail"] == str(error)


def test_retry_after_is_in_whole_seconds() -> None:
    response = responses.problem_response(store.Unavailable("x"), "r")
    assert int(response["headers"]["retry-after"]) >= 1
