"""Writes with lost responses: acknowledged writes have one entry, rejected ones have none.

The fault server uses both tables in moto, with DynamoDB's rules for transactions: see
fault_tables.py.
"""

import itertools
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from contract import fault_server as faults
from contract import fault_tables
from contract.fault_server import FaultServer, Request, Step, cancellation, error, responds
from contract.fault_tables import HISTORY, LOST, RECORDS, REGION, REJECTED, SLOW, Tables
from records_api import dynamodb, history, records, representation, restores, store
from records_api.store import Record
from records_api.writes import Origin
from unit.support import allow

Count = Callable[..., None]
Connect = Callable[[], store.Table]
# Writes with a token; returns the record after the write, or None.
Run = Callable[[str], Record | None]

pytestmark = pytest.mark.usefixtures(
    "credentials", "short_pauses", "generous_limits", "brief_pauses"
)

CALLER = records.Caller(
    "arn:aws:sts::123456789012:assumed-role/app/session", "123456789012:AROAEXAMPLE"
)
BODY = {"type": "check", "status": "open", "attributes": {"count": 0}}
PATCH = {"status": "closed", "attributes": {"count": 1}}
# No test measures time; this limit holds on a busy machine.
DEADLINE_SECONDS = 60.0
APPLIED, NOT_APPLIED = "applied, then reset", "not applied, then reset"


@pytest.fixture
def brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamodb, "IN_PROGRESS_PAUSE_SECONDS", 0.01)


@pytest.fixture(scope="module")
def moto() -> Iterator[Tables]:
    with fault_tables.tables() as made:
        yield made


@pytest.fixture
def tables(moto: Tables) -> Tables:
    moto.clear()
    return moto


@pytest.fixture
def server(serve: Callable[..., FaultServer], tables: Tables) -> FaultServer:
    return serve(tables.serve)


@pytest.fixture
def connect(server: FaultServer) -> Iterator[Connect]:
    """Return the tables for one request, with a new connection."""
    made: list[dynamodb.Client] = []

    def table() -> store.Table:
        made.append(dynamodb.Client(server.url, REGION))
        deadline = time.monotonic() + DEADLINE_SECONDS
        return store.Table(made[-1], RECORDS, HISTORY, frozenset(), deadline)

    yield table
    for client in made:
        client.close()


# The writing operations.


def origin(token: str) -> Origin:
    return Origin(history.Author(CALLER.identity, "a request"), token, lambda: datetime.now(UTC))


def new_token() -> str:
    return secrets.token_hex(16)


def create(
    table: store.Table, token: str, key: str | None = None, body: Record = BODY
) -> tuple[Record, bool]:
    return records.create(
        table, body, CALLER, origin(token), key=key, retention_days=0, open_auth=False
    )


def update(
    table: store.Table, token: str, old: Record, patch: Record = PATCH, *, if_match: bool = False
) -> Record:
    condition = representation.tag(old).__eq__ if if_match else allow
    return records.update(table, old["recordID"], patch, condition, origin(token))


def delete(table: store.Table, token: str, old: Record, *, if_match: bool = False) -> None:
    condition = representation.tag(old).__eq__ if if_match else allow
    records.delete(table, old["recordID"], condition, origin(token))


def restore(table: store.Table, token: str, old: Record) -> Record:
    return restores.restore(table, old["recordID"], 1, allow, origin(token))


class Operation(NamedTuple):
    """A write operation: its changes in the history, and its preparation."""

    changes: tuple[str, ...]
    prepare: Callable[[Connect, Tables], Run]


def _created(*, key: str | None = None) -> Callable[[Connect, Tables], Run]:
    def prepare(connect: Connect, _: Tables) -> Run:
        def run(token: str) -> Record:
            record, is_replay = create(connect(), token, key)
            assert not is_replay
            return record

        return run

    return prepare


def _changed(
    act: Callable[..., Record | None],
    *earlier: Callable[..., object],
    key: str | None = None,
    **options: bool,
) -> Callable[[Connect, Tables], Run]:
    def prepare(connect: Connect, _: Tables) -> Run:
        old, _is_replay = create(connect(), new_token(), key)
        for each in earlier:
            each(connect(), new_token(), old)
        return lambda token: act(connect(), token, old, **options)

    return prepare


def _adopted(connect: Connect, tables: Tables) -> Run:
    """Update a record of an earlier release, which has no history."""
    old = {"recordID": "old", "createdAt": "2024-01-01T00:00:00.000Z", "version": 3, **BODY}
    tables.apply_item("PutItem", RECORDS, old | {"writeToken": "old"})
    return lambda token: update(connect(), token, old)


OPERATIONS = {
    "create": Operation(("create",), _created()),
    "create with a key": Operation(("create",), _created(key="a key")),
    "update": Operation(("update",), _changed(update)),
    "update if match": Operation(("update",), _changed(update, if_match=True)),
    "update of a record without history": Operation(("adopt", "update"), _adopted),
    "delete": Operation(("delete",), _changed(delete)),
    "delete if match": Operation(("delete",), _changed(delete, if_match=True)),
    "delete of a record with a key": Operation(("delete",), _changed(delete, key="a key")),
    "restore": Operation(("restore",), _changed(restore, update)),
    "restore of a deleted record": Operation(("restore",), _changed(restore, delete)),
}


class Write:
    """A prepared operation, and the items before it."""

    def __init__(self, operation: Operation, connect: Connect, tables: Tables) -> None:
        self._operation, self._tables = operation, tables
        tables.clear()
        self._run = operation.prepare(connect, tables)
        self._records, self._entries = tables.records(), tables.entries()
        self.token = new_token()

    def run(self) -> None:
        """Run the operation; check that it returns the record that it wrote."""
        record = self._run(self.token)
        if record and "delete" not in self._operation.changes:
            assert [item for item in self._tables.records() if item["writeToken"] == self.token]
            assert record["writeToken"] == self.token

    def is_done(self) -> bool:
        """Return whether it was applied. Fails if it was applied in part."""
        entries = self._tables.entries()
        new = [entry for entry in entries if entry not in self._entries]
        assert [entry for entry in entries if entry in self._entries] == self._entries
        assert [entry["change"] for entry in new] in ([], list(self._operation.changes))
        assert {entry["writeToken"] for entry in new} <= {self.token}
        if new:
            check_chains(self._tables)
        else:
            assert self._tables.records() == self._records
        return bool(new)


def check_chains(tables: Tables) -> None:
    """Check that every chain is complete and linked, and matches its record."""
    items = {item["recordID"]: item for item in tables.records()}
    for record_id, group in itertools.groupby(tables.entries(), lambda entry: entry["recordID"]):
        chain = list(group)
        first = int(chain[0]["version"])
        assert [entry["version"] for entry in chain] == list(range(first, first + len(chain)))
        hashes = [entry["hash"] for entry in chain]
        assert hashes == [history.entry_hash(entry) for entry in chain]
        assert [entry["previousHash"] for entry in chain] == [None, *hashes[:-1]]
        item = items.pop(record_id, None)
        is_shown = item is not None and "deletedAt" not in item
        public = history.canonical(representation.public(item)) if item and is_shown else None
        assert chain[-1]["record"] == public
    assert items == {}


@pytest.fixture(params=OPERATIONS)
def write(request: pytest.FixtureRequest, connect: Connect, tables: Tables) -> Callable[[], Write]:
    """Return a function that prepares one of OPERATIONS on empty tables."""
    return lambda: Write(OPERATIONS[request.param], connect, tables)


def sent_writes(server: FaultServer) -> list[Request]:
    return [request for request in server.requests if request.operation in fault_tables.WRITES]


def test_write_with_one_fault_is_applied_once(
    write: Callable[[], Write],
    tables: Tables,
    server: FaultServer,
    short_attempts: Callable[[Step], Step],
    tally: Count,
) -> None:
    for kind, fault in fault_tables.kinds(tables).items():
        prepared = write()
        already = len(sent_writes(server))
        is_slow = kind.endswith(SLOW)
        tables.faults.append(short_attempts(fault) if is_slow else fault)
        prepared.run()
        tables.arrive()
        assert prepared.is_done(), kind
        assert not tables.faults, kind
        expected = {"never applied: reset, the request unread": 1, "in progress": 4}.get(kind, 2)
        arrived = len(sent_writes(server)) - already
        # On a busy machine a short attempt can end too early and cause one more.
        assert arrived == expected or (is_slow and arrived > expected), kind
        tally(f"write {kind}", 1, "applied once, success")


def test_write_without_a_response_has_an_unknown_outcome(
    write: Callable[[], Write], tables: Tables, server: FaultServer, tally: Count
) -> None:
    """Late copies do not repeat the write, even after its token has expired."""
    for kind, fault in fault_tables.kinds(tables).items():
        if kind.endswith(SLOW) or kind.startswith("rejected") or kind == "in progress":
            continue
        prepared = write()
        already = len(sent_writes(server))
        tables.staying = fault
        with pytest.raises(store.OutcomeUnknown):
            prepared.run()
        assert prepared.is_done() == kind.startswith("applied, then"), kind
        copies = sent_writes(server)[already:]
        for request in copies:
            tables.apply(request)
            tables.forget_tokens()
        assert prepared.is_done() == (copies != []), kind
        tally(f"write {kind}, six times", 1, "OutcomeUnknown")


def test_write_in_progress_at_the_deadline_is_unknown(
    write: Callable[[], Write], tables: Tables, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = write()
    pauses: list[float] = []
    clock = SimpleNamespace(
        monotonic=lambda: time.monotonic() + 100 * sum(pauses), time=time.time, sleep=pauses.append
    )
    monkeypatch.setattr(dynamodb, "time", clock)
    tables.faults.append(tables.starts(10_000))
    with pytest.raises(store.OutcomeUnknown):
        prepared.run()
    assert not prepared.is_done()
    tables.complete(sent_writes(server)[-1])
    assert prepared.is_done()


REJECTIONS = {
    **{f"{kind}, always": (step, store.Unavailable) for kind, step in REJECTED.items()},
    "expired token": (responds(error("ExpiredTokenException")), dynamodb.Refused),
    "rejected item": (responds(cancellation("None", "ValidationError")), dynamodb.Refused),
}


@pytest.mark.parametrize("kind", REJECTIONS)
def test_rejected_write_changes_nothing(
    kind: str, write: Callable[[], Write], tables: Tables, tally: Count
) -> None:
    prepared = write()
    tables.staying, expected = REJECTIONS[kind]
    with pytest.raises(expected):
        prepared.run()
    assert not prepared.is_done()
    tally(f"write {kind}", 1, f"{expected.__name__}, nothing written")


@pytest.mark.parametrize("kind", REJECTIONS)
def test_rejected_retry_leaves_the_outcome_unknown(
    kind: str, write: Callable[[], Write], tables: Tables, tally: Count
) -> None:
    prepared = write()
    tables.faults.append(tables.loses(LOST["reset"]))
    tables.staying = REJECTIONS[kind][0]
    with pytest.raises(store.OutcomeUnknown):
        prepared.run()
    assert prepared.is_done()
    tally(f"write {APPLIED}, then {kind}", 1, "OutcomeUnknown")


# Another client writes between the attempts.

CHANGE: dict[str, Callable[[store.Table, Record], object]] = {
    "updated": lambda table, old: update(table, new_token(), old, {"message": "by another"}),
    "deleted": lambda table, old: delete(table, new_token(), old),
}
CONFLICTS: dict[str, dict[str, type[Exception] | None]] = {
    "update": {"updated": None, "deleted": records.NotFound},
    "update if match": {"updated": records.PreconditionFailed, "deleted": records.NotFound},
    "delete": {"updated": None, "deleted": records.NotFound},
    "delete if match": {"updated": records.PreconditionFailed, "deleted": records.NotFound},
    "restore": {"updated": None, "deleted": None},
}


@pytest.mark.parametrize("attempt", [APPLIED, NOT_APPLIED])
@pytest.mark.parametrize("others", [("updated",), ("updated", "updated"), ("deleted",)])
@pytest.mark.parametrize("name", CONFLICTS)
def test_entry_shows_whether_a_lost_attempt_was_applied(
    name: str, others: tuple[str, ...], attempt: str, connect: Connect, tables: Tables
) -> None:
    """Another client changes the record before the retry; the token has expired."""
    prepared = OPERATIONS[name].prepare(connect, tables)
    (old,) = tables.records()
    token = new_token()

    def interfere() -> None:
        tables.forget_tokens()
        for kind in others if tables.records() else ():
            CHANGE[kind](connect(), old)

    first = tables.loses(LOST["reset"]) if attempt == APPLIED else faults.resets_after_reading
    tables.faults.extend([first, tables.after(interfere)])
    expected = None if attempt == APPLIED else CONFLICTS[name][others[-1]]
    if expected:
        with pytest.raises(expected):
            prepared(token)
    else:
        prepared(token)
    entries = [entry["change"] for entry in tables.entries() if entry["writeToken"] == token]
    assert entries == ([] if expected else [name.partition(" ")[0]])
    check_chains(tables)


@pytest.mark.parametrize("name", ["update", "delete", "restore"])
def test_change_without_history_between_attempts_is_adopted(
    name: str, connect: Connect, tables: Tables
) -> None:
    """A writer that adds no entry is detected by the condition on the record."""
    prepared = OPERATIONS[name].prepare(connect, tables)

    def interfere() -> None:
        (item,) = tables.records()
        foreign = {"message": "by an older release", "writeToken": "another"}
        tables.apply_item("PutItem", RECORDS, item | foreign | {"version": item["version"] + 1})

    tables.faults.extend([faults.resets_after_reading, tables.after(interfere)])
    token = new_token()
    prepared(token)
    entries = [entry for entry in tables.entries() if entry["writeToken"] == token]
    assert [entry["change"] for entry in entries] == ["adopt", name]
    assert "by an older release" in entries[0]["record"]
    check_chains(tables)


def test_unreadable_entry_leaves_the_outcome_unknown(
    connect: Connect, tables: Tables, server: FaultServer
) -> None:
    old, _ = create(connect(), new_token())

    def interfere() -> None:
        tables.forget_tokens()
        CHANGE["updated"](connect(), old)
        server.default = responds(error("ThrottlingException"))

    tables.faults.extend([tables.loses(LOST["reset"]), tables.after(interfere)])
    with pytest.raises(store.OutcomeUnknown):
        update(connect(), new_token(), old)


OTHER_BODY = BODY | {"status": "closed"}


@pytest.mark.parametrize("others", [("updated",), ("deleted",), ("updated", "deleted")])
@pytest.mark.parametrize("key", [None, "a key"])
def test_create_is_recognized_after_later_changes(
    key: str | None, others: tuple[str, ...], connect: Connect, tables: Tables
) -> None:
    def interfere() -> None:
        (old,) = tables.records()
        tables.forget_tokens()
        for kind in others:
            CHANGE[kind](connect(), old)

    tables.faults.extend([tables.loses(LOST["closed"]), tables.after(interfere)])
    token = new_token()
    record, is_replay = create(connect(), token, key)
    assert (record["version"], record["status"], is_replay) == (1, "open", False)
    assert tables.entries()[0]["writeToken"] == token
    assert len(tables.entries()) == 1 + len(others)
    check_chains(tables)


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("body", [BODY, OTHER_BODY])
def test_create_that_lost_its_key_writes_nothing(
    body: Record, connect: Connect, tables: Tables, *, is_deleted: bool
) -> None:
    def interfere() -> None:
        other, _ = create(connect(), new_token(), "a key", body)
        if is_deleted:
            delete(connect(), new_token(), other)

    tables.faults.extend([faults.resets_after_reading, tables.after(interfere)])
    token = new_token()
    if body == BODY and not is_deleted:
        assert create(connect(), token, "a key") == (*tables.records(), True)
    else:
        with pytest.raises(records.Deleted if body == BODY else records.KeyReused):
            create(connect(), token, "a key")
    assert token not in [entry["writeToken"] for entry in tables.entries()]
    check_chains(tables)


@pytest.mark.parametrize("key", [None, "a key"])
def test_late_create_does_not_restore_a_deleted_record(
    key: str | None, connect: Connect, tables: Tables, server: FaultServer
) -> None:
    """The first attempt is delayed; the second creates the record, which is then deleted."""
    tables.faults.append(faults.closes_after_reading)
    record, _ = create(connect(), new_token(), key)
    delete(connect(), new_token(), record)
    before = tables.entries()
    for request in sent_writes(server):
        tables.apply(request)
        tables.forget_tokens()
        tables.apply(request)
    assert (tables.records(), tables.entries()) == ([], before)


# Concurrent clients with all faults above.


@pytest.fixture
def half_second_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten attempts, because many get no response."""
    monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", 0.5)


def mixed(tables: Tables, injected: Counter[str], share: float, seed: int) -> Step:
    """Return a step that injects a random fault into this share of the writes."""
    kinds = fault_tables.kinds(tables)
    rng = random.Random(seed)

    def step(exchange: faults.Exchange) -> None:
        kind = rng.choice(sorted(kinds)) if rng.random() < share else "none"
        injected[kind] += 1
        kinds.get(kind, tables.apply_and_respond)(exchange)

    return step


def run_concurrently(client: Callable[[int], None], count: int) -> None:
    """Run `count` clients at the same time; raise the first exception."""
    with ThreadPoolExecutor(count) as pool:
        for each in [pool.submit(client, number) for number in range(count)]:
            each.result()


@pytest.mark.usefixtures("half_second_attempts")
@pytest.mark.parametrize("seed", range(4))
def test_12_clients_with_one_key_create_one_record(
    seed: int, connect: Connect, tables: Tables, tally: Count
) -> None:
    injected = Counter[str]()
    tables.staying = mixed(tables, injected, 0.5, seed)
    gate = threading.Barrier(12)
    results: list[tuple[Record, bool]] = []

    def client(_: int) -> None:
        gate.wait()
        for _turn in range(20):
            try:
                results.append(create(connect(), new_token(), "one key"))
            except (store.OutcomeUnknown, store.Unavailable):
                continue  # retry with the same key, as the API documents
            return
        raise AssertionError("no success in twenty requests")

    run_concurrently(client, 12)
    tables.arrive()
    (item,), (entry,) = tables.records(), tables.entries()
    assert {record["writeToken"] for record, _ in results} == {item["writeToken"]}
    assert entry["writeToken"] == item["writeToken"]
    assert sum(not is_replay for _, is_replay in results) <= 1
    check_chains(tables)
    for kind, number in injected.items():
        tally(f"12 clients, one key: {kind}", number, "one record")


@pytest.mark.usefixtures("half_second_attempts")
@pytest.mark.parametrize("seed", range(2))
def test_each_acknowledged_write_of_8_clients_has_an_entry(
    seed: int, connect: Connect, tables: Tables, tally: Count
) -> None:
    """All clients write the same two records; then outcomes and entries are compared."""
    olds = [create(connect(), new_token(), key)[0] for key in (None, "a key")]
    created = len(tables.entries())
    injected = Counter[str]()
    tables.staying = mixed(tables, injected, 0.3, seed)
    outcomes: dict[str, str] = {}

    def client(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        for _ in range(12):
            token, old = new_token(), rng.choice(olds)
            outcomes[token] = attempt(rng, token, old)

    def attempt(rng: random.Random, token: str, old: Record) -> str:
        kind = rng.choice(["update", "update if match", "delete if match", "restore", "restore"])
        try:
            if kind == "restore":
                restore(connect(), token, old)
                return "acknowledged"
            seen = store.decode(records.get(connect(), old["recordID"], datetime.now(UTC)))
            if kind == "delete if match":
                delete(connect(), token, seen, if_match=True)
                return "acknowledged"
            patch = {"attributes": {"by": token}}
            new = update(connect(), token, seen, patch, if_match=kind != "update")
            assert kind == "update" or new["version"] == seen["version"] + 1
        except store.OutcomeUnknown:
            return "unknown"
        except (
            records.NotFound,
            records.PreconditionFailed,
            restores.NothingToRestore,
            store.Unavailable,
        ):
            return "rejected"
        return "acknowledged"

    run_concurrently(client, 8)
    tables.arrive()
    check_chains(tables)
    written = Counter(entry["writeToken"] for entry in tables.entries())
    for token, outcome in outcomes.items():
        allowed = {"acknowledged": (1,), "rejected": (0,), "unknown": (0, 1)}[outcome]
        assert written[token] in allowed, outcome
    assert written.total() - created == sum(written[token] for token in outcomes)
    for kind, number in injected.items():
        tally(f"8 clients: {kind}", number, "an entry for each acknowledged write")
