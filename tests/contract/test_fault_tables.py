"""The fault server's tables follow DynamoDB's rules for transactions, beyond those of moto."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contract import fault_tables
from contract.fault_server import FaultServer
from contract.fault_tables import HISTORY, RECORDS, REGION, Tables
from records_api import dynamodb, store

Transact = Callable[..., None]

pytestmark = pytest.mark.usefixtures("credentials", "short_pauses", "generous_limits")
ABSENT = store.is_absent(0)


@pytest.fixture
def tables() -> Iterator[Tables]:
    with fault_tables.tables() as made:
        yield made


@pytest.fixture
def server(serve: Callable[..., FaultServer], tables: Tables) -> FaultServer:
    return serve(tables.serve)


@pytest.fixture
def transact(server: FaultServer) -> Iterator[Transact]:
    """Put a record and its entry over the wire, under a token."""
    client = dynamodb.Client(server.url, REGION)

    def send(token: str, record_id: str = "1", content: str = "first") -> None:
        record = {"recordID": record_id, "message": content, "hash": b"\x00\xff"}
        entry = {"recordID": record_id, "version": 1, "feed": "changes", "position": content}
        puts = [store.put(RECORDS, record, ABSENT), store.put(HISTORY, entry, ABSENT)]
        payload = {"ClientRequestToken": token, "TransactItems": puts}
        client.call("TransactWriteItems", payload, time.monotonic() + 60.0)

    yield send
    client.close()


def state(tables: Tables) -> tuple[list[Any], list[Any]]:
    return [item["message"] for item in tables.records()], tables.entries()


def test_repeated_token_succeeds_and_writes_nothing(tables: Tables, transact: Transact) -> None:
    transact("token")
    before = state(tables)
    transact("token")
    assert (state(tables), tables.applied) == (before, 1)
    assert tables.records()[0]["hash"] == b"\x00\xff"


def test_token_with_another_body_is_rejected(tables: Tables, transact: Transact) -> None:
    transact("token")
    with pytest.raises(dynamodb.Refused, match="IdempotentParameterMismatchException"):
        transact("token", "2")
    assert tables.applied == 1


def test_token_counts_as_new_after_ten_minutes(tables: Tables, transact: Transact) -> None:
    transact("token")
    tables.forget_tokens()
    with pytest.raises(dynamodb.ConditionFailed):
        transact("token")


def test_canceled_transaction_writes_nothing(tables: Tables, transact: Transact) -> None:
    transact("token")
    tables.apply_item("DeleteItem", RECORDS, {"recordID": "1"})
    with pytest.raises(dynamodb.ConditionFailed):
        transact("another token")
    assert tables.records() == []
    tables.apply_item("DeleteItem", HISTORY, {"recordID": "1", "version": 1})
    transact("another token")
    assert tables.applied == 2


def test_one_of_several_failed_conditions_is_named(transact: Transact) -> None:
    transact("token")
    for _ in range(2):
        with pytest.raises(dynamodb.ConditionFailed) as caught:
            transact("another token")
        assert str(caught.value).count("ConditionalCheckFailed") == 1


def test_conflict_is_retried_with_the_same_token(
    tables: Tables, server: FaultServer, transact: Transact
) -> None:
    tables.faults.extend([fault_tables.conflicts] * 2)
    transact("token")
    assert (tables.applied, len({request.body for request in server.requests})) == (1, 1)
    assert len(server.requests) == 3


def test_transaction_in_progress_is_applied_once(
    tables: Tables, server: FaultServer, transact: Transact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "IN_PROGRESS_PAUSE_SECONDS", 0.01)
    tables.faults.append(tables.starts(2))
    transact("token")
    assert (tables.applied, len(server.requests)) == (1, 4)


def test_late_copy_of_a_transaction_writes_nothing(
    tables: Tables, server: FaultServer, transact: Transact
) -> None:
    tables.faults.append(tables.holds_up)
    transact("token")
    tables.arrive()
    assert (tables.applied, len(server.requests), tables.late) == (1, 2, [])
