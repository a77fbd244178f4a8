"""Writes over a wire that loses answers: each acknowledged one has an entry, a refused one none.

Behind the fault server stand both tables in moto, with DynamoDB's rules for transactions; see
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
from contract.fault_server import FaultServer, Request, Step, answers, cancellation, error
from contract.fault_tables import HISTORY, LOST, RECORDS, REFUSED, REGION, SLOW, Tables
from records_api import dynamodb, history, records, representation, restores, store
from records_api.store import Record
from records_api.writes import Origin

Count = Callable[..., None]
Connect = Callable[[], store.Table]
# Makes a write under a token, and returns the record after it, or None.
Run = Callable[[str], Record | None]

pytestmark = pytest.mark.usefixtures("credentials", "hurried", "patient", "brief_pauses")

CALLER = records.Caller(
    "arn:aws:sts::123456789012:assumed-role/app/session", "123456789012:AROAEXAMPLE"
)
BODY = {"type": "check", "status": "open", "attributes": {"count": 0}}
PATCH = {"status": "closed", "attributes": {"count": 1}}
# Nothing here measures time: a busy machine may take as long as this.
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
    """Make the tables as one request sees them, over a connection of its own."""
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


def anything(_: str | None) -> bool:
    return True


def create(
    table: store.Table, token: str, key: str | None = None, body: Record = BODY
) -> tuple[Record, bool]:
    return records.create(
        table, body, CALLER, origin(token), key=key, retention_days=0, open_auth=False
    )


def update(
    table: store.Table, token: str, old: Record, patch: Record = PATCH, *, if_match: bool = False
) -> Record:
    condition = representation.tag(old).__eq__ if if_match else anything
    return records.update(table, old["recordID"], patch, condition, origin(token))


def delete(table: store.Table, token: str, old: Record, *, if_match: bool = False) -> None:
    condition = representation.tag(old).__eq__ if if_match else anything
    records.delete(table, old["recordID"], condition, origin(token))


def restore(table: store.Table, token: str, old: Record) -> Record:
    return restores.restore(table, old["recordID"], 1, anything, origin(token))


class Operation(NamedTuple):
    """A writing operation: the changes that it makes, and how it is prepared."""

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
    """Update a record that an earlier release, without history, has written."""
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
    """One of OPERATIONS, prepared, and what it may leave in the tables."""

    def __init__(self, operation: Operation, connect: Connect, tables: Tables) -> None:
        self._operation, self._tables = operation, tables
        tables.clear()
        self._run = operation.prepare(connect, tables)
        self._records, self._entries = tables.records(), tables.entries()
        self.token = new_token()

    def run(self) -> None:
        """Do it; what is returned to a caller is what was written."""
        record = self._run(self.token)
        if record and "delete" not in self._operation.changes:
            assert [item for item in self._tables.records() if item["writeToken"] == self.token]
            assert record["writeToken"] == self.token

    def is_done(self) -> bool:
        """Return whether it has its entries and the record; fails unless it has both or neither."""
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
    """Check that every chain is complete and linked, and describes its record."""
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
    """Prepare one of OPERATIONS on empty tables, as often as called."""
    return lambda: Write(OPERATIONS[request.param], connect, tables)


def sent_writes(server: FaultServer) -> list[Request]:
    return [request for request in server.requests if request.operation in fault_tables.WRITES]


def test_a_write_that_meets_one_fault_happens_once(
    write: Callable[[], Write],
    tables: Tables,
    server: FaultServer,
    impatient: Callable[[Step], Step],
    tally: Count,
) -> None:
    for kind, fault in fault_tables.kinds(tables).items():
        prepared = write()
        already = len(sent_writes(server))
        is_slow = kind.endswith(SLOW)
        tables.faults.append(impatient(fault) if is_slow else fault)
        prepared.run()
        tables.arrive()
        assert prepared.is_done(), kind
        assert not tables.faults, kind
        expected = {"never applied: reset, the request unread": 1, "in progress": 4}.get(kind, 2)
        arrived = len(sent_writes(server)) - already
        # On a busy machine a short attempt can end too early; the additional one changes nothing.
        assert arrived == expected or (is_slow and arrived > expected), kind
        tally(f"write {kind}", 1, "happened once, success told")


def test_a_write_that_is_never_answered_says_so(
    write: Callable[[], Write], tables: Tables, server: FaultServer, tally: Count
) -> None:
    """Copies that arrive later, even after its token has expired, do not make it happen twice."""
    for kind, fault in fault_tables.kinds(tables).items():
        if kind.endswith(SLOW) or kind.startswith("refused") or kind == "in progress":
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


def test_a_transaction_in_progress_at_the_deadline_is_unknown(
    write: Callable[[], Write],
    tables: Tables,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
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


NO = {
    **{f"{kind}, for good": (step, store.Unavailable) for kind, step in REFUSED.items()},
    "expired token": (answers(error("ExpiredTokenException")), dynamodb.Refused),
    "refused item": (answers(cancellation("None", "ValidationError")), dynamodb.Refused),
}


@pytest.mark.parametrize("kind", NO)
def test_a_refused_write_leaves_nothing(
    kind: str, write: Callable[[], Write], tables: Tables, tally: Count
) -> None:
    prepared = write()
    tables.staying, expected = NO[kind]
    with pytest.raises(expected):
        prepared.run()
    assert not prepared.is_done()
    tally(f"write {kind}", 1, f"{expected.__name__}, nothing written")


@pytest.mark.parametrize("kind", NO)
def test_a_refusal_does_not_settle_an_unanswered_attempt(
    kind: str, write: Callable[[], Write], tables: Tables, tally: Count
) -> None:
    prepared = write()
    tables.faults.append(tables.loses(LOST["reset"]))
    tables.staying = NO[kind][0]
    with pytest.raises(store.OutcomeUnknown):
        prepared.run()
    assert prepared.is_done()
    tally(f"write {APPLIED}, then {kind}", 1, "OutcomeUnknown")


# Another client comes between the attempts.

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
def test_the_entry_tells_whether_an_unanswered_attempt_wrote(
    name: str, others: tuple[str, ...], attempt: str, connect: Connect, tables: Tables
) -> None:
    """Another client changes the record before the retry, whose token has expired."""
    prepared = OPERATIONS[name].prepare(connect, tables)
    (old,) = tables.records()
    token = new_token()

    def meddle() -> None:
        tables.forget_tokens()
        for kind in others if tables.records() else ():
            CHANGE[kind](connect(), old)

    first = tables.loses(LOST["reset"]) if attempt == APPLIED else faults.resets_after_reading
    tables.faults.extend([first, tables.after(meddle)])
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
def test_a_change_without_history_between_the_attempts_is_adopted(
    name: str, connect: Connect, tables: Tables
) -> None:
    """The condition of the record, not of the entry, notices a writer that leaves no entry."""
    prepared = OPERATIONS[name].prepare(connect, tables)

    def meddle() -> None:
        (item,) = tables.records()
        foreign = {"message": "by an older release", "writeToken": "another"}
        tables.apply_item("PutItem", RECORDS, item | foreign | {"version": item["version"] + 1})

    tables.faults.extend([faults.resets_after_reading, tables.after(meddle)])
    token = new_token()
    prepared(token)
    entries = [entry for entry in tables.entries() if entry["writeToken"] == token]
    assert [entry["change"] for entry in entries] == ["adopt", name]
    assert "by an older release" in entries[0]["record"]
    check_chains(tables)


def test_an_entry_that_cannot_be_read_leaves_the_outcome_unknown(
    connect: Connect, tables: Tables, server: FaultServer
) -> None:
    old, _ = create(connect(), new_token())

    def meddle() -> None:
        tables.forget_tokens()
        CHANGE["updated"](connect(), old)
        server.default = answers(error("ThrottlingException"))

    tables.faults.extend([tables.loses(LOST["reset"]), tables.after(meddle)])
    with pytest.raises(store.OutcomeUnknown):
        update(connect(), new_token(), old)


OTHER_BODY = BODY | {"status": "closed"}


@pytest.mark.parametrize("others", [("updated",), ("deleted",), ("updated", "deleted")])
@pytest.mark.parametrize("key", [None, "a key"])
def test_a_create_whose_record_was_changed_since_is_its_own(
    key: str | None, others: tuple[str, ...], connect: Connect, tables: Tables
) -> None:
    def meddle() -> None:
        (old,) = tables.records()
        tables.forget_tokens()
        for kind in others:
            CHANGE[kind](connect(), old)

    tables.faults.extend([tables.loses(LOST["closed"]), tables.after(meddle)])
    token = new_token()
    record, is_replay = create(connect(), token, key)
    assert (record["version"], record["status"], is_replay) == (1, "open", False)
    assert tables.entries()[0]["writeToken"] == token
    assert len(tables.entries()) == 1 + len(others)
    check_chains(tables)


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("body", [BODY, OTHER_BODY])
def test_a_create_that_lost_its_key_to_another_writes_nothing(
    body: Record, connect: Connect, tables: Tables, *, is_deleted: bool
) -> None:
    def meddle() -> None:
        other, _ = create(connect(), new_token(), "a key", body)
        if is_deleted:
            delete(connect(), new_token(), other)

    tables.faults.extend([faults.resets_after_reading, tables.after(meddle)])
    token = new_token()
    if body == BODY and not is_deleted:
        assert create(connect(), token, "a key") == (*tables.records(), True)
    else:
        with pytest.raises(records.Deleted if body == BODY else records.KeyReused):
            create(connect(), token, "a key")
    assert token not in [entry["writeToken"] for entry in tables.entries()]
    check_chains(tables)


@pytest.mark.parametrize("key", [None, "a key"])
def test_a_late_attempt_at_a_create_does_not_bring_a_deleted_record_back(
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


# Many at once, over a wire that does everything above.


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short attempts, because many get no answer. One that ends too early is one more of those."""
    monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", 0.5)


def mixed(tables: Tables, injected: Counter[str], share: float, seed: int) -> Step:
    """Return a step that does one of all faults to this share of the writes."""
    kinds = fault_tables.kinds(tables)
    dice = random.Random(seed)  # noqa: S311 - no secret

    def step(exchange: faults.Exchange) -> None:
        kind = dice.choice(sorted(kinds)) if dice.random() < share else "none"
        injected[kind] += 1
        kinds.get(kind, tables.applies)(exchange)

    return step


def at_once(client: Callable[[int], None], count: int) -> None:
    """Run this many clients at the same time; raise what one of them raises."""
    with ThreadPoolExecutor(count) as pool:
        for each in [pool.submit(client, number) for number in range(count)]:
            each.result()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(4))
def test_twelve_clients_with_one_key_leave_one_record(
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
                continue  # as the API tells callers to: the same key again
            return
        raise AssertionError("no answer in twenty requests")

    at_once(client, 12)
    tables.arrive()
    (item,), (entry,) = tables.records(), tables.entries()
    assert {record["writeToken"] for record, _ in results} == {item["writeToken"]}
    assert entry["writeToken"] == item["writeToken"]
    assert sum(not is_replay for _, is_replay in results) <= 1
    check_chains(tables)
    for kind, number in injected.items():
        tally(f"12 clients, one key: {kind}", number, "one record")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(2))
def test_eight_clients_leave_an_entry_for_each_acknowledged_write(
    seed: int, connect: Connect, tables: Tables, tally: Count
) -> None:
    """All change the same two records in every way; then what each was told is compared."""
    olds = [create(connect(), new_token(), key)[0] for key in (None, "a key")]
    created = len(tables.entries())
    injected = Counter[str]()
    tables.staying = mixed(tables, injected, 0.3, seed)
    told: dict[str, str] = {}

    def client(number: int) -> None:
        dice = random.Random(f"{seed} {number}")  # noqa: S311 - no secret
        for _ in range(12):
            token, old = new_token(), dice.choice(olds)
            told[token] = attempt(dice, token, old)

    def attempt(dice: random.Random, token: str, old: Record) -> str:
        kind = dice.choice(["update", "update if match", "delete if match", "restore", "restore"])
        try:
            if kind == "restore":
                restore(connect(), token, old)
                return "acknowledged"
            seen = records.get(connect(), old["recordID"], datetime.now(UTC))
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
            return "refused"
        return "acknowledged"

    at_once(client, 8)
    tables.arrive()
    check_chains(tables)
    written = Counter(entry["writeToken"] for entry in tables.entries())
    for token, outcome in told.items():
        allowed = {"acknowledged": (1,), "refused": (0,), "unknown": (0, 1)}[outcome]
        assert written[token] in allowed, outcome
    assert written.total() - created == sum(written[token] for token in told)
    for kind, number in injected.items():
        tally(f"8 clients: {kind}", number, "an entry for each acknowledged write")
