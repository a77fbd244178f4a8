"""History through the gateway: who may read it, whom it names, and that no change is missing."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from e2e.support import TABLE, assert_problem, created, run_concurrently, unique, wait_for
from lib.client import Caller, Response
from records_cli import jsontext, verification

HISTORY = f"{TABLE}-history"


@pytest.fixture(scope="session")
def auditor(connection: dict[str, Any]) -> Caller:
    """A user who has exactly the module's auditor policy."""
    return Caller(connection["records_url"], connection["region"], **connection["auditor"])


def history(auditor: Caller, record_id: str, **query: str) -> list[dict[str, Any]]:
    """Return a record's entries, newest first."""
    response = auditor.get(f"/records/{record_id}/history", query)
    assert response.status == 200, response
    entries: list[dict[str, Any]] = jsontext.parse(response.body)["history"]
    return entries


def intact(auditor: Caller, record_id: str) -> bool:
    """Return whether `records verify` has no finding for the record."""
    return not verification.verify_records(auditor, [record_id]).findings


def test_entries_name_caller_request_and_change(
    writer: Caller, auditor: Caller, aws: Callable[..., Any], connection: dict[str, Any]
) -> None:
    responses = [writer.call("POST", body={"type": "test", "status": "new", "message": "secret"})]
    record_id = responses[0].json()["recordID"]
    responses.append(writer.call("PATCH", f"/{record_id}", body={"status": "done"}))
    responses.append(writer.call("DELETE", f"/{record_id}"))
    responses.append(writer.call("POST", f"/{record_id}/restore", body={"version": 1}))
    assert [response.status for response in responses] == [201, 200, 204, 200]
    entries = list(reversed(history(auditor, record_id)))
    assert [entry["change"] for entry in entries] == ["create", "update", "delete", "restore"]
    assert [entry["requestId"] for entry in entries] == [
        response.headers["x-request-id"] for response in responses
    ]
    key_id = connection["writer"]["access_key_id"]
    user = aws("iam").get_access_key_last_used(AccessKeyId=key_id)["UserName"]
    identities = {entry["changedBy"] for entry in entries}
    assert len(identities) == 1
    assert identities.pop().endswith(f":user/{user}")
    assert entries[2]["record"] is None
    assert entries[3]["record"] == jsontext.parse(responses[3].body)
    assert responses[3].json()["status"] == "new"
    assert responses[3].json()["updatedBy"] == entries[3]["changedBy"]
    assert intact(auditor, record_id)


@pytest.mark.parametrize("path", ["/records/any/history", "/changes"])
def test_only_auditors_read_histories(
    reader: Caller, writer: Caller, auditor: Caller, path: str
) -> None:
    assert [caller.get(path, {}).status for caller in (reader, writer)] == [403, 403]
    assert auditor.get(path, {}).status in (200, 404)


def test_auditors_read_records_and_change_nothing(writer: Caller, auditor: Caller) -> None:
    record, _ = created(writer)
    path = f"/{record['recordID']}"
    assert auditor.call("GET", path).status == 200
    denied: list[Response] = [
        auditor.call("POST", body={"type": "test", "status": "new"}),
        auditor.call("PATCH", path, body={"status": "done"}),
        auditor.call("DELETE", path),
        auditor.call("POST", f"{path}/restore", body={"version": 1}),
    ]
    assert [response.status for response in denied] == [403] * 4
    assert len(history(auditor, record["recordID"])) == 1


def test_concurrent_updates_make_one_chain(writer: Caller, auditor: Caller) -> None:
    record, _ = created(writer)
    path = f"/{record['recordID']}"
    bodies = [{"message": str(number)} for number in range(8)]
    responses = run_concurrently(
        [functools.partial(writer.call, "PATCH", path, body=body) for body in bodies]
    )
    acknowledged = {response.json()["version"] for response in responses if response.status == 200}
    entries = history(auditor, record["recordID"], order="asc")
    assert [int(entry["version"]) for entry in entries] == list(range(1, len(entries) + 1))
    assert {response.status for response in responses} <= {200, 503}
    assert acknowledged <= {int(entry["version"]) for entry in entries if entry["version"] != "1"}
    assert len(entries) == 1 + len(acknowledged)
    assert intact(auditor, record["recordID"])


def test_changes_of_other_writers_are_adopted(
    writer: Caller, auditor: Caller, aws: Callable[..., Any]
) -> None:
    """A manual edit in the table does not vanish: the next change records it first."""
    record, _ = created(writer)
    key = {"recordID": {"S": record["recordID"]}}
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET message = :text",
        ExpressionAttributeValues={":text": {"S": "edited by hand"}},
    )
    assert writer.call("PATCH", f"/{record['recordID']}", body={"status": "done"}).status == 200
    entries = history(auditor, record["recordID"], order="asc")
    assert [entry["change"] for entry in entries] == ["create", "adopt", "update"]
    assert entries[1]["changedBy"] is None
    assert entries[1]["record"]["message"] == "edited by hand"
    assert intact(auditor, record["recordID"])


def test_feed_is_resumed_without_gaps(writer: Caller, auditor: Caller) -> None:
    start = auditor.get("/changes", {"since": created(writer)[0]["createdAt"]}).json()
    assert start["caughtUp"] is True
    assert start["changes"] == []
    ids = [created(writer, type=unique())[0]["recordID"] for _ in range(3)]
    query = {"cursor": start["next"], "unsettled": "true", "limit": "1000"}

    def unsettled() -> list[str]:
        page = auditor.get("/changes", query).json()
        assert {entry["settled"] for entry in page["changes"]} <= {False}
        seen = [entry["recordID"] for entry in page["changes"] if entry["recordID"] in ids]
        return seen if len(seen) == len(ids) else []

    assert wait_for(unsettled) == ids
    assert auditor.get("/changes", {"cursor": start["next"]}).json()["changes"] == []


def test_altered_entries_are_named(
    writer: Caller, auditor: Caller, aws: Callable[..., Any]
) -> None:
    record, _ = created(writer)
    key = {"recordID": {"S": record["recordID"]}, "version": {"N": "1"}}
    aws("dynamodb").update_item(
        TableName=HISTORY,
        Key=key,
        UpdateExpression="SET changedBy = :other",
        ExpressionAttributeValues={":other": {"S": "somebody else"}},
    )
    (finding,) = verification.verify_records(auditor, [record["recordID"]]).findings
    assert (finding.version, finding.kind) == (1, "broken")


def test_history_of_an_unknown_record_is_not_found(auditor: Caller) -> None:
    assert_problem(auditor.get("/records/no-such-record/history", {}), 404, "record-not-found")
