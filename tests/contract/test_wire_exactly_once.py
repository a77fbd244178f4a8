"""Writes over a wire that loses answers: each happens once, and what its caller is told is true.

Behind the fault server stands moto, with DynamoDB's own semantics of conditions; requests are applied one at a time,
as DynamoDB applies those to one item.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from contract import fault_server as faults
from contract.fault_server import Exchange, FaultServer, Request, Step, answers, error, message
from records_api import attributes, dynamodb, records, store

Count = Callable[..., None]

pytestmark = pytest.mark.usefixtures("credentials", "hurried", "patient")

CALLER = records.Caller(
    "arn:aws:sts::123456789012:assumed-role/app/session", "123456789012:AROAEXAMPLE"
)
BODY = {"type": "check", "status": "open", "attributes": {"count": 0}}
PATCH = {"status": "closed", "attributes": {"count": 1}}
# Nothing here measures time: a busy machine may take as long as this.
DEADLINE_SECONDS = 60.0
WRITES = ("PutItem", "DeleteItem")


class Database:
    """A table in moto, and the steps of a server that applies requests to it before, after or instead of a fault."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - boto3 makes its clients' classes as it goes
        self._client = client
        self._lock = threading.Lock()
        self._late: list[Request] = []
        self.applied = 0

    def items(self) -> list[dict[str, Any]]:
        """Return every item of the table."""
        found = self._client.scan(TableName="records")["Items"]
        return [{name: attributes.decode(value) for name, value in item.items()} for item in found]

    def clear(self) -> None:
        """Forget everything."""
        for item in self.items():
            self._client.delete_item(TableName="records", Key={"recordID": {"S": item["recordID"]}})

    def applies(self, exchange: Exchange) -> None:
        """Apply the request and answer; then those that were held up on their way."""
        exchange.send(self._apply(exchange.read()))
        self.arrive()

    def arrive(self) -> None:
        """Apply the requests that were held up; nobody hears of it."""
        while self._late:
            self._apply(self._late.pop())

    def loses(self, fault: Callable[[Exchange, bytes], None]) -> Step:
        """Apply the request, and let the answer come to harm."""

        def step(exchange: Exchange) -> None:
            fault(exchange, self._apply(exchange.read()))

        return step

    def holds_up(self, exchange: Exchange) -> None:
        """Lose the connection, but not the request: it is applied after the next one."""
        self._late.append(exchange.read())
        exchange.close()

    def after(self, meddle: Callable[[], object]) -> Step:
        """Let another hand act, then apply the request and answer."""

        def step(exchange: Exchange) -> None:
            meddle()
            self.applies(exchange)

        return step

    def _apply(self, request: Request) -> bytes:
        with self._lock:
            try:
                answer = self._client._make_api_call(request.operation, request.payload)
            except ClientError as failure:
                told: dict[str, Any] = {**failure.response}
                return error(
                    told["Error"]["Code"], **({"Item": told["Item"]} if "Item" in told else {})
                )
            self.applied += request.operation in WRITES
        del answer["ResponseMetadata"]
        return message(answer)


def _then(act: Callable[[Exchange], None]) -> Callable[[Exchange, bytes], None]:
    return lambda exchange, _: act(exchange)


def _sends(
    change: Callable[[bytes], bytes], *, is_last: bool = True
) -> Callable[[Exchange, bytes], None]:
    def fault(exchange: Exchange, content: bytes) -> None:
        exchange.send(change(content))
        if is_last:
            exchange.close()

    return fault


def _waits(exchange: Exchange) -> None:
    exchange.wait_until_left()
    exchange.close()


LOST = {
    "reset": _then(Exchange.reset),
    "closed": _then(Exchange.close),
    "half of it sent": _sends(lambda content: content[: len(content) // 2]),
    "one letter changed": _sends(
        lambda content: content.replace(b"said so", b"said no").replace(b"TableName", b"TableNane"),
        is_last=False,
    ),
    "garbage": _sends(lambda content: bytes(reversed(content))),
    "500 in its place": _sends(
        lambda _: error("InternalServerError", "500 Internal Server Error"), is_last=False
    ),
    "a page of HTML in its place": _sends(
        lambda _: message(b"<html>", status="502 Bad Gateway", crc=None)
    ),
    "too late": _then(_waits),
}
NEVER: dict[str, Step] = {
    "reset, the request unread": faults.resets_before_reading,
    "reset, the request read": faults.resets_after_reading,
    "500": answers(error("InternalServerError", "500 Internal Server Error")),
    "503": answers(error("ServiceUnavailable", "503 Service Unavailable")),
    "silence": faults.is_silent,
}


# Those of the kinds above and below that take the whole time of an attempt.
SLOW = ("too late", "silence")


def _kinds(database: Database) -> dict[str, Step]:
    kinds = {
        f"applied, then the answer lost: {name}": database.loses(fault)
        for name, fault in LOST.items()
    }
    kinds |= {f"never applied: {name}": step for name, step in NEVER.items()}
    return kinds | {"applied after the retry": database.holds_up}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """A client of moto, in which the table stands."""
    with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}):
        client: Any = boto3.client(
            "dynamodb", "eu-west-3", aws_access_key_id="a", aws_secret_access_key="b"
        )
        client.create_table(
            TableName="records",
            KeySchema=[{"AttributeName": "recordID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "recordID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def database(moto: Any) -> Database:  # noqa: ANN401 - as in Database
    database = Database(moto)
    database.clear()
    return database


@pytest.fixture
def server(serve: Callable[..., FaultServer], database: Database) -> FaultServer:
    return serve(database.applies)


@pytest.fixture
def connect(server: FaultServer) -> Iterator[Callable[[], store.Table]]:
    """Make the table as one request sees it, over a connection of its own."""
    made: list[dynamodb.Client] = []

    def table() -> store.Table:
        made.append(dynamodb.Client(server.url, "eu-west-3"))
        return store.Table(made[-1], "records", frozenset(), time.monotonic() + DEADLINE_SECONDS)

    yield table
    for client in made:
        client.close()


Connect = Callable[[], store.Table]


def now() -> datetime:
    return datetime.now(UTC)


def create(table: store.Table, key: str | None = None) -> tuple[store.Record, bool]:
    return records.create(table, BODY, CALLER, now(), key=key, retention_days=0, open_auth=False)


def update(table: store.Table, old: store.Record, *, if_match: bool = False) -> store.Record:
    return records.update(
        table, old["recordID"], PATCH, records.tag(old).__eq__ if if_match else None, now()
    )


def delete(table: store.Table, old: store.Record, *, if_match: bool = False) -> None:
    records.delete(table, old["recordID"], records.tag(old).__eq__ if if_match else None, now())


OPERATIONS = [
    "create",
    "create with a key",
    "update",
    "update if match",
    "delete",
    "delete if match",
    "delete keyed",
]


class Write:
    """One of OPERATIONS on a table, and whether it happened."""

    def __init__(self, operation: str, connect: Connect, database: Database) -> None:
        self._operation, _, self._way = operation.partition(" ")
        self._database = database
        self._table = connect()
        self._key = "a key" if self._way in ("with a key", "keyed") else None
        self._old = None if self._operation == "create" else create(self._table, self._key)[0]
        self._before = database.items()
        database.applied = 0

    @property
    def reads(self) -> int:
        """How many calls come before the write."""
        return int(self._operation != "create")

    def run(self) -> store.Record | None:
        """Do it."""
        self._table.deadline = time.monotonic() + DEADLINE_SECONDS
        if self._old is None:
            record, is_replay = create(self._table, self._key)
            assert not is_replay
            return record
        if self._operation == "update":
            return update(self._table, self._old, if_match=self._way == "if match")
        delete(self._table, self._old, if_match=self._way == "if match")
        return None

    def happened(self) -> bool:
        """Return whether the table is as the write leaves it, or as it was; fails where it is neither."""
        assert self._database.applied <= 1
        items = self._database.items()
        if self._operation == "create":
            assert [item["version"] for item in items] == [1] * self._database.applied
        elif self._database.applied == 0:
            assert items == self._before
        elif self._operation == "update":
            (item,) = items
            assert (item["version"], item["status"], item["attributes"]) == (
                2,
                "closed",
                {"count": 1},
            )
        else:
            assert ["deletedAt" in item for item in items] == ([True] if self._key else [])
        return self._database.applied == 1


@pytest.fixture(params=OPERATIONS)
def write(
    request: pytest.FixtureRequest, connect: Connect, database: Database
) -> Callable[[], Write]:
    """Prepare one of OPERATIONS on an empty table, as often as called."""

    def prepare() -> Write:
        database.clear()
        return Write(request.param, connect, database)

    return prepare


def test_a_write_whose_answer_is_lost_once_happens_once(
    write: Callable[[], Write],
    database: Database,
    server: FaultServer,
    impatient: Callable[[Step], Step],
    tally: Count,
) -> None:
    for kind, fault in _kinds(database).items():
        prepared = write()
        already = len(server.requests)
        is_slow = kind.endswith(SLOW)
        step = impatient(fault) if is_slow else fault
        server.script(*[database.applies] * prepared.reads, step)
        result = prepared.run()
        database.arrive()
        assert prepared.happened(), kind
        if result:
            assert [item["writeToken"] for item in database.items()] == [result["writeToken"]], kind
        expected = prepared.reads + (1 if "unread" in kind else 2)
        arrived = len(server.requests) - already
        # On a busy machine a short attempt can end too early; the additional one changes nothing.
        assert arrived == expected or (is_slow and arrived > expected), kind
        tally(f"write {kind}", 1, "happened once, success told")


def test_a_write_that_is_never_answered_says_so(
    write: Callable[[], Write], database: Database, server: FaultServer, tally: Count
) -> None:
    kinds = {kind: step for kind, step in _kinds(database).items() if not kind.endswith(SLOW)}
    for kind, fault in kinds.items():
        server.default = database.applies
        prepared = write()
        server.script(*[database.applies] * prepared.reads)
        server.default = fault
        with pytest.raises(store.OutcomeUnknown):
            prepared.run()
        assert prepared.happened() == kind.startswith("applied, then"), kind
        # What was held up arrives in the end: the same write six times, which happens once.
        database.arrive()
        assert prepared.happened() == kind.startswith("applied"), kind
        tally(f"write {kind}, six times", 1, "OutcomeUnknown")


@pytest.mark.parametrize("code", ["ThrottlingException", "ExpiredTokenException"])
def test_an_unclear_attempt_and_then_a_definite_no_leave_the_outcome_unknown(
    code: str, write: Callable[[], Write], database: Database, server: FaultServer, tally: Count
) -> None:
    prepared = write()
    server.script(*[database.applies] * prepared.reads, database.loses(LOST["reset"]))
    server.default = answers(error(code))
    with pytest.raises(store.OutcomeUnknown):
        prepared.run()
    assert prepared.happened()
    tally(f"write applied, then reset, then {code}", 1, "OutcomeUnknown")


@pytest.mark.parametrize("code", ["ThrottlingException", "ExpiredTokenException"])
def test_a_definite_no_alone_leaves_nothing_unknown(
    code: str, write: Callable[[], Write], database: Database, server: FaultServer, tally: Count
) -> None:
    expected = store.Unavailable if code == "ThrottlingException" else dynamodb.Refused
    prepared = write()
    server.script(*[database.applies] * prepared.reads)
    server.default = answers(error(code))
    with pytest.raises(expected):
        prepared.run()
    assert not prepared.happened()
    tally(f"write {code}", 1, f"{expected.__name__}, nothing written")


# Another hand comes between the attempts.


@pytest.mark.parametrize("if_match", [False, True])
def test_an_update_that_another_hand_has_buried_is_unknown(
    connect: Connect, database: Database, server: FaultServer, *, if_match: bool
) -> None:
    """Whether ours was applied and then changed, or another hand changed it twice, looks the same."""
    old, _ = create(connect())
    other = connect()

    def once() -> None:
        records.update(other, old["recordID"], {"message": "mine"}, None, now())

    def twice() -> None:
        once()
        once()

    for fault, meddle in (
        (database.loses(LOST["reset"]), once),
        (faults.resets_after_reading, twice),
    ):
        server.script(database.applies, fault, database.after(meddle))
        before = database.items()[0]
        with pytest.raises(store.OutcomeUnknown):
            update(connect(), before, if_match=if_match)
        assert database.items()[0]["version"] == before["version"] + 2


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_write_that_lost_to_another_hand_is_a_conflict_with_the_current_tag(
    operation: str, connect: Connect, database: Database, server: FaultServer
) -> None:
    old, _ = create(connect())
    other = connect()
    meddle = database.after(
        lambda: records.update(other, old["recordID"], {"message": "mine"}, None, now())
    )
    server.script(database.applies, faults.resets_after_reading, meddle)
    with pytest.raises(records.PreconditionFailed) as caught:
        (update if operation == "update" else delete)(connect(), old, if_match=True)
    (item,) = database.items()
    assert (item["message"], item["version"], item["status"]) == ("mine", 2, "open")
    assert caught.value.tag == records.tag(item)


def test_an_update_without_precondition_is_applied_on_top_of_the_other(
    connect: Connect, database: Database, server: FaultServer
) -> None:
    old, _ = create(connect())
    other = connect()
    meddle = database.after(
        lambda: records.update(other, old["recordID"], {"message": "mine"}, None, now())
    )
    server.script(database.applies, faults.resets_after_reading, meddle)
    new = update(connect(), old)
    assert database.items() == [new]
    assert (new["message"], new["status"], new["version"]) == ("mine", "closed", 3)


def test_a_create_whose_record_was_changed_since_returns_it_as_it_is(
    connect: Connect, database: Database, server: FaultServer
) -> None:
    other = connect()
    for key, is_replay in ((None, False), ("a key", True)):
        known = {item["recordID"] for item in database.items()}

        def meddle(known: set[str] = known) -> None:
            (new,) = {item["recordID"] for item in database.items()} - known
            records.update(other, new, PATCH, None, now())

        server.script(database.loses(LOST["closed"]), database.after(meddle))
        record, replayed = create(connect(), key)
        assert (record["status"], record["version"], replayed) == ("closed", 2, is_replay)
        assert record in database.items()


def test_a_create_whose_record_was_deleted_since_does_not_bring_it_back(
    connect: Connect, database: Database, server: FaultServer
) -> None:
    other = connect()
    meddle = database.after(lambda: delete(other, database.items()[0]))
    server.script(database.loses(LOST["closed"]), meddle)
    with pytest.raises(records.Deleted):
        create(connect(), "a key")
    assert ["deletedAt" in item for item in database.items()] == [True]


@pytest.mark.xfail(
    strict=True, reason="nothing remembers a record without a key once it is deleted; history will"
)
def test_a_late_attempt_at_a_create_does_not_bring_a_deleted_record_back(
    connect: Connect, database: Database, server: FaultServer
) -> None:
    """The first attempt is delayed; the second creates the record, which is then deleted."""
    late: list[Request] = []

    def holds_up(exchange: Exchange) -> None:
        late.append(exchange.read())
        exchange.close()

    server.script(holds_up)
    record, _ = create(connect())
    delete(connect(), record)
    assert database.items() == []
    database._apply(late.pop())
    assert database.items() == []


# Many at once, over a wire that does everything above.


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short attempts, because many get no answer. One that ends too early is one more such attempt."""
    monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", 0.5)


def mixed(database: Database, injected: Counter[str], share: float, seed: int) -> Step:
    """Return a step that does one of all faults to this share of the requests."""
    kinds = _kinds(database)
    dice = random.Random(seed)  # noqa: S311 - no secret

    def step(exchange: Exchange) -> None:
        kind = dice.choice(sorted(kinds)) if dice.random() < share else "none"
        injected[kind] += 1
        kinds.get(kind, database.applies)(exchange)

    return step


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(4))
def test_twelve_clients_with_one_key_leave_one_record(
    seed: int, connect: Connect, database: Database, server: FaultServer, tally: Count
) -> None:
    injected = Counter[str]()
    server.default = mixed(database, injected, 0.5, seed)
    gate = threading.Barrier(12)

    def client() -> tuple[store.Record, bool]:
        gate.wait()
        for _ in range(20):
            try:
                return create(connect(), "one key")
            except (store.OutcomeUnknown, store.Unavailable):
                continue  # as the API tells callers to: the same key again
        raise AssertionError("no answer in twenty requests")

    with ThreadPoolExecutor(12) as pool:
        results = [each.result() for each in [pool.submit(client) for _ in range(12)]]
    database.arrive()
    (item,) = database.items()
    assert database.applied == 1
    assert {record["writeToken"] for record, _ in results} == {item["writeToken"]}
    assert sum(not is_replay for _, is_replay in results) <= 1
    for kind, number in injected.items():
        tally(f"12 clients, one key: {kind}", number, "one record")


@pytest.mark.usefixtures("hasty")
def test_eight_clients_that_update_with_if_match_lose_nothing(
    connect: Connect, database: Database, server: FaultServer, tally: Count
) -> None:
    table = connect()
    start, _ = create(table)
    injected = Counter[str]()
    server.default = mixed(database, injected, 0.2, seed=4)
    each_wants = 4

    def client(name: str) -> tuple[int, int]:
        """Add each_wants to one's own count and to all's; return how often that was confirmed, how often unclear."""
        told = Counter[str]()
        for _ in range(300):
            try:
                seen = records.get(connect(), start["recordID"], now())
                mine, count = int(seen["attributes"].get(name, 0)), seen["attributes"]["count"]
                if mine == each_wants:
                    return told["confirmed"], told["unclear"]
                patch = {"attributes": {name: mine + 1, "count": count + 1}}
                new = records.update(
                    connect(), start["recordID"], patch, records.tag(seen).__eq__, now()
                )
            except store.OutcomeUnknown:
                told["unclear"] += 1
            except (records.PreconditionFailed, store.Unavailable):
                continue
            else:
                told["confirmed"] += 1
                assert new["version"] == seen["version"] + 1
                assert new["attributes"] == seen["attributes"] | patch["attributes"]
        raise AssertionError("not done in 300 rounds")

    names = [f"client {number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = [each.result() for each in [pool.submit(client, name) for name in names]]
    database.arrive()
    (item,) = database.items()
    assert item["attributes"] == {"count": 8 * each_wants} | dict.fromkeys(names, each_wants)
    assert item["version"] == 1 + 8 * each_wants
    # Nobody was told that a write was lost which was not, nor the other way round.
    assert all(confirmed <= each_wants <= confirmed + unclear for confirmed, unclear in results)
    for kind, number in injected.items():
        tally(f"8 clients, If-Match: {kind}", number, "nothing lost")
