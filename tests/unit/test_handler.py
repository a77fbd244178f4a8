"""The whole handler, called as by API Gateway, on moto's DynamoDB."""

import gc
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records_api import __version__, config, dynamodb, handler, listing, logs, operations, store
from unit.support import (
    ALICE,
    NOW,
    Call,
    Context,
    event,
    history_name,
    items,
    metric_values,
    page,
    put,
    scripted,
    wire,
    with_lost_response,
)
from unit.test_config import GOOD

BODY = json.dumps({"type": "backup", "status": "running"})
REQUESTS = {
    "list": event("GET /records"),
    "get": event("GET /records/{recordID}", record_id="some"),
    "create": event("POST /records", body=BODY),
    "update": event("PATCH /records/{recordID}", record_id="some", body='{"status":"done"}'),
    "delete": event("DELETE /records/{recordID}", record_id="some"),
    "restore": event("POST /records/{recordID}/restore", record_id="some", body='{"version":1}'),
    "history": event("GET /records/{recordID}/history", record_id="some"),
    "changes": event("GET /changes"),
}
# What metrics add to the line of a request.
METRICS = {"_aws", "Service", "Operation", "ColdStarts", "ConsumedReadUnits"}
SUMMARY = [
    "timestamp", "level", "message", "service", "serviceVersion", "operation", "requestId",
    "apiRequestId", "caller", "status", "durationMs", "coldStart", "consumedReadUnits",
]  # fmt: skip


def app_of(call: Call, name: str = "records", **environ: str) -> handler.App:
    every_operation = {
        "OPERATIONS": ",".join(sorted(config.OPERATIONS)),
        "TABLE_NAME": name,
        "HISTORY_TABLE_NAME": history_name(name),
        "SERVICE_NAME": "records-test",
    }
    return handler.App(config.read(GOOD | every_operation | environ), wire(call))


@pytest.fixture(autouse=True)
def logged(log_lines: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    logs.configure("records-test", "INFO")
    monkeypatch.setenv("SERVICE_NAME", "records-test")
    monkeypatch.setattr(handler, "_is_cold", False)
    return log_lines


@pytest.fixture
def app(table: store.Table) -> handler.App:
    return app_of(table.client.call, table.name)


def send(
    app: handler.App | config.ConfigError, request: dict[str, Any]
) -> tuple[int, dict[str, str], Any]:
    """Return status, headers and content of the response; check that API Gateway accepts it."""
    response = handler.serve(app, request, Context())
    assert set(response) == {"statusCode", "headers", "body", "isBase64Encoded"}
    assert all(
        re.fullmatch(r"[a-z-]+", name) and isinstance(value, str)
        for name, value in response["headers"].items()
    )
    assert response["headers"]["x-request-id"] == "request-1"
    json.dumps(response)
    return response["statusCode"], response["headers"], json.loads(response["body"] or "null")


def lines(logged: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged]


Printed = Callable[[], list[str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Returns the lines of the requests since its last call."""

    def lines() -> list[str]:
        return capsys.readouterr().out.splitlines()

    return lines


# Operations.


def test_garbage_is_collected_except_in_what_was_loaded() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_record_can_be_created_read_updated_and_deleted(app: handler.App) -> None:
    body = '{"type":"backup","status":"running","attributes":{"n":12345678901234567890.123456789}}'
    status, headers, record = send(app, event("POST /records", body=body))
    assert (status, record["submittedBy"], record["version"]) == (201, ALICE.identity, 1)
    location = urlsplit(urljoin("https://example.com/stage/records", headers["location"])).path
    assert location == f"/stage/records/{record['recordID']}"
    one = {"record_id": record["recordID"]}

    assert send(app, event("GET /records/{recordID}", **one))[::2] == (200, record)
    known = event("GET /records/{recordID}", **one, if_none_match=f'W/{headers["etag"]}, "x"')
    status, again, nothing = send(app, known)
    assert (status, again["etag"], nothing) == (304, headers["etag"], None)
    assert send(app, event("GET /records"))[::2] == (200, {"records": [record]})

    patch: dict[str, Any] = {
        "body": '{"status":"done"}',
        "content_type": "application/merge-patch+json",
        "if_match": headers["etag"],
    }
    status, changed_headers, changed = send(app, event("PATCH /records/{recordID}", **one, **patch))
    assert (status, changed["status"], changed["version"]) == (200, "done", 2)
    status, failed_headers, problem = send(app, event("PATCH /records/{recordID}", **one, **patch))
    assert (status, problem["type"]) == (412, "urn:records-api:precondition-failed")
    assert failed_headers["etag"] == changed_headers["etag"] != headers["etag"]

    status, _, _ = send(app, event("DELETE /records/{recordID}", **one, if_match=headers["etag"]))
    assert status == 412
    assert send(app, event("DELETE /records/{recordID}", **one))[::2] == (204, None)
    assert send(app, event("GET /records/{recordID}", **one))[0] == 404


def test_preconditions_are_evaluated_on_every_operation(app: handler.App) -> None:
    _, headers, record = send(app, REQUESTS["create"])
    etag, other = headers["etag"], '"1-0a1b2c3d4e5f"'

    def status(method: str, **sent: str) -> int:
        more: dict[str, Any] = sent | ({"body": "{}"} if method == "PATCH" else {})
        route = f"{method} /records/{{recordID}}"
        status, headers, _ = send(app, event(route, record_id=record["recordID"], **more))
        assert status in (200, 204) or headers["etag"] == etag
        return status

    for method, known in (("GET", 304), ("PATCH", 412), ("DELETE", 412)):
        assert status(method, if_match=other) == 412
        assert status(method, if_none_match=etag) == known
        assert status(method, if_none_match=f"{other}, W/{etag}") == known
        assert status(method, if_none_match="*") == known
        # RFC 9110, section 13.2.2: If-Match comes first.
        assert status(method, if_match=other, if_none_match=etag) == 412
        assert status(method, if_match=etag, if_none_match=etag) == known
    assert status("GET", if_match=etag, if_none_match=other) == 200
    assert status("PATCH", if_match=f",{etag},", if_none_match=other) == 200
    assert status("DELETE", if_match="*", if_none_match=other) == 204


def test_earlier_versions_are_shown_and_restored(app: handler.App) -> None:
    _, headers, first = send(app, REQUESTS["create"])
    one: dict[str, Any] = {"record_id": first["recordID"]}
    send(app, event("PATCH /records/{recordID}", **one, body='{"status":"done"}'))
    version_1: dict[str, Any] = {"body": '{"version":1}'}
    restore = event("POST /records/{recordID}/restore", **one, **version_1)
    known = event("POST /records/{recordID}/restore", **one, **version_1, if_match=headers["etag"])
    status, current, problem = send(app, known)
    assert (status, problem["type"]) == (412, "urn:records-api:precondition-failed")

    status, headers, restored = send(app, restore)
    assert (status, restored["status"], restored["version"]) == (200, "running", 3)
    assert headers["etag"] != current["etag"]
    status, _, problem = send(app, restore)
    assert (status, problem["type"]) == (409, "urn:records-api:nothing-to-restore")

    send(app, event("DELETE /records/{recordID}", **one))
    status, headers, problem = send(app, known)
    assert (status, "etag" in headers) == (412, False)
    deleted = event("POST /records/{recordID}/restore", **one, body='{"version":4}')
    status, _, problem = send(app, deleted)
    assert (status, problem["type"]) == (404, "urn:records-api:version-not-found")
    assert "the record is deleted in it" in problem["detail"]
    assert send(app, restore)[2]["version"] == 5

    history = send(app, event("GET /records/{recordID}/history", **one))[2]["history"]
    kinds = ["restore", "delete", "restore", "update", "create"]
    assert [entry["change"] for entry in history] == kinds
    assert {entry["changedBy"] for entry in history} == {ALICE.identity}
    assert {entry["requestId"] for entry in history} == {"request-1"}
    assert history[0]["record"] == send(app, event("GET /records/{recordID}", **one))[2]


def test_numbers_are_returned_as_they_were_sent(app: handler.App) -> None:
    numbers = [
        "0.12345678901234567890123456789012345678",
        "-1E-130",
        "9.9999999999999999999999999999999999999E+125",
    ]
    text = f'{{"n":[{",".join(numbers)}]}}'
    request = event("POST /records", body=f'{{"type":"t","status":"s","attributes":{text}}}')
    created = handler.serve(app, request, Context())
    record_id = json.loads(created["body"])["recordID"]
    read = handler.serve(app, event("GET /records/{recordID}", record_id=record_id), Context())
    assert f'"attributes":{text}' in created["body"]
    assert read["body"] == created["body"]


def test_record_expires_in_all_operations_at_once(
    app: handler.App, table: store.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_now", lambda: NOW)
    for seconds in (0, 1):
        record = {"recordID": f"record-{seconds}", "createdAt": "2026-01-31T09:30:00.000Z"}
        expiring = record | {"expiresAt": int(NOW.timestamp()) + seconds}
        put(table, expiring | store.index_keys(record))
        status, _, _ = send(app, event("GET /records/{recordID}", record_id=f"record-{seconds}"))
        assert status == (200 if seconds else 404)
    listed = send(app, event("GET /records"))[2]["records"]
    assert [record["recordID"] for record in listed] == ["record-1"]


def test_repeated_create_is_marked_as_replay(app: handler.App) -> None:
    request = event("POST /records", body=BODY, idempotency_key="k")
    status, headers, record = send(app, request)
    assert (status, "idempotency-replayed" in headers) == (201, False)
    status, headers, again = send(app, request)
    assert (status, headers["idempotency-replayed"], again) == (201, "true", record)
    other = event("POST /records", body='{"type":"other","status":"s"}', idempotency_key="k")
    assert send(app, other)[0] == 422
    send(app, event("DELETE /records/{recordID}", record_id=record["recordID"]))
    assert send(app, request)[0] == 410


def test_values_are_limited_in_the_stored_record(app: handler.App, table: store.Table) -> None:
    def attributes(count: int) -> str:
        return json.dumps({"type": "t", "status": "s", "attributes": {"a": [0] * (count - 1)}})

    many = event("POST /records", body=attributes(1001))
    status, _, problem = send(app, many)
    assert (status, [each["pointer"] for each in problem["errors"]]) == (400, ["/attributes"])
    status, _, record = send(app, event("POST /records", body=attributes(1000)))
    assert status == 201
    one = {"record_id": record["recordID"]}
    more = event("PATCH /records/{recordID}", **one, body='{"attributes":{"b":1}}')
    status, _, problem = send(app, more)
    assert (status, [each["pointer"] for each in problem["errors"]]) == (400, ["/attributes"])
    assert send(app, event("GET /records/{recordID}", **one))[2] == record

    # A record of another writer that exceeds the limit can be read, updated in other fields, and
    # made smaller.
    (stored,) = items(table)
    put(table, stored | {"attributes": {"a": [0] * 3000}})
    assert len(send(app, event("GET /records/{recordID}", **one))[2]["attributes"]["a"]) == 3000
    assert send(app, event("PATCH /records/{recordID}", **one, body='{"status":"x"}'))[0] == 200
    assert send(app, more)[0] == 400
    smaller = json.dumps({"attributes": {"a": [0] * 999}})
    assert send(app, event("PATCH /records/{recordID}", **one, body=smaller))[0] == 200


def test_hostile_body_gets_a_small_response(app: handler.App, printed: Printed) -> None:
    leaves = "[]," * 10_900
    text = f'{{"attributes":{{"{"~" * 32_700}":{"[" * 30}{leaves[:-1]}{"]" * 30}}}}}'
    status, _, problem = send(app, event("POST /records", body=text))
    # Two required fields and the number of values are invalid as well.
    assert (status, len(problem["errors"]), problem["errorsOmitted"]) == (400, 100, 10_803)
    assert len(json.dumps(problem)) < 150_000
    assert 0 < len("".join(printed())) < 1000


def test_pages_are_linked_by_cursor_and_header(app: handler.App) -> None:
    created = {send(app, REQUESTS["create"])[2]["recordID"] for _ in range(5)}
    by_cursor, by_link, query = [], [], "limit=2&type=backup"
    while query:
        _, headers, page = send(app, event("GET /records", query=query))
        by_link += [record["recordID"] for record in page["records"]]
        query = headers["link"].partition(">")[0].removeprefix("<?") if "next" in page else ""
    query = "limit=2&type=backup"
    while query:
        _, _, page = send(app, event("GET /records", query=query))
        by_cursor += [record["recordID"] for record in page["records"]]
        query = f"limit=2&type=backup&cursor={page['next']}" if "next" in page else ""
    assert by_cursor == by_link
    assert sorted(by_link) == sorted(created)


def test_lists_are_compressed_and_single_records_are_not(app: handler.App) -> None:
    body = json.dumps({"type": "t", "status": "s", "message": "word " * 400})
    _, _, record = send(app, event("POST /records", body=body))
    one = event("GET /records/{recordID}", record_id=record["recordID"], accept_encoding="gzip")
    for request, is_compressed in (
        (one, False),
        (event("GET /records", accept_encoding="gzip"), True),
        (event("GET /records"), False),
    ):
        assert handler.serve(app, request, Context())["isBase64Encoded"] is is_compressed


def test_without_authentication_body_names_the_submitter(table: store.Table) -> None:
    app = app_of(table.client.call, table.name, AUTH_MODE="NONE")
    named = json.dumps(json.loads(BODY) | {"submittedBy": "a script"})
    for body, submitter in ((named, "a script"), (BODY, "anonymous")):
        _, _, record = send(app, event("POST /records", body=body, authorizer=None))
        assert record["submittedBy"] == submitter


def test_retention_is_applied(table: store.Table) -> None:
    app = app_of(table.client.call, table.name, RECORD_RETENTION_DAYS="7")
    _, _, record = send(app, REQUESTS["create"])
    assert "expiresAt" in (store.get(table, record["recordID"]) or {})


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (event("POST /records", body="{", query="dry-run=1"), 400),
        (event("POST /records", body="{}"), 400),
        (event("POST /records", body=BODY, idempotency_key=""), 400),
        (event("POST /records", body=BODY, content_type="text/plain"), 415),
        (event("POST /records", body=BODY, content_encoding="gzip"), 415),
        (event("POST /records", body=" " * 65537), 413),
        (event("PATCH /records/{recordID}", record_id="some", body="[]"), 400),
        (event("PATCH /records/{recordID}", record_id="some", body="{}", if_match="1"), 400),
        (
            event(
                "PATCH /records/{recordID}", record_id="some", body="{}", content_type="text/plain"
            ),
            415,
        ),
        (event("PATCH /records/{recordID}", record_id="some", body="{}"), 404),
        (event("PATCH /records/{recordID}", record_id="a%2Fb", body="{}"), 404),
        (event("DELETE /records/{recordID}", record_id="some", if_match="1"), 400),
        (event("DELETE /records/{recordID}", record_id="some", if_none_match="1"), 400),
        (event("GET /records/{recordID}", record_id="some", if_match="1"), 400),
        (event("DELETE /records/{recordID}", record_id="some", if_match="*"), 404),
        (event("DELETE /records/{recordID}", record_id="some", query="force"), 400),
        (event("GET /records/{recordID}", record_id="%00"), 404),
        (event("POST /records/{recordID}/restore", record_id="some", body='{"version":0}'), 400),
        (event("POST /records/{recordID}/restore", record_id="some", body="{}"), 400),
        (
            event(
                "POST /records/{recordID}/restore",
                record_id="some",
                body='{"version":1}',
                query="version=1",
            ),
            400,
        ),
        (event("POST /records/{recordID}/restore", record_id="some", body='{"version":1}'), 404),
        (event("POST /records/{recordID}/restore", record_id="%00", body='{"version":1}'), 404),
        (event("GET /records", query="limit=0"), 400),
        (event("GET /records", authorizer={}), 403),
        (event("POST /records", body=BODY, authorizer=None), 403),
    ],
)
def test_invalid_request_is_a_problem_and_writes_nothing(
    app: handler.App, table: store.Table, request_: dict[str, Any], status: int
) -> None:
    sent, headers, problem = send(app, request_)
    assert (sent, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert problem["requestId"] == "request-1"
    assert bool(problem.get("errors")) == (status == 400)
    assert page(table, listing.Query({})) == ([], None)


def test_event_without_a_known_route_raises(app: handler.App) -> None:
    for request in ({}, {"routeKey": "$default"}, {"routeKey": "PUT /records"}):
        with pytest.raises(LookupError, match="must be one of GET /records, "):
            handler.serve(app, request, Context())


# Faults.


@pytest.mark.parametrize("operation", REQUESTS)
def test_unavailable_dynamodb_is_503_with_retry_after(printed: Printed, operation: str) -> None:
    call, _ = scripted(dynamodb.Unavailable("ThrottlingException", "slow down"))
    status, headers, problem = send(app_of(call), REQUESTS[operation])
    assert (status, problem["type"]) == (503, "urn:records-api:unavailable")
    assert headers["retry-after"] == "1"
    (line,) = lines(printed())
    assert (line["level"], line["cause"]) == ("WARNING", "ThrottlingException: slow down")


def test_unknown_outcome_of_a_write_is_503(app: handler.App, table: store.Table) -> None:
    lossy = app_of(
        with_lost_response(table.client.call, "TransactWriteItems", arrives=True, retry=False),
        table.name,
    )
    status, headers, problem = send(lossy, REQUESTS["create"])
    assert (status, problem["type"]) == (503, "urn:records-api:outcome-unknown")
    assert "retry-after" in headers
    assert len(send(app, REQUESTS["list"])[2]["records"]) == 1


@pytest.mark.parametrize("operation", REQUESTS)
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("internals"),
        dynamodb.Refused("AccessDeniedException", "internals"),
        TypeError("internals"),
    ],
)
def test_unexpected_error_is_logged_once_and_not_disclosed(
    logged: list[str], printed: Printed, operation: str, error: Exception
) -> None:
    status, _, problem = send(app_of(scripted(error)[0]), REQUESTS[operation])
    assert (status, problem["type"]) == (500, "urn:records-api:internal-error")
    assert "internals" not in json.dumps(problem)
    (failure,), (output,) = lines(logged), printed()
    summary = json.loads(output)
    expected = ("ERROR", "request-1", operation)
    assert (failure["level"], failure["requestId"], failure["operation"]) == expected
    assert f"{type(error).__name__}: " in failure["exc_info"]
    assert "Traceback" in failure["exc_info"]
    assert (summary["level"], summary["message"], summary["status"]) == ("ERROR", "request", 500)
    assert "exc_info" not in summary
    assert metric_values(output)["records-test",] == {"UnhandledExceptions": 1.0}


def test_invalid_configuration_is_logged_and_fails_requests(
    logged: list[str], printed: Printed
) -> None:
    broken = handler.start({"AUTH_MODE": "BASIC", "LOG_LEVEL": "INFO"})
    assert isinstance(broken, config.ConfigError)
    (line,) = lines(logged)
    expected = ("ERROR", "invalid configuration", "unnamed")
    assert (line["level"], line["message"], line["service"]) == expected
    named = {re.split(" is ", problem)[0] for problem in line["problems"]}
    assert named == set(GOOD) - {"LOG_LEVEL"}
    for operation, request in REQUESTS.items():
        status, _, problem = send(broken, request)
        assert (status, problem["type"]) == (500, "urn:records-api:configuration-error")
        assert "AUTH_MODE" not in json.dumps(problem)
        (output,) = printed()
        summary = json.loads(output)
        assert [summary[name] for name in ("level", "status", "operation")] == [
            "ERROR",
            500,
            operation,
        ]
        assert summary["requestId"] == problem["requestId"]
        assert summary["problems"] == broken.problems
        assert metric_values(output)["records-test",] == {"ConfigurationErrors": 1.0}
    with pytest.raises(config.ConfigError, match="AUTH_MODE"):
        handler.self_test(broken, {}, Context())


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "dynamodb.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "127.0.0.1"),
    ],
)
def test_endpoint_follows_region_and_environment(environ: dict[str, str], host: str) -> None:
    app = handler.start(GOOD | environ)
    assert isinstance(app, handler.App)
    assert app.client._connection.host == host


# Log lines and metrics.


def test_request_is_one_log_line(app: handler.App, logged: list[str], printed: Printed) -> None:
    send(app, REQUESTS["list"])
    (output,) = printed()
    assert logged == []
    line = json.loads(output)
    assert sorted(set(line) - METRICS) == sorted(SUMMARY)
    known = {name: line[name] for name in SUMMARY if name not in ("timestamp", "durationMs")}
    assert known == {
        "level": "INFO",
        "message": "request",
        "service": "records-test",
        "serviceVersion": __version__,
        "operation": "list",
        "requestId": "request-1",
        "apiRequestId": "api-request-1",
        "caller": ALICE.identity,
        "status": 200,
        "coldStart": False,
        "consumedReadUnits": line["consumedReadUnits"],
    }
    assert line["consumedReadUnits"] > 0
    assert 0 <= line["durationMs"] < 60_000
    units = {"ConsumedReadUnits": line["consumedReadUnits"]}
    assert metric_values(output) == {("records-test", "list"): units}


def test_read_units_of_all_reads_are_added(printed: Printed) -> None:
    last = {"Items": [], "ConsumedCapacity": {"CapacityUnits": 0.5}}
    key = {"position": "2026-01-31T09:30:00.000Z#a", "recordID": "a"}
    more = last | {"LastEvaluatedKey": store.encode(key)}
    send(app_of(scripted(more, more, last)[0]), event("GET /records", query="status=s"))
    assert lines(printed())[0]["consumedReadUnits"] == 1.5


def test_only_the_first_request_is_a_cold_start(
    app: handler.App, printed: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_is_cold", True)
    for _ in range(3):
        send(app, REQUESTS["get"])
    output = printed()
    assert [line["coldStart"] for line in lines(output)] == [True, False, False]
    metrics = [metric_values(line) for line in output]
    counts = [values.get(("records-test", "get"), {}).get("ColdStarts", 0) for values in metrics]
    assert sum(counts) == 1


def test_metrics_do_not_depend_on_the_log_level(app: handler.App, printed: Printed) -> None:
    logs.configure("records-test", "ERROR")
    send(app, REQUESTS["list"])
    (output,) = printed()
    assert metric_values(output)
    assert json.loads(output).keys() == METRICS


SECRET = "do-not-log-me"
FAULTS: list[Exception | None] = [
    None,
    RuntimeError("fault"),
    dynamodb.Unavailable("ThrottlingException", "fault"),
    dynamodb.Unavailable("TimeoutError", "fault", ambiguous=True),
    dynamodb.Refused("ValidationException", "fault"),
]
member_names = st.sampled_from([SECRET, "message", ""])
json_values = st.recursive(
    st.sampled_from([SECRET, None, True, 1, 1e400, "\ud800"]),
    lambda inner: st.lists(inner) | st.dictionaries(member_names, inner),
    max_leaves=4,
)
names = st.sampled_from(
    ["type", "status", "message", "attributes", "submittedBy", "level", "timestamp", SECRET]
)


@settings(max_examples=150)
@given(
    route=st.sampled_from(sorted(operations.OPERATIONS)),
    body=st.dictionaries(names, json_values | st.just("ok"), max_size=5).map(json.dumps)
    | st.just(SECRET),
    query=st.sampled_from(
        ["", f"type={SECRET}", f"{SECRET}=1", f"cursor={SECRET}", f"status={SECRET}&limit=3"]
    ),
    record_id=st.sampled_from([SECRET, "a/b"]),
    header=st.sampled_from(
        ["if_match", "if_none_match", "idempotency_key", "content_type", "authorization", "cookie"]
    ),
    value=st.sampled_from([SECRET, f'"{SECRET}"', f"Bearer {SECRET}", "application/json"]),
    fault=st.sampled_from(FAULTS),
)
def test_logs_contain_no_content_headers_or_tokens(  # noqa: PLR0913 (every part of a request)
    table: store.Table,
    log_lines: list[str],
    capsys: pytest.CaptureFixture[str],
    *,
    route: str,
    body: str,
    query: str,
    record_id: str,
    header: str,
    value: str,
    fault: Exception | None,
) -> None:
    stored = {
        "recordID": SECRET,
        "createdAt": "2026-01-31T09:30:00.000Z",
        "message": SECRET,
        "writeToken": SECRET,
    }
    put(
        table,
        {**stored, "type": SECRET, "status": "s", "requestHash": SECRET, "feed": "records"},
    )
    call = scripted(fault)[0] if fault else table.client.call
    headers: dict[str, Any] = {header: value}
    request = event(route, body=body, query=query, record_id=record_id, **headers)
    response = handler.serve(app_of(call, table.name), request, Context())
    output = capsys.readouterr().out
    assert response["statusCode"] >= 200
    (summary,) = lines(output.splitlines())
    assert summary["message"] == "request"
    assert len(log_lines) == (fault is not None and response["statusCode"] == 500)
    assert {line["message"] for line in lines(log_lines)} <= {"unhandled exception"}
    assert SECRET not in "".join([*log_lines, output])
    log_lines.clear()


# Time.


@pytest.mark.parametrize(
    ("seconds_left", "seconds_allowed"), [(29.0, 10.0), (10.5, 10.0), (4.0, 3.5), (0.2, -0.3)]
)
def test_request_has_a_deadline_within_the_invocation(
    monkeypatch: pytest.MonkeyPatch, seconds_left: float, seconds_allowed: float
) -> None:
    deadlines = []

    def call(_operation: str, _payload: object, deadline: float) -> dict[str, Any]:
        deadlines.append(deadline)
        return {}

    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    handler.serve(app_of(call), REQUESTS["get"], Context(seconds=seconds_left))
    assert deadlines == [pytest.approx(1000 + seconds_allowed)]
