"""scripts/redact: content goes, everything else stays, and the service continues the chain."""

import itertools
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lib import redact as module
from lib.boto3_client import Boto3Client
from lib.console import Failure
from lib.redact import Request, preview, redact
from records_api import history, representation, store, writes
from records_api.store import Record, Table
from records_cli import chains, jsontext
from records_cli.verification import timestamp
from unit.support import with_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BEGIN = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
ALICE = history.Author("arn:aws:iam::123456789012:user/alice", "request-1")
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/bob"
LATER = 10**10
_numbers = itertools.count()


@pytest.fixture
def table(dynamodb_client: "DynamoDBClient") -> Table:
    """Two empty tables, used through boto3 like an operator does."""
    number = next(_numbers)
    for name, keys in (("redact", ["recordID"]), ("redact-history", ["recordID", "version"])):
        dynamodb_client.create_table(
            TableName=f"{name}-{number}",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "N" if key == "version" else "S"}
                for key in keys
            ],
            KeySchema=[
                {"AttributeName": key, "KeyType": "RANGE" if key == "version" else "HASH"}
                for key in keys
            ],
        )
    client = Boto3Client(dynamodb_client)
    return Table(
        client, f"redact-{number}", f"redact-history-{number}", frozenset(), deadline=math.inf
    )


class Service:
    """The writes of the service, a minute after each other."""

    def __init__(self, table: Table) -> None:
        self.table, self.now = table, BEGIN

    def write(self, change: str, **content: object) -> Record | None:
        """Make a change of the record `r`; return the record."""
        self.now += timedelta(minutes=1)
        origin = writes.Origin(ALICE, f"token-{self.now}", lambda: self.now)
        stored = store.get(self.table, "r")
        turn = writes.turn(self.table, "r", stored, origin, self.now)
        record = None
        if change != history.DELETE:
            new: Record = {"recordID": "r", "createdAt": timestamp(self.now)}
            fields = {"type": "t", "status": "ok", "submittedBy": "alice", "attributes": {}}
            record = writes.stamped(turn, (stored or new | fields) | content, origin)
        assert writes.commit(self.table, turn, change, record, origin)
        return record

    def entries(self) -> list[history.Entry]:
        query = {
            "TableName": self.table.history_name,
            "KeyConditionExpression": "recordID = :id",
            "ExpressionAttributeValues": {":id": {"S": "r"}},
        }
        return [store.decode(item) for item in store.read(self.table, "Query", query)["Items"]]

    def findings(self) -> list[str]:
        """Verify the record as `records verify` does."""
        shown = [jsontext.parse(history.to_text(entry)) for entry in self.entries()]
        chain = chains.chain("r", shown)
        item = store.get(self.table, "r")
        record = item and jsontext.parse(history.canonical(representation.public(item)))
        difference = chains.compare("r", chain.last, record, self.now.timestamp())
        return [str(each) for each in (chain.finding, difference) if each]


@pytest.fixture
def service(table: Table) -> Service:
    """A record whose versions 2 and 3 contain a password, and whose version 4 does not."""
    made = Service(table)
    made.write("create", requestHash="h", expiresAt=LATER)
    made.write("update", message="hunter2")
    made.write("update", message="still hunter2")
    made.write("update", message="no secret", attributes={"binary": b"\x00", "set": {1, 2}})
    assert made.findings() == []
    return made


def raw(service: Service) -> Any:
    """Return boto3's client, for writes that bypass the service."""
    assert isinstance(service.table.client, Boto3Client)
    return service.table.client._client


def request(*versions: int, record_id: str = "r") -> Request:
    return Request(record_id, versions, OPERATOR, "INC-1: password")


def run(service: Service, *versions: int) -> list[str]:
    lines: list[str] = []
    redact(service.table, request(*versions), lines.append, lambda: service.now)
    return lines


def test_content_is_erased_and_all_else_is_kept(service: Service) -> None:
    before, item = service.entries(), store.get(service.table, "r")
    assert item is not None
    assert run(service, 3, 2) == ["redacted: 2, 3"]
    *kept, added = service.entries()
    for old, new in zip(before, kept, strict=True):
        content = {"record": None, "redacted": True} if old["version"] in (2, 3) else {}
        assert new == old | content
    assert "hunter2" not in str(store.get(service.table, "r")) + str(service.entries())
    assert (added["change"], added["version"], added["changedBy"]) == ("redact", 5, OPERATOR)
    assert (added["reason"], added["redactedVersions"]) == ("INC-1: password", [2, 3])
    assert (added["expiresAt"], added["requestHash"]) == (LATER, "h")
    assert added["changedAt"] == "2026-01-31T09:34:00.001Z"  # later than the entry before
    now = store.get(service.table, "r")
    assert now is not None
    changed = {name for name in item if now[name] != item[name]}
    assert changed == {"last", "updatedAt", "updatedBy", "version", "writeToken"}
    assert representation.tag(now) != representation.tag(item)
    assert now["last"]["hash"] == bytes.fromhex(added["hash"])
    assert service.findings() == []


def test_the_service_continues_the_chain_without_adoption(service: Service) -> None:
    run(service, 2, 3)
    service.write("update", status="failed")
    service.write("delete")
    assert [entry["change"] for entry in service.entries()][4:] == ["redact", "update", "delete"]
    assert service.findings() == []


def test_repeated_redaction_changes_nothing(service: Service) -> None:
    run(service, 2)
    before = service.entries(), store.get(service.table, "r")
    assert run(service, 2) == []
    assert (service.entries(), store.get(service.table, "r")) == before
    assert run(service, 2, 3) == ["redacted: 3"]
    assert service.entries()[-1]["redactedVersions"] == [3]
    assert service.findings() == []


def test_preview_changes_nothing_and_shows_no_content(service: Service) -> None:
    run(service, 2)
    before = service.entries(), store.get(service.table, "r")
    lines: list[str] = []
    preview(service.table, request(2, 3), lines.append)
    assert lines == [
        f"version 3 (update, 2026-01-31T09:33:00.000Z by {ALICE.identity}): its content is erased",
        "redacted already: 2",
        f"an entry is added: by {OPERATOR}, reason: INC-1: password",
    ]
    assert (service.entries(), store.get(service.table, "r")) == before


def test_history_of_a_deleted_record_is_redacted(service: Service) -> None:
    service.write("delete")
    assert run(service, 1, 2, 3, 4) == ["redacted: 1, 2, 3, 4"]
    added = service.entries()[-1]
    assert (added["record"], added["expiresAt"]) == (None, LATER)
    assert store.get(service.table, "r") is None
    assert service.findings() == []


def test_binary_values_are_stored_as_bytes(service: Service) -> None:
    run(service, 2)
    item = raw(service).get_item(TableName=service.table.name, Key={"recordID": {"S": "r"}})["Item"]
    assert item["last"]["M"]["hash"]["B"] == bytes.fromhex(service.entries()[-1]["hash"])
    assert item["attributes"]["M"]["binary"]["B"] == b"\x00"


def test_a_tombstone_of_an_older_release_is_no_record(service: Service) -> None:
    service.write("delete")
    tombstone = store.encode({"recordID": "r", "deletedAt": "then", "expiresAt": LATER})
    raw(service).put_item(TableName=service.table.name, Item=tombstone)
    assert run(service, 2) == ["redacted: 2"]
    assert store.encode(store.get(service.table, "r") or {}) == tombstone


def test_a_redact_entry_can_be_redacted(service: Service) -> None:
    run(service, 2, 3)
    service.write("update", message="")
    assert run(service, 4, 5) == ["redacted: 4, 5"]
    assert service.findings() == []


def test_a_change_outside_the_service_is_adopted_first(service: Service) -> None:
    raw(service).update_item(
        TableName=service.table.name,
        Key={"recordID": {"S": "r"}},
        UpdateExpression="SET #status = :new",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":new": {"S": "edited"}},
    )
    assert run(service, 2, 3) == ["redacted: 2, 3"]
    assert [entry["change"] for entry in service.entries()][4:] == ["adopt", "redact"]
    assert service.findings() == []


def emptied(service: Service) -> None:
    raw(service).delete_item(TableName=service.table.name, Key={"recordID": {"S": "r"}})


@pytest.mark.parametrize(
    ("prepare", "sent", "cause"),
    [
        (lambda _: None, request(9), "r has no version 9"),
        (lambda _: None, request(2, record_id="x"), "x has no history"),
        (lambda _: None, request(2, 4), "version 4 of r has the content of the current record"),
        (
            lambda service: service.write("restore", message="hunter2", attributes={}),
            request(2),
            "version 2 of r has the content of the current record",
        ),
        (lambda service: service.write("delete"), request(5), "version 5 of r has no content"),
        (emptied, request(2), "the record r is gone without a delete entry"),
    ],
)
def test_failed_redactions_change_nothing(
    prepare: Callable[[Service], object], sent: Request, cause: str, service: Service
) -> None:
    prepare(service)
    before = service.entries()
    for act in (redact, preview):
        with pytest.raises(Failure, match=cause):
            act(service.table, sent, pytest.fail)
    assert service.entries() == before


class Interrupted(Boto3Client):
    """A client that calls `act` before each of the first `times` transactions."""

    def __init__(self, client: Boto3Client, act: Callable[[], object], times: int) -> None:
        super().__init__(client._client)
        self.acts: Iterator[Callable[[], object]] = itertools.repeat(act, times)

    def call(self, operation: str, payload: Any, deadline: float) -> dict[str, Any]:
        if operation == "TransactWriteItems":
            next(self.acts, lambda: None)()
        return super().call(operation, payload, deadline)


def interrupted(service: Service, act: Callable[[], object], times: int = 1) -> Table:
    client = service.table.client
    assert isinstance(client, Boto3Client)
    return with_client(service.table, Interrupted(client, act, times))


@pytest.mark.parametrize("change", ["update", "delete"])
def test_a_concurrent_change_is_not_lost(change: str, service: Service) -> None:
    table = interrupted(service, lambda: service.write(change, status="failed"))
    redact(table, request(2, 3), lambda _: None, lambda: service.now)
    changes = [entry["change"] for entry in service.entries()]
    assert changes[4:] == [change, "redact"]
    assert service.findings() == []


def test_a_concurrent_restore_is_not_lost(service: Service) -> None:
    service.write("delete")
    table = interrupted(service, lambda: service.write("restore", expiresAt=LATER))
    redact(table, request(2), lambda _: None, lambda: service.now)
    assert [entry["change"] for entry in service.entries()][4:] == ["delete", "restore", "redact"]
    assert service.findings() == []


def test_a_restore_between_two_reads_is_noticed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.write("delete")
    turn, acts = writes.turn, iter([lambda: service.write("restore", expiresAt=LATER)])

    def late(*arguments: Any) -> writes.Turn:
        next(acts, lambda: None)()
        return turn(*arguments)

    monkeypatch.setattr(writes, "turn", late)
    assert run(service, 2) == ["redacted: 2"]
    assert service.findings() == []


def test_a_record_that_keeps_changing_is_reported(service: Service) -> None:
    table = interrupted(service, lambda: service.write("update"), times=99)
    with pytest.raises(Failure, match="changed during each of 5 attempts"):
        redact(table, request(2), lambda _: None, lambda: service.now)
    assert service.findings() == []


def test_replaced_entry_is_not_erased(service: Service) -> None:
    """After a record has expired, a create with the same idempotency key reuses its versions."""

    def replaced() -> None:
        entry = service.entries()[1]
        item = store.encode(entry | {"hash": f"{len(acts):064}"})
        raw(service).put_item(TableName=service.table.history_name, Item=item)
        acts.append(entry)

    acts: list[history.Entry] = []
    with pytest.raises(Failure, match="changed during each of 5 attempts"):
        redact(interrupted(service, replaced, 99), request(2), print, lambda: service.now)
    assert "redacted" not in service.entries()[1]


def test_large_redaction_uses_several_transactions(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        service.write("update", message=f"hunter{number}")
    service.write("update", message="")
    monkeypatch.setattr(module, "_MAX_ENTRIES", 2)
    assert run(service, 5, 6, 7) == ["redacted: 5, 6", "redacted: 7"]
    monkeypatch.setattr(module, "_MAX_BYTES", 1)
    assert run(service, 8, 9) == ["redacted: 8", "redacted: 9"]
    assert service.findings() == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["r"], "required: VERSION, --table, --history-table, --reason"),
        (["r", "0"], "'0' is not a version"),
        (["r", "1", "--table", "a", "--history-table", "b", "--reason", " "], "1 to 500"),
    ],
)
def test_invalid_arguments_are_named(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        module._parser().parse_args(arguments)
    assert problem in capsys.readouterr().err
