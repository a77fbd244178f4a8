"""The self-test's probes: each makes exactly the calls of its operation, and writes nothing.

Tests that take only the fixture `table` run on an emulator too: tests/e2e/test_store.py.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from records_api import config, dynamodb, probes, store
from unit.support import chain, items, scripted, table_of

OPERATIONS = sorted(config.OPERATIONS)
WRITES = ["GetItem records", "GetItem records-history", "PutItem records PutItem records-history"]
NEWEST = "Query records-history"
CALLS = {
    "list": [f"Query records by{name}" for name in ("Created", "Status", "SubmittedBy", "Type")],
    "get": ["GetItem records"],
    "create": WRITES,
    "update": [*WRITES, NEWEST],
    "delete": [*WRITES, NEWEST, "DeleteItem records PutItem records-history"],
    "history": ["GetItem records", NEWEST],
    "changes": ["Query records-history byChange"],
    "restore": [*WRITES, NEWEST],
}


def actions(operation: str, request: dict[str, Any]) -> Iterator[str]:
    """Yield the action of a call and what it acts on; DynamoDB authorizes the parts of a write."""
    if operation != "TransactWriteItems":
        yield " ".join([operation, request["TableName"], request.get("IndexName", "")]).strip()
    for member in request.get("TransactItems", []):
        ((kind, write),) = member.items()
        yield f"{kind}Item {write['TableName']}"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_probe_makes_the_calls_of_its_operation(operation: str) -> None:
    call, requests = scripted({"Items": []})
    probes.probe(table_of(call), operation)
    assert [" ".join(actions(*request)) for request in requests] == CALLS[operation]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_probe_writes_nothing(table: store.Table, operation: str) -> None:
    probes.probe(table, operation)
    assert items(table) == chain(table) == []


def test_every_write_of_a_probe_is_impossible_and_new() -> None:
    call, requests = scripted({"Items": []})
    for operation in OPERATIONS * 2:
        probes.probe(table_of(call), operation)
    writes = [
        member
        for name, request in requests
        if name == "TransactWriteItems"
        for member in request["TransactItems"]
    ]
    keys = []
    for ((_, write),) in (member.items() for member in writes):
        condition = write["ConditionExpression"]
        assert condition == "attribute_exists(#recordID) AND attribute_not_exists(#recordID)"
        keys.append((write["TableName"], (write.get("Item") or write["Key"])["recordID"]["S"]))
    assert len(set(keys)) == len(keys)
    assert all(record_id.startswith("-") for _, record_id in keys)


def test_probe_of_lists_tries_only_the_indexes_that_exist() -> None:
    call, requests = scripted({"Items": []})
    probes.probe(table_of(call, filter_indexes=frozenset({"type"})), "list")
    assert [request["IndexName"] for _, request in requests] == ["byCreated", "byType"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_denied_probe_is_reported(operation: str) -> None:
    call, _ = scripted(dynamodb.Refused("AccessDeniedException", "not authorized"))
    with pytest.raises(dynamodb.Refused):
        probes.probe(table_of(call), operation)
