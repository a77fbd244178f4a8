"""The wire client against a faulty server: a correct response or a typed error, in time."""

import gc
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract import fault_server as faults
from contract.conftest import Authority
from contract.fault_server import (
    Exchange,
    FaultServer,
    Step,
    cancellation,
    drips,
    error,
    message,
    responds,
    responds_and_closes,
)
from records_api import connection, dynamodb, http1, selftest, store, trust

Serve = Callable[..., FaultServer]
Count = Callable[..., None]
Tls = ssl.SSLContext | None

REGION = "eu-west-3"
ITEM: dict[str, Any] = {"Item": {"recordID": {"S": "1"}, "message": {"S": "\u20ac" * 200}}}
OTHER = {"Item": {"recordID": {"S": "2"}}}
OK = responds(message(ITEM))
# A call on a busy machine may exceed its deadline by this. Slow faults take several seconds.
SLACK_SECONDS = 2.5
DEADLINE_SECONDS = 30.0

# Faults by name. After those in SOUND, the connection can be used for another request.
CUT = len(message(ITEM)) // 2
UNCLEAR: dict[str, Step] = {
    "reset before the request is read": faults.resets_before_reading,
    "reset after the request is read": faults.resets_after_reading,
    "closed after the request is read": faults.closes_after_reading,
    "reset in the middle of the head": responds_and_closes(message(ITEM)[:25], reset=True),
    "closed in the middle of the head": responds_and_closes(message(ITEM)[:25]),
    "reset in the middle of the body": responds_and_closes(message(ITEM)[:CUT], reset=True),
    "half a body": responds_and_closes(message(ITEM)[:CUT]),
    "half a chunk": responds_and_closes(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{"Item":'
    ),
    "cut, detected by the checksum only": responds_and_closes(
        b"HTTP/1.1 200 OK\r\nx-amz-crc32: 1\r\n\r\n{}"
    ),
    "wrong CRC32": responds(message(ITEM, crc="1")),
    "CRC32 that is no number": responds(message(ITEM, crc="deadbeef")),
    "wrong CRC32 of an error": responds(
        message({"__type": "x#ValidationException"}, status="400 Bad Request", crc="1"),
    ),
    "garbage": responds_and_closes(b"\x00\x16\x03 this is not HTTP\r\n\r\n" * 40),
    "another protocol": responds_and_closes(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a line without end": responds_and_closes(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000),
    "headers without end": responds_and_closes(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200),
    "early hints and no response": responds_and_closes(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "an HTML page as 200": responds(message(b"<html><body>Welcome</body></html>", crc=None)),
    "an HTML page as 503": responds(
        message(b"<html>Busy</html>", status="503 Service Unavailable", crc=None)
    ),
    "an empty body": responds(message(b"")),
    "JSON that is no object": responds(message(["Item"])),
    "JSON nested without end": responds(message(b"[" * 200_000)),
}
UNCLEAR_BUT_SOUND: dict[str, Step] = {
    "500": responds(error("InternalServerError", "500 Internal Server Error")),
    "500 without a type": responds(message({}, status="500 Internal Server Error")),
    "503": responds(error("ServiceUnavailable", "503 Service Unavailable")),
}
SLOW: dict[str, Step] = {
    "slow first byte": faults.is_silent,
    "slow head": drips(message(ITEM)),
    "slow body": drips(message(ITEM), after=len(message(ITEM)) - 300),
    "100 Continue without end": drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}
THROTTLED: dict[str, Step] = {
    name: responds(error(name))
    for name in (
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionConflictException",
    )
} | {
    f"canceled: {name}": responds(cancellation("None", name))
    for name in ("ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict")
}
AMBIGUOUS = UNCLEAR | UNCLEAR_BUT_SOUND | SLOW
SOUND = UNCLEAR_BUT_SOUND | THROTTLED
EVERY = AMBIGUOUS | THROTTLED


class Trial:
    """A client whose calls are counted and must end with their deadline."""

    def __init__(self, url: str, tally: Count) -> None:
        self.client = dynamodb.Client(url, REGION)
        self._tally = tally

    def call(
        self, kind: str, seconds: float = DEADLINE_SECONDS, **payload: object
    ) -> dict[str, Any]:
        """Call GetItem. Fails if response or error come after the deadline."""
        began = time.monotonic()
        try:
            response = self.client.call("GetItem", payload, began + seconds)
        except dynamodb.DynamoDBError as failure:
            suffix = " (ambiguous)" if failure.ambiguous else ""
            self._tally(kind, 1, type(failure).__name__ + suffix)
            raise
        else:
            self._tally(kind, 1, "correct response")
            return response
        finally:
            assert time.monotonic() - began <= max(seconds, 0) + SLACK_SECONDS

    def fail(
        self,
        expected: type[dynamodb.DynamoDBError],
        kind: str,
        seconds: float = DEADLINE_SECONDS,
        **payload: object,
    ) -> dynamodb.DynamoDBError:
        """Call GetItem and return its error, which must be of exactly the expected class."""
        with pytest.raises(expected) as caught:
            self.call(kind, seconds, **payload)
        assert type(caught.value) is expected
        return caught.value


Start = Callable[[str], Trial]


@pytest.fixture
def trial(
    tally: Count,
    credentials: None,  # noqa: ARG001 (a fixture that only acts)
    short_pauses: None,  # noqa: ARG001 (a fixture that only acts)
) -> Iterator[Start]:
    trials: list[Trial] = []

    def start(url: str) -> Trial:
        trials.append(Trial(url, tally))
        return trials[-1]

    yield start
    for each in trials:
        each.client.close()


@contextmanager
def at_pauses(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> Iterator[None]:
    """Run `act` in place of each pause between two attempts."""

    def sleep(seconds: float) -> None:
        if seconds:
            act()

    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=sleep)
    with monkeypatch.context() as patch:
        patch.setattr(dynamodb, "time", clock)
        yield


def connections_of(server: FaultServer) -> list[int]:
    return [request.connection for request in server.requests]


@pytest.fixture
def fault(short_attempts: Callable[[Step], Step]) -> Callable[[str], Step]:
    """Return the step of a kind in EVERY, with short attempts for the slow ones."""
    return lambda kind: short_attempts(EVERY[kind]) if kind in SLOW else EVERY[kind]


@pytest.mark.parametrize("kind", EVERY)
def test_call_succeeds_after_each_fault(
    kind: str, serve: Serve, trial: Start, tls: Tls, fault: Callable[[str], Step]
) -> None:
    server = serve(OK, tls=tls)
    server.script(fault(kind))
    each = trial(server.url)
    assert each.call(kind) == ITEM
    assert each.call("none, after a fault") == ITEM
    connections = 1 if kind in SOUND else 2
    requests = 2 if kind == "reset before the request is read" else 3
    if kind in SLOW:  # a short attempt may end before the request reaches the server
        assert server.connections >= connections
        assert len(server.requests) >= requests
    else:
        assert (server.connections, len(server.requests)) == (connections, requests)


@pytest.mark.parametrize("kind", EVERY)
def test_error_after_a_fault_is_ambiguous_if_the_fault_is(
    kind: str, serve: Serve, trial: Start, tls: Tls, fault: Callable[[str], Step]
) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")), tls=tls)
    server.script(fault(kind))
    failure = trial(server.url).fail(dynamodb.ConditionFailed, kind)
    assert failure.ambiguous == (kind in AMBIGUOUS)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in SLOW])
@pytest.mark.usefixtures("generous_limits")
def test_persistent_fault_fails_after_all_attempts(
    kind: str, serve: Serve, trial: Start, tls: Tls
) -> None:
    server = serve(EVERY[kind], tls=tls)
    failure = trial(server.url).fail(dynamodb.Unavailable, kind)
    assert failure.ambiguous == (kind in AMBIGUOUS)
    attempts = server.connections if kind not in SOUND else len(server.requests)
    assert attempts == dynamodb.MAX_ATTEMPTS


@pytest.mark.parametrize("kind", SLOW)
def test_slow_server_fails_at_the_deadline(
    kind: str, serve: Serve, trial: Start, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", 0.5)
    server = serve(SLOW[kind], tls=tls)
    failure = trial(server.url).fail(dynamodb.Unavailable, kind, 0.8)
    assert failure.ambiguous
    assert server.connections in (1, 2)


@pytest.mark.parametrize("kind", THROTTLED)
def test_throttled_call_succeeds_after_retries(kind: str, serve: Serve, trial: Start) -> None:
    server = serve(OK)
    server.script(*[THROTTLED[kind]] * (dynamodb.MAX_ATTEMPTS - 1))
    assert trial(server.url).call(f"{kind}, five times") == ITEM
    assert connections_of(server) == [1] * dynamodb.MAX_ATTEMPTS


def test_pause_beyond_the_deadline_is_skipped(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "_jitter", lambda: 1.0)
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE_SECONDS", 5.0)
    monkeypatch.setattr(dynamodb, "LONGEST_PAUSE_SECONDS", 10.0)
    server = serve(THROTTLED["ThrottlingException"])
    began = time.monotonic()
    failure = trial(server.url).fail(
        dynamodb.Unavailable, "throttled, and no time for another attempt", 3.0
    )
    assert time.monotonic() - began < 1.0
    expected = ("ThrottlingException", False, 1)
    assert (failure.code, failure.ambiguous, len(server.requests)) == expected


def test_after_the_deadline_nothing_is_sent(serve: Serve, trial: Start) -> None:
    server = serve(OK)
    failure = trial(server.url).fail(dynamodb.Unavailable, "no time left", -1.0)
    assert (failure.code, failure.ambiguous) == ("DeadlineExceeded", False)
    assert server.connections == 0


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "IdempotentParameterMismatchException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    ],
)
def test_permanent_errors_are_not_retried(code: str, serve: Serve, trial: Start, tls: Tls) -> None:
    server = serve(OK, tls=tls)
    each = trial(server.url)
    server.script(responds(error(code)))
    failure = each.fail(dynamodb.Refused, code)
    assert (failure.code, failure.ambiguous, len(server.requests)) == (code, False, 1)
    assert each.call("none, after a fault") == ITEM
    server.script(UNCLEAR["wrong CRC32"], responds(error(code)))
    failure = each.fail(dynamodb.Refused, f"{code}, after an unclear attempt")
    assert (failure.code, failure.ambiguous, len(server.requests)) == (code, True, 4)
    assert connections_of(server) == [1, 1, 1, 2]


def test_failed_condition_is_not_retried(serve: Serve, trial: Start) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")))
    failure = trial(server.url).fail(dynamodb.ConditionFailed, "condition failed")
    assert (failure.ambiguous, len(server.requests)) == (False, 1)


# Transactions.

CCF = "ConditionalCheckFailed"
IN_PROGRESS = responds(error("TransactionInProgressException"))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((CCF, "None"), dynamodb.ConditionFailed),
        (("None", "None", CCF), dynamodb.ConditionFailed),
        (("TransactionConflict", CCF), dynamodb.ConditionFailed),
        ((CCF, "ValidationError"), dynamodb.ConditionFailed),
        (("ValidationError", "None"), dynamodb.Refused),
        (("None", "ItemCollectionSizeLimitExceeded"), dynamodb.Refused),
        (("DuplicateItem", "AccessDenied"), dynamodb.Refused),
        ((), dynamodb.Refused),
    ],
)
def test_permanent_cancellation_names_its_reasons(
    codes: tuple[str, ...], expected: type[dynamodb.DynamoDBError], serve: Serve, trial: Start
) -> None:
    server = serve(responds(cancellation(*codes)))
    failure = trial(server.url).fail(expected, f"canceled: {', '.join(codes) or 'no reasons'}")
    assert (failure.code, failure.ambiguous) == ("TransactionCanceledException", False)
    assert len(server.requests) == 1
    assert all(f"message of {code}" in str(failure) for code in codes if code != "None")


def test_conflict_with_another_reason_is_retried(serve: Serve, trial: Start) -> None:
    server = serve(responds(cancellation("ValidationError")))
    server.script(responds(cancellation("ValidationError", "TransactionConflict")))
    failure = trial(server.url).fail(dynamodb.Refused, "canceled: two reasons")
    assert (failure.ambiguous, len(server.requests)) == (False, 2)


def test_every_attempt_sends_the_same_token(serve: Serve, trial: Start) -> None:
    server = serve(OK)
    server.script(*SOUND.values(), faults.resets_after_reading)
    each = trial(server.url)
    with suppress(dynamodb.Unavailable):
        each.call("a token", ClientRequestToken="first")
    assert each.call("a token", ClientRequestToken="second") == ITEM
    tokens = [request.payload["ClientRequestToken"] for request in server.requests]
    assert tokens[: dynamodb.MAX_ATTEMPTS] == ["first"] * dynamodb.MAX_ATTEMPTS
    assert set(tokens[dynamodb.MAX_ATTEMPTS :]) == {"second"}
    assert len({request.body for request in server.requests}) == 2


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list of pauses, which advance both clocks without waiting."""
    pauses: list[float] = []
    monkeypatch.setattr(dynamodb, "_jitter", lambda: 0.0)
    clock = SimpleNamespace(
        monotonic=lambda: time.monotonic() + sum(pauses),
        time=lambda: time.time() + sum(pauses),
        sleep=pauses.append,
    )
    monkeypatch.setattr(dynamodb, "time", clock)
    return pauses


def test_transaction_in_progress_is_retried_every_second(
    serve: Serve, trial: Start, sleeper: list[float]
) -> None:
    server = serve(OK)
    server.script(THROTTLED["ThrottlingException"], *[IN_PROGRESS] * 9)
    assert trial(server.url).call("in progress, nine times") == ITEM
    assert sleeper == [1.0] * 9
    assert connections_of(server) == [1] * 11


@pytest.mark.usefixtures("generous_limits")
def test_transaction_in_progress_at_the_deadline_is_ambiguous(
    serve: Serve, trial: Start, sleeper: list[float]
) -> None:
    server = serve(IN_PROGRESS)
    failure = trial(server.url).fail(dynamodb.Unavailable, "always in progress")
    assert (failure.code, failure.ambiguous) == ("TransactionInProgressException", True)
    # The first attempt, and one after each pause before the deadline. A busy machine makes fewer.
    assert DEADLINE_SECONDS / 2 < len(server.requests) <= DEADLINE_SECONDS
    assert sleeper == [1.0] * (len(server.requests) - 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cancellation(CCF, "None"), dynamodb.ConditionFailed),
        (cancellation("TransactionConflict"), dynamodb.Unavailable),
        (cancellation("ValidationError"), dynamodb.Refused),
    ],
)
@pytest.mark.usefixtures("sleeper")
def test_cancellation_after_in_progress_is_ambiguous(
    content: bytes, expected: type[dynamodb.DynamoDBError], serve: Serve, trial: Start
) -> None:
    server = serve(responds(content))
    server.script(IN_PROGRESS)
    assert trial(server.url).fail(expected, "in progress, then canceled").ambiguous


CHUNKS = b"".join(
    b"%x\r\n%s\r\n" % (len(part), part)
    for part in (b'{"It', b'em":{"recordID"', b':{"S":"1"}}}', b"")
)
UNUSUAL = {
    "100 Continue before it": (b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + message(ITEM), True),
    "in chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, True),
    "Connection: close": (message(ITEM, extra=["Connection: close"]), False),
    "HTTP/1.0": (message(ITEM).replace(b"HTTP/1.1", b"HTTP/1.0"), False),
    "no CRC32": (message(ITEM, crc=None), True),
    "two lengths, of which the first counts": (message(ITEM, extra=["Content-Length: 999"]), True),
    "header names in capitals": (message(ITEM).replace(b"x-amz-crc32", b"X-AMZ-CRC32"), True),
    "a megabyte": (message({"Item": {"recordID": {"S": "x" * 1_000_000}}}), True),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_unusual_response_is_accepted(kind: str, serve: Serve, trial: Start, tls: Tls) -> None:
    content, is_kept = UNUSUAL[kind]
    server = serve(responds(content), tls=tls)
    each = trial(server.url)
    for _ in range(3):
        assert "recordID" in each.call(f"unusual: {kind}")["Item"]
    assert connections_of(server) == ([1, 1, 1] if is_kept else [1, 2, 3])


def test_head_with_a_repeated_header_is_not_plain() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 2"
    assert http1._plain_head(head)
    assert http1._plain_head(f"{head}\r\nContent-Length: 999") is None


def test_response_that_ends_with_the_connection_is_accepted(serve: Serve, trial: Start) -> None:
    server = serve(responds_and_closes(message(ITEM).replace(b"Content-Length", b"X")))
    assert trial(server.url).call("unusual: ends with the connection") == ITEM
    assert len(server.requests) == 1


def test_response_in_single_bytes_is_accepted(serve: Serve, trial: Start, tls: Tls) -> None:
    def step(exchange: Exchange) -> None:
        exchange.read()
        exchange.drip(message(OTHER), pause=0.0)

    server = serve(step, tls=tls)
    assert trial(server.url).call("unusual: in single bytes") == OTHER
    assert len(server.requests) == 1


# Kept-alive connections, and those that have ended.


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the server's thread has fulfilled `condition`."""
    limit = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def wait_for_input(trial: Trial) -> None:
    """Wait until the kept connection can be read: it has more bytes, or has ended."""
    kept = trial.client._connection._socket
    assert kept
    assert select.select([kept], [], [], DEADLINE_SECONDS)[0]


@pytest.mark.parametrize("with_reset", [False, True], ids=["closed", "reset"])
def test_connection_closed_while_idle_costs_no_attempt(
    serve: Serve, trial: Start, tls: Tls, *, with_reset: bool
) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")), tls=tls)
    server.script(responds_and_closes(message(ITEM), reset=with_reset))
    each = trial(server.url)
    assert each.call("none") == ITEM
    wait_for_input(each)
    failure = each.fail(dynamodb.ConditionFailed, "stale kept-alive connection")
    assert not failure.ambiguous
    assert connections_of(server) == [1, 2]


@pytest.mark.parametrize(
    "step", [faults.resets_before_reading, faults.resets_after_reading], ids=["unread", "read"]
)
def test_reset_of_a_reused_connection_is_ambiguous(
    step: Step, serve: Serve, trial: Start, tls: Tls
) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")), tls=tls)
    server.script(OK, step)
    each = trial(server.url)
    assert each.call("none") == ITEM
    assert each.fail(dynamodb.ConditionFailed, "reset on a reused connection").ambiguous
    assert server.connections == 2


def test_request_sent_in_part_is_not_ambiguous(serve: Serve, trial: Start, tls: Tls) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")), tls=tls)

    def step(exchange: Exchange) -> None:
        time.sleep(0.1)  # until all buffers are full
        exchange.reset()

    server.script(step)
    failure = trial(server.url).fail(
        dynamodb.ConditionFailed, "reset while sending", filler="x" * 8_000_000
    )
    assert not failure.ambiguous
    assert server.connections == 2


@pytest.mark.usefixtures("generous_limits")
@pytest.mark.parametrize("jump", [11.0, 86400.0, -3600.0])
def test_connection_is_replaced_after_a_freeze(
    jump: float, serve: Serve, trial: Start, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def respond_and_wait(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(message(ITEM))
        closed.append(exchange.wait_until_closed())

    server = serve(responds(message(OTHER)), tls=tls)
    server.script(respond_and_wait)
    each = trial(server.url)
    assert each.call("none") == ITEM
    clock = SimpleNamespace(
        monotonic=time.monotonic, time=lambda: time.time() + jump, sleep=time.sleep
    )
    with monkeypatch.context() as patch:
        patch.setattr(connection, "time", clock)
        assert each.call("frozen and thawed") == OTHER
    assert connections_of(server) == [1, 2]
    wait_for(lambda: bool(closed))
    assert closed == [True]


@pytest.mark.parametrize("size", [0, 16_000_000], ids=["sent", "half sent"])
def test_connection_without_a_response_is_reset(
    size: int, serve: Serve, trial: Start, tls: Tls, short_attempts: Callable[[Step], Step]
) -> None:
    resets: list[bool] = []

    def stay_silent(exchange: Exchange) -> None:
        if not size:
            exchange.read()
        time.sleep(0.6)  # longer than the attempt; all buffers are full
        resets.append(exchange.is_reset_by_client())

    server = serve(OK, tls=tls)
    server.script(short_attempts(stay_silent))
    assert trial(server.url).call("abandoned", filler="x" * size) == ITEM
    wait_for(lambda: bool(resets))
    assert resets == [True]


def test_connection_with_a_response_is_closed_in_order(
    serve: Serve, trial: Start, tls: Tls
) -> None:
    resets: list[bool] = []

    def watch_the_end(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(message(ITEM))
        resets.append(exchange.is_reset_by_client())

    each = trial(serve(watch_the_end, tls=tls).url)
    assert each.call("none") == ITEM
    each.client.close()
    wait_for(lambda: len(resets) == 1)
    assert resets == [False]


def test_connection_is_kept_while_it_is_used(
    serve: Serve, trial: Start, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    server = serve(OK, tls=tls)
    each = trial(server.url)
    for number in range(5):
        # Idle time counts from the last use: in all, this exceeds the limit.
        moment = now + number * 9.0
        clock = SimpleNamespace(
            monotonic=time.monotonic, time=lambda moment=moment: moment, sleep=time.sleep
        )
        monkeypatch.setattr(connection, "time", clock)
        assert each.call("none, in sequence") == ITEM
    assert connections_of(server) == [1] * 5


def test_unexpected_response_is_discarded(serve: Serve, trial: Start, tls: Tls) -> None:
    def step(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(message(ITEM))
        time.sleep(0.1)
        exchange.send(message(ITEM))

    server = serve(responds(message(OTHER)), tls=tls)
    server.script(step)
    each = trial(server.url)
    assert each.call("none") == ITEM
    wait_for_input(each)
    assert each.call("two responses") == OTHER


@pytest.mark.parametrize("kind", ["half a body", "half a chunk"])
def test_partly_read_responses_are_closed(
    kind: str, serve: Serve, trial: Start, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses: list[http.client.HTTPResponse] = []

    class Kept(http.client.HTTPResponse):
        def begin(self) -> None:
            responses.append(self)
            super().begin()

    monkeypatch.setattr(http.client, "HTTPResponse", Kept)
    each = trial(serve(UNCLEAR[kind], tls=tls).url)
    each.fail(dynamodb.Unavailable, kind)
    parsed = dynamodb.MAX_ATTEMPTS if kind == "half a chunk" else 0  # A plain form needs none.
    assert [response.closed for response in responses] == [True] * parsed
    assert each.client._connection._socket is None
    gc.collect()  # an open socket warns here, and warnings are errors


# Connections that cannot be opened.


def test_refused_connection_is_retried(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(responds(error("ConditionalCheckFailedException")), listening=False)
    pauses: list[None] = []

    def listen_at_the_second() -> None:
        pauses.append(None)
        if len(pauses) == 2:
            server.listen()

    with at_pauses(monkeypatch, listen_at_the_second):
        failure = trial(server.url).fail(dynamodb.ConditionFailed, "connection refused, twice")
    assert not failure.ambiguous
    assert len(server.requests) == 1


def test_refused_connections_fail_after_all_attempts(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(OK, listening=False)
    pauses: list[None] = []
    with at_pauses(monkeypatch, lambda: pauses.append(None)):
        failure = trial(server.url).fail(dynamodb.Unavailable, "connection refused")
    assert (failure.code, failure.ambiguous) == ("ConnectionRefusedError", False)
    assert len(pauses) == dynamodb.MAX_ATTEMPTS - 1


def test_unknown_host_is_not_ambiguous(trial: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = trial("http://nowhere.example").fail(dynamodb.Unavailable, "unknown host")
    assert (failure.code, failure.ambiguous) == ("gaierror", False)


def resolves_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Resolve every name to one loopback address for each port."""
    known = socket.getaddrinfo

    def resolve(host: str, port: int, *more: int, **named: Any) -> list[Any]:
        try:
            return known(host, port, *more, **named | {"flags": socket.AI_NUMERICHOST})
        except socket.gaierror:
            if named.get("flags"):
                raise
            return [info for each in ports for info in known("127.0.0.1", each, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def silent_resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Delay the resolution of names, but not of addresses, until the test ends."""
    is_ended, known = threading.Event(), socket.getaddrinfo

    def resolve(host: str, port: int, **more: Any) -> object:
        if not more.get("flags"):
            is_ended.wait(faults.LONGEST_STEP_SECONDS)
        return known(host, port, **more | {"flags": socket.AI_NUMERICHOST})

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    is_ended.set()


@pytest.mark.usefixtures("silent_resolver")
def test_name_resolution_ends_with_the_deadline(trial: Start) -> None:
    failure = trial("http://slow.example").fail(dynamodb.Unavailable, "name not resolved", 0.4)
    assert (failure.code, failure.ambiguous) == ("TimeoutError", False)
    assert "slow.example" in str(failure)


def test_addresses_are_resolved_without_a_thread(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(OK)
    monkeypatch.setattr(connection, "threading", None)
    assert trial(server.url).call("none") == ITEM
    assert trial("http://[::1]:1").fail(dynamodb.Unavailable, "IPv6, refused").code in (
        "ConnectionRefusedError",
        "OSError",  # a machine without IPv6
    )


@contextmanager
def unresponsive_port() -> Iterator[int]:
    """Listen on a port whose queue is full, so that connection attempts get no response."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("addresses", [1, 4])
def test_connecting_ends_with_the_deadline(
    addresses: int, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unresponsive_port() as port:
        resolves_to(monkeypatch, *[port] * addresses)
        failure = trial(f"http://many.example:{port}").fail(
            dynamodb.Unavailable, f"no response to the connection, {addresses} address(es)", 0.4
        )
    assert (failure.code, failure.ambiguous) == ("TimeoutError", False)


def test_next_address_of_a_host_is_tried(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(OK)
    with unresponsive_port() as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        resolves_to(monkeypatch, silent, closed.getsockname()[1], server.port)
        response = trial("http://many.example:1").call("two of three addresses fail", 2.0)
    assert response == ITEM
    assert len(server.requests) == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("kind", "greeting"),
    [("is silent", b""), ("speaks HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("resets", None)],
)
def test_failed_tls_handshake_is_not_ambiguous(
    kind: str, greeting: bytes | None, serve: Serve, trial: Start
) -> None:
    def step(exchange: Exchange) -> None:
        if greeting is None:
            exchange.reset()
        elif greeting:
            exchange.send(greeting)
            exchange.close()
        else:
            exchange.wait_until_closed()

    server = serve(step)
    failure = trial(server.url.replace("http:", "https:")).fail(
        dynamodb.Unavailable,
        f"in the TLS handshake the peer {kind}",
        0.4 if greeting == b"" else DEADLINE_SECONDS,
    )
    assert not failure.ambiguous
    assert server.connections == (1 if greeting == b"" else dynamodb.MAX_ATTEMPTS)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("kind", ["wrong-host", "expired", "untrusted"])
def test_invalid_certificate_is_rejected_without_retries(
    kind: str, serve: Serve, trial: Start, certificates: dict[str, ssl.SSLContext]
) -> None:
    server = serve(OK, tls=certificates[kind])
    failure = trial(server.url).fail(dynamodb.Refused, f"certificate: {kind}")
    assert (failure.code, failure.ambiguous) == ("CertificateError", False)
    assert server.connections == 1
    assert server.requests == []


@pytest.fixture
def bundle(
    authority: Authority, amazon: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The system's bundle, with a root of Amazon among others."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(authority.file.read_bytes() + amazon.file.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(("issuer", "failed"), [("amazon", 0), ("good", 1)])
def test_all_roots_are_trusted_if_no_root_of_amazon_fits(
    issuer: str, failed: int, serve: Serve, trial: Start, certificates: dict[str, ssl.SSLContext]
) -> None:
    server = serve(OK, tls=certificates[issuer])
    each = trial(server.url)
    for number in (1, 2):
        assert each.call("none") == ITEM
        assert len(server.requests) == number
        assert server.connections == failed + number
        each.client.close()


@pytest.mark.usefixtures("bundle")
def test_an_unknown_issuer_is_refused_after_all_roots(
    serve: Serve, trial: Start, certificates: dict[str, ssl.SSLContext]
) -> None:
    server = serve(OK, tls=certificates["untrusted"])
    failure = trial(server.url).fail(dynamodb.Refused, "certificate: unknown to all roots")
    assert (failure.code, failure.ambiguous) == ("CertificateError", False)
    assert (server.connections, server.requests) == (2, [])


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\x00\xff" * 99,
        b"-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nQW1hem9uIFJvb3QgQ0EgMQ==\n",  # "Amazon Root CA 1"
    ],
)
def test_without_a_readable_bundle_the_system_decides(bundle: Path, content: bytes | None) -> None:
    assert trust.amazon()
    if content is None:
        bundle.unlink()
    else:
        bundle.write_bytes(content)
    assert trust.amazon() is None


def test_certificates_are_verified_by_default(
    serve: Serve, trial: Start, certificates: dict[str, ssl.SSLContext]
) -> None:
    """Without SSL_CERT_FILE the system's authorities are trusted, without that of the tests."""
    server = serve(OK, tls=certificates["good"])
    failure = trial(server.url).fail(dynamodb.Refused, "certificate: unknown authority")
    assert failure.code == "CertificateError"


# Time limits, with a fake clock.


class Clock:
    """A fake of the module `time`, which only sleep and the test advance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(dynamodb, "time", fake)
    monkeypatch.setattr(connection, "time", fake)
    return fake


class Peer:
    """A fake socket: it records timeouts and takes `seconds` for each read and write.

    `recv` returns `received`, and `recv_into` one byte.
    """

    def __init__(self, clock: Clock, seconds: float = 0.0, received: bytes = b"") -> None:
        self.timeouts: list[float] = []
        self._clock, self._seconds, self._received = clock, seconds, received

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def setsockopt(self, *_: object) -> None:
        pass

    def send(self, content: memoryview) -> int:
        self._clock.now += self._seconds
        return min(len(content), 1)

    def recv(self, _: int) -> bytes:
        self._clock.now += self._seconds
        return self._received

    def recv_into(self, buffer: memoryview) -> int:
        self._clock.now += self._seconds
        buffer[:1] = b"x"
        return 1

    def close(self) -> None:
        pass


@pytest.mark.usefixtures("credentials")
def test_attempt_is_limited_to_3_seconds_and_the_deadline(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    class Slow(connection.Connection):
        def open(self, limit: float) -> None:
            limits.append(limit - clock.now)
            clock.now = limit
            raise TimeoutError

    monkeypatch.setattr(dynamodb, "Connection", Slow)
    monkeypatch.setattr(dynamodb, "_jitter", lambda: 0.0)
    with pytest.raises(dynamodb.Unavailable):
        dynamodb.Client("http://127.0.0.1", REGION).call("GetItem", {}, clock.now + 8)
    assert limits == [3.0, 3.0, 2.0]


@pytest.mark.parametrize(("seconds", "limit"), [(3.0, 1.0), (0.5, 0.5)])
def test_connecting_and_handshake_have_1_second_each(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, seconds: float, limit: float
) -> None:
    peer = Peer(clock)
    waits: list[float] = []

    def connect(_: object, wait: float) -> Peer:
        waits.append(wait)
        return peer

    monkeypatch.setattr(connection, "_connected", connect)
    tls: Any = SimpleNamespace(wrap_socket=lambda plain, **_: plain)
    connection.Connection("127.0.0.1", 443, tls).open(clock.now + seconds)
    assert (waits, peer.timeouts) == ([limit], [limit])


@pytest.mark.parametrize("received", [b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"])
def test_reads_and_writes_end_with_the_attempt(clock: Clock, received: bytes) -> None:
    opened = connection.Connection("127.0.0.1", 80, None)
    reading: Any = Peer(clock, 1.0, received)
    opened._socket = reading
    with pytest.raises(TimeoutError):
        opened.receive(clock.now + 3)
    assert reading.timeouts == [3.0, 2.0, 1.0]
    writing: Any = Peer(clock, 1.0)
    opened._socket = writing
    with pytest.raises(TimeoutError):
        opened.send(b"12345", clock.now + 3)
    assert writing.timeouts == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("during", ["connecting", "the pause"])
def test_freeze_past_the_deadline_sends_nothing(
    during: str, serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During a freeze, the monotonic clock stops and the wall clock does not."""
    frozen = [0.0]

    def freeze(*_: object) -> None:
        frozen[0] = 600.0

    class Freezing(connection.Connection):
        def open(self, limit: float) -> None:
            super().open(limit)
            freeze()

    clock = SimpleNamespace(
        monotonic=time.monotonic,
        time=lambda: time.time() + frozen[0],
        sleep=freeze if during == "the pause" else time.sleep,
    )
    monkeypatch.setattr(dynamodb, "time", clock)
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE_SECONDS", 0.01)
    server = serve(OK)
    if during == "connecting":
        monkeypatch.setattr(dynamodb, "Connection", Freezing)
    else:
        server.script(THROTTLED["ThrottlingException"])
    failure = trial(server.url).fail(dynamodb.Unavailable, f"frozen during {during}")
    assert (failure.code, failure.ambiguous) == ("TimeoutError", False)
    assert len(server.requests) == (1 if during == "the pause" else 0)


# Values that are new for every attempt.


@pytest.mark.parametrize(
    "missing",
    [
        ["AWS_ACCESS_KEY_ID"],
        ["AWS_SECRET_ACCESS_KEY"],
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    ],
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_missing_credentials_are_named_and_nothing_is_sent(
    serve: Serve,
    trial: Start,
    monkeypatch: pytest.MonkeyPatch,
    missing: list[str],
    *,
    is_empty: bool,
) -> None:
    for name in missing:
        monkeypatch.setenv(name, "")
        if not is_empty:
            monkeypatch.delenv(name)
    server = serve(OK)
    each = trial(server.url)
    reason = f"MissingCredentials: environment variables not set: {', '.join(missing)}"
    assert str(each.fail(dynamodb.Refused, "no credentials")) == reason
    deadline = time.monotonic() + DEADLINE_SECONDS
    table = store.Table(each.client, "records", "records-history", frozenset(), deadline)
    assert selftest._failures(table, ["create", "get"], {}) == {"create": reason, "get": reason}
    assert server.connections == 0


def test_credentials_are_read_for_every_attempt(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renew() -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDRENEWED")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "second/secret+")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "another token==")

    server = serve(OK)
    server.script(THROTTLED["ThrottlingException"])
    each = trial(server.url)
    with at_pauses(monkeypatch, renew):
        assert each.call("credentials renewed between attempts") == ITEM
    assert [request.key_id for request in server.requests] == ["AKIDEXAMPLE", "AKIDRENEWED"]
    tokens = [request.headers["x-amz-security-token"] for request in server.requests]
    assert tokens == ["a token==", "another token=="]
    for request in server.requests:
        signed = request.headers["authorization"].partition("SignedHeaders=")[2]
        assert "x-amz-security-token" in signed


def test_renewed_credentials_are_used_after_expired_ones(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(exchange: Exchange) -> None:
        is_expired = exchange.read().key_id == "AKIDEXAMPLE"
        exchange.send(error("ExpiredTokenException") if is_expired else message(ITEM))

    server = serve(step)
    each = trial(server.url)
    assert each.fail(dynamodb.Refused, "credentials expired").code == "ExpiredTokenException"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDRENEWED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "second/secret+")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    assert each.call("credentials renewed") == ITEM
    assert "x-amz-security-token" not in server.requests[-1].headers
    assert connections_of(server) == [1, 1]


def test_each_attempt_has_its_own_date(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2024, 12, 31, 23, 59, 58, tzinfo=UTC)
    moments = ((now + timedelta(seconds=seconds)).utctimetuple() for seconds in range(100))
    monkeypatch.setattr(time, "gmtime", lambda: next(moments))
    server = serve(THROTTLED["ThrottlingException"])
    trial(server.url).fail(dynamodb.Unavailable, "throttled")
    dates = [request.headers["x-amz-date"] for request in server.requests]
    assert dates == [
        "20241231T235958Z",
        "20241231T235959Z",
        *[f"20250101T00000{second}Z" for second in range(4)],
    ]
    assert len({request.headers["authorization"] for request in server.requests}) == 6


def test_pauses_have_full_jitter_and_a_growing_maximum(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    numbers = [dynamodb._jitter() for _ in range(1000)]
    assert all(0 <= number < 1 for number in numbers)
    assert 0.4 < sum(numbers) / len(numbers) < 0.6
    monkeypatch.undo()
    for name, value in (("ACCESS_KEY_ID", "AKIDEXAMPLE"), ("SECRET_ACCESS_KEY", "first/secret+")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(dynamodb, "_jitter", lambda: 0.5)
    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=slept.append)
    monkeypatch.setattr(dynamodb, "time", clock)
    trial(serve(THROTTLED["ThrottlingException"]).url).fail(dynamodb.Unavailable, "throttled")
    first, longest = dynamodb.FIRST_PAUSE_SECONDS, dynamodb.LONGEST_PAUSE_SECONDS
    highest = [min(longest, first * 2**number) for number in range(dynamodb.MAX_ATTEMPTS - 1)]
    assert slept == [pause / 2 for pause in highest]


heads = st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n"]) | st.builds(
    b"HTTP/1.1 %d OK\r\n%s\r\n\r\n".__mod__,
    st.tuples(
        st.integers(100, 999),
        st.sampled_from([b"Content-Length: 9", b"Transfer-Encoding: chunked"]),
    ),
)
noise = st.binary(max_size=60) | st.text('0123456789abcdefx;\r\n{}[]:"', max_size=60).map(
    str.encode
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.builds(bytes.__add__, heads, noise))
@example(content=b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}")
@example(content=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n")
@example(content=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n600000000")
@example(content=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}")
def test_arbitrary_bytes_return_an_object_or_a_typed_error(
    serve: Serve, trial: Start, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(dynamodb, "MAX_ATTEMPTS", 1)
    each = trial(serve(responds_and_closes(content)).url)
    with suppress(dynamodb.Unavailable, dynamodb.Refused):
        assert isinstance(each.call("arbitrary bytes"), dict)
