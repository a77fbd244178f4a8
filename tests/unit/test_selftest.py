"""The self-test, called as by the release gate and the heartbeat, on moto's DynamoDB."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from records_api import __version__, config, dynamodb, handler, logs, selftest, store
from unit.support import Call, Context, chain, items, metric_values, scripted
from unit.test_config import GOOD
from unit.test_handler import REQUESTS, app_of

DIGEST, HASH = "d" * 64, "c" * 64
PASSED = {("records-test",): {"SelfTestsPassed": 1.0}}


@pytest.fixture(autouse=True)
def lines(log_lines: list[str]) -> list[str]:
    logs.configure("records-test", "INFO")
    return log_lines


@pytest.fixture
def app(table: store.Table) -> handler.App:
    return app_of(table.client.call, table.name)


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the handler find DIGEST as the digest of its sources."""
    (tmp_path / "SOURCE_DIGEST").write_text(f"{DIGEST}\n")
    monkeypatch.setattr(selftest, "__file__", str(tmp_path / "selftest.py"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the clock by one that only sleep moves; return the seconds of each sleep."""
    slept: list[float] = []
    monkeypatch.setattr("time.monotonic", lambda: 1000.0 + sum(slept))
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def denied_until(call: Call, seconds: float, clock: list[float], action: str = "") -> Call:
    """Return `call` that denies access to `action`, or to all, for the first `seconds`.

    This is how DynamoDB treats a new role. A transaction needs the permissions of its parts.
    """

    def denied_at_first(name: str, payload: Any, deadline: float) -> dict[str, Any]:
        parts = [f"{kind}Item" for member in payload.get("TransactItems", []) for kind in member]
        if sum(clock) < seconds and (not action or action in (name, *parts)):
            denied = action or name
            raise dynamodb.Refused("AccessDeniedException", f"not authorized to perform {denied}")
        return call(name, payload, deadline)

    return denied_at_first


def test_passed_self_test_writes_nothing_and_is_counted(
    app: handler.App, table: store.Table, capsys: pytest.CaptureFixture[str], lines: list[str]
) -> None:
    assert handler.self_test(app, {}, Context()) == {
        "selfTest": "passed",
        "sourceDigest": None,
        "configurationHash": None,
        "operations": sorted(config.OPERATIONS),
        "functionVersion": "7",
        "serviceVersion": __version__,
    }
    assert items(table) == chain(table) == []
    assert metric_values(capsys.readouterr().out) == PASSED
    (line,) = map(json.loads, lines)
    assert (line["level"], line["message"]) == ("INFO", "self-test passed")
    assert (line["functionVersion"], line["requestId"]) == ("7", "request-1")


def test_release_gate_and_heartbeat_run_the_self_test(
    app: handler.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "_app", app)
    gate = {"selfTest": True, "sourceDigest": None, "configurationHash": None}
    for event in (gate, {"selfTest": True}):
        assert handler.handler(event, Context())["selfTest"] == "passed"
    with pytest.raises(selftest.SelfTestFailed, match="configuration hash none"):
        handler.handler(gate | {"configurationHash": HASH}, Context())
    assert handler.handler(REQUESTS["list"], Context())["statusCode"] == 200


@pytest.mark.usefixtures("packaged")
def test_expected_digest_and_configuration_pass(table: store.Table) -> None:
    app = app_of(table.client.call, table.name, CONFIGURATION_HASH=HASH)
    released = {"sourceDigest": DIGEST, "configurationHash": HASH}
    for event in ({}, released, released | {"configurationHash": None}):
        result = handler.self_test(app, event, Context())
        assert (result["sourceDigest"], result["configurationHash"]) == (DIGEST, HASH)


OTHER_SOURCE = "source digest dddddddddddd does not match the expected ffffffffffff"
OTHER_CONFIGURATION = "configuration hash cccccccccccc does not match the expected ffffffffffff"


@pytest.mark.usefixtures("packaged")
@pytest.mark.parametrize(
    ("event", "mismatches"),
    [
        ({"sourceDigest": "f" * 64}, OTHER_SOURCE),
        ({"configurationHash": "f" * 64}, OTHER_CONFIGURATION),
        ({"sourceDigest": DIGEST, "configurationHash": "f" * 64}, OTHER_CONFIGURATION),
        (
            {"sourceDigest": "f" * 64, "configurationHash": "f" * 64},
            f"{OTHER_SOURCE}; {OTHER_CONFIGURATION}",
        ),
    ],
)
def test_mismatch_fails_with_the_publish_command(
    table: store.Table, clock: list[float], event: dict[str, str], mismatches: str
) -> None:
    app = app_of(table.client.call, table.name, CONFIGURATION_HASH=HASH)
    with pytest.raises(selftest.SelfTestFailed) as caught:
        handler.self_test(app, event, Context())
    message = str(caught.value)
    assert message.startswith(f"version 7: {mismatches}. If ")
    region = GOOD["AWS_REGION"]
    publish = f"aws lambda publish-version --region {region} --function-name records-test"
    assert f"run: {publish} and apply again" in message
    assert "scripts/package" in message
    assert clock == []


def test_failure_is_one_error_line_with_the_version(
    clock: list[float], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rejected = app_of(scripted(dynamodb.Refused("ResourceNotFoundException", "no table"))[0])
    defect = app_of(scripted(KeyError("a defect"))[0])
    misconfigured = config.ConfigError(["AUTH_MODE is not set"])
    for app, kind, reason in (
        (rejected, selftest.SelfTestFailed, "changes: ResourceNotFoundException: no table"),
        (defect, KeyError, "a defect"),
        (misconfigured, config.ConfigError, "AUTH_MODE is not set"),
    ):
        lines.clear()
        with pytest.raises(kind):
            handler.self_test(app, {}, Context())
        (line,) = map(json.loads, lines)
        assert (line["level"], line["message"]) == ("ERROR", "self-test failed")
        assert (line["functionVersion"], line["requestId"]) == ("7", "request-1")
        assert reason in line["reason"]
    assert capsys.readouterr().out == ""
    assert clock


def test_denied_access_is_retried(table: store.Table, clock: list[float]) -> None:
    app = app_of(denied_until(table.client.call, 12, clock), table.name)
    assert handler.self_test(app, {}, Context())["selfTest"] == "passed"
    assert sum(clock) == 12


@pytest.mark.parametrize(("seconds_left", "max_wait"), [(29.0, 20.0), (5.0, 4.5)])
def test_retries_end_and_name_the_denied_action(
    table: store.Table, clock: list[float], seconds_left: float, max_wait: float
) -> None:
    app = app_of(denied_until(table.client.call, math.inf, clock, "DeleteItem"), table.name)
    with pytest.raises(selftest.SelfTestFailed) as caught:
        handler.self_test(app, {}, Context(seconds=seconds_left))
    reason = "delete: AccessDeniedException: not authorized to perform DeleteItem"
    assert str(caught.value) == reason
    assert max_wait - 2 <= sum(clock) < max_wait


def test_every_failed_operation_is_named(clock: list[float]) -> None:
    app = app_of(scripted(dynamodb.Refused("ResourceNotFoundException", "no table"))[0])
    with pytest.raises(selftest.SelfTestFailed) as caught:
        handler.self_test(app, {}, Context())
    reasons = [f"{name}: ResourceNotFoundException: no table" for name in sorted(REQUESTS)]
    assert str(caught.value) == "; ".join(reasons)
    assert clock


@pytest.mark.parametrize(
    "error",
    [
        dynamodb.Unavailable("ThrottlingException", "x"),
        dynamodb.Unavailable("TimeoutError", "x", ambiguous=True),
    ],
)
def test_unavailable_table_fails_the_self_test(clock: list[float], error: Exception) -> None:
    with pytest.raises(selftest.SelfTestFailed, match=r"changes: .*update: "):
        handler.self_test(app_of(scripted(error)[0]), {}, Context())
    assert clock


def test_last_error_before_the_deadline_is_reported(clock: list[float]) -> None:
    def slow(_name: str, _payload: object, deadline: float) -> dict[str, Any]:
        if 1000.0 + sum(clock) >= deadline:
            raise dynamodb.Unavailable("DeadlineExceeded", "no time was left for the call")
        clock.append(2.0)
        raise dynamodb.Unavailable("ConnectionRefusedError", "refused")

    with pytest.raises(selftest.SelfTestFailed) as caught:
        handler.self_test(app_of(slow), {}, Context())
    reasons = [f"{name}: ConnectionRefusedError: refused" for name in sorted(REQUESTS)]
    assert str(caught.value) == "; ".join(reasons)


def test_disabled_operations_are_not_tested(clock: list[float]) -> None:
    call, requests = scripted({"Items": []})
    result = handler.self_test(app_of(call, OPERATIONS="get"), {}, Context())
    assert result["operations"] == ["get"]
    assert [name for name, _ in requests] == ["GetItem"]
    assert clock == []


def test_successful_calls_are_not_repeated(table: store.Table, clock: list[float]) -> None:
    called = []

    def counted(name: str, payload: Any, deadline: float) -> dict[str, Any]:
        called.append(name)
        return table.client.call(name, payload, deadline)

    handler.self_test(
        app_of(denied_until(counted, 3, clock, "DeleteItem"), table.name), {}, Context()
    )
    # Lists query each index once; the failing delete repeats its query in each of three rounds.
    once = sum(name == "Query" for name in called) - 3
    assert once == len(["history", "changes", "update", "restore", "delete"]) + 4
