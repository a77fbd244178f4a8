"""The operations history and changes: their content, when it is visible, and their cursors."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from records_api import (
    config,
    entries,
    history,
    operations,
    pages,
    records,
    representation,
    store,
    writes,
)
from unit.support import ALICE, FILTERS, NOW, allow, content, event, scripted, table_of

ROUTES = {
    "GET /records/{recordID}/history": operations.read_history,
    "GET /changes": operations.read_changes,
}
HISTORY, CHANGES = ROUTES
SETTINGS = config.Settings(
    table_name="records",
    history_table_name="records-history",
    operations=config.OPERATIONS,
    filter_indexes=FILTERS,
    auth_modes=frozenset({"IAM"}),
    service="test",
    log_level="INFO",
    retention_days=0,
    region="us-east-1",
    endpoint_url=None,
)


def send(
    table: store.Table,
    route: str,
    record_id: str | None = None,
    *,
    now: datetime = NOW,
    **query: str,
) -> Any:
    """Return the body of the response to a request at the time `now`."""
    request = operations.Request(
        event(route, record_id=record_id, query=urlencode(query)),
        "request-9",
        lambda: now,
        SETTINGS,
        table,
        ALICE,
    )
    return content(ROUTES[route](request))


def origin(now: datetime) -> writes.Origin:
    author = history.Author(ALICE.identity, "request-1")
    return writes.Origin(author, f"token-{now}", lambda: now)


def create(table: store.Table, key: str, now: datetime, retention_days: int = 0) -> str:
    record, _ = records.create(
        table,
        {"type": "note", "status": "new"},
        ALICE,
        origin(now),
        key=key,
        retention_days=retention_days,
        open_auth=False,
    )
    return str(record["recordID"])


def update(table: store.Table, record_id: str, now: datetime) -> None:
    records.update(table, record_id, {"status": "done"}, allow, origin(now))


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def versions(body: Any) -> list[tuple[str, int]]:
    (name,) = body.keys() & {"history", "changes"}
    return [(entry["recordID"], entry["version"]) for entry in body[name]]


def settled(body: Any) -> list[tuple[str, bool | None]]:
    return [(entry["recordID"], entry.get("settled")) for entry in body["changes"]]


# Histories.


def test_history_shows_change_caller_time_and_request(table: store.Table) -> None:
    record_id = create(table, "a", NOW)
    update(table, record_id, later(1))
    records.delete(table, record_id, allow, origin(later(2)))
    body = send(table, HISTORY, record_id)
    assert [each["change"] for each in body["history"]] == ["delete", "update", "create"]
    assert [each["version"] for each in body["history"]] == [3, 2, 1]
    assert {each["changedBy"] for each in body["history"]} == {ALICE.identity}
    assert {each["requestId"] for each in body["history"]} == {"request-1"}
    assert body["history"][0]["record"] is None
    assert body["history"][1]["record"]["status"] == "done"
    assert body["history"][1]["changedAt"] == representation.timestamp(later(1))
    assert "next" not in body


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_a_history_are_complete(table: store.Table, order: str) -> None:
    record_id = create(table, "a", NOW)
    for second in range(1, 5):
        update(table, record_id, later(second))
    query: dict[str, Any] = {"order": order, "limit": "2"}
    listed: list[int] = []
    while True:
        body = send(table, HISTORY, record_id, **query)
        assert len(body["history"]) <= 2
        listed += [version for _, version in versions(body)]
        if "next" not in body:
            break
        query["cursor"] = body["next"]
    assert listed == sorted(range(1, 6), reverse=order == "desc")


def test_record_without_entries_has_an_empty_history(table: store.Table) -> None:
    item = {"recordID": "old", "createdAt": representation.timestamp(NOW), "type": "t"}
    request = {"TableName": table.name, "Item": store.encode(item)}
    table.client.call("PutItem", request, table.deadline)
    assert send(table, HISTORY, "old") == {"history": []}


@pytest.mark.parametrize("record_id", ["unknown", "-a", "a%2Fb", ""])
def test_history_of_an_unknown_record_is_not_found(table: store.Table, record_id: str) -> None:
    with pytest.raises(records.NotFound):
        send(table, HISTORY, record_id)


def test_history_expires_with_its_record(table: store.Table) -> None:
    record_id = create(table, "a", NOW, retention_days=1)
    update(table, record_id, later(1))
    (newest, _) = send(table, HISTORY, record_id)["history"]
    assert newest["expiresAt"] == int(NOW.timestamp()) + 86_400
    assert len(versions(send(table, HISTORY, record_id, now=later(86_399)))) == 2
    with pytest.raises(records.NotFound):
        send(table, HISTORY, record_id, now=later(86_400))


def test_history_of_expired_entries_is_not_found(table: store.Table) -> None:
    record_id = create(table, "a", NOW, retention_days=1)
    for second in range(1, 6):
        update(table, record_id, later(second))
    with pytest.raises(records.NotFound):
        send(table, HISTORY, record_id, now=later(86_400), limit="1")


def test_page_after_the_last_entry_is_empty(table: store.Table) -> None:
    record_id = create(table, "a", NOW)
    update(table, record_id, later(1))
    body = send(table, HISTORY, record_id, order="asc", limit="1")
    records.delete(table, record_id, allow, origin(later(2)))
    for version in (2, 3):
        body = send(table, HISTORY, record_id, order="asc", limit="1", cursor=body["next"])
        assert versions(body) == [(record_id, version)]
    assert "next" not in body

    first = send(table, HISTORY, record_id, order="desc", limit="2")
    key = store.encode({"recordID": record_id, "version": 1})
    deletion = {"TableName": table.history_name, "Key": key}
    table.client.call("DeleteItem", deletion, table.deadline)
    assert send(table, HISTORY, record_id, limit="2", cursor=first["next"]) == {"history": []}


def test_incomplete_read_is_not_a_missing_history() -> None:
    call, _ = scripted({"Items": [], "LastEvaluatedKey": store.encode({"version": 1})})
    body = send(table_of(call), HISTORY, "a")
    assert body["history"] == []
    assert "next" in body


# The change feed.


def test_change_is_settled_after_a_minute(table: store.Table) -> None:
    first, second = create(table, "a", NOW), create(table, "b", later(0.001))
    assert versions(send(table, CHANGES, now=later(60))) == []
    body = send(table, CHANGES, now=later(60.001))
    assert (versions(body), body["caughtUp"]) == ([(first, 1)], True)
    body = send(table, CHANGES, now=later(60.002), cursor=body["next"])
    assert (versions(body), body["caughtUp"]) == ([(second, 1)], True)


def test_unsettled_changes_do_not_move_the_cursor(table: store.Table) -> None:
    first, second = create(table, "a", NOW), create(table, "b", later(30))
    body = send(table, CHANGES, now=later(70), unsettled="true")
    assert settled(body) == [(first, None), (second, False)]
    assert body["caughtUp"]
    again = send(table, CHANGES, now=later(70), cursor=body["next"], unsettled="true")
    assert versions(again) == [(second, 1)]
    assert again["next"] == body["next"]
    last = send(table, CHANGES, now=later(91), cursor=again["next"], unsettled="true")
    assert settled(last) == [(second, None)]
    assert last["next"] != body["next"]


def test_unsettled_changes_are_returned_only_on_request(table: store.Table) -> None:
    create(table, "a", NOW)
    assert versions(send(table, CHANGES, now=later(1))) == []
    assert versions(send(table, CHANGES, now=later(1), unsettled="false")) == []


def test_unsettled_changes_fill_the_rest_of_the_page(table: store.Table) -> None:
    ids = [create(table, str(number), later(number * 40)) for number in range(4)]
    now = later(40 * 3 + 1)  # the first two are settled
    body = send(table, CHANGES, now=now, unsettled="true", limit="3")
    assert versions(body) == [(each, 1) for each in ids[:3]]
    for limit, caught_up in (("1", False), ("2", True)):
        body = send(table, CHANGES, now=now, unsettled="true", limit=limit)
        assert versions(body) == [(each, 1) for each in ids[: int(limit)]]
        assert body["caughtUp"] is caught_up


def test_unsettled_changes_follow_all_settled_ones(
    table: store.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that ends early must not show a settled change as unsettled, or skip one."""
    ids = [create(table, str(number), later(number)) for number in range(3)]
    create(table, "young", later(100))
    monkeypatch.setattr(pages, "READ_BUDGET_PAGES", 1)
    one_by_one = table_of(
        lambda operation, payload, deadline: table.client.call(
            operation, {**payload, "Limit": 1}, deadline
        ),
        table.name,
    )
    body = send(one_by_one, CHANGES, now=later(101), unsettled="true")
    assert (versions(body), body["caughtUp"]) == ([(ids[0], 1)], False)


def test_feed_is_caught_up_after_the_last_settled_change(table: store.Table) -> None:
    ids = [create(table, str(number), later(number)) for number in range(3)]
    seen = []
    query: dict[str, Any] = {"limit": "1"}
    for _ in ids:
        body = send(table, CHANGES, now=later(900), **query)
        seen.append((versions(body), body["caughtUp"]))
        query["cursor"] = body["next"]
    assert seen == [([(ids[0], 1)], False), ([(ids[1], 1)], False), ([(ids[2], 1)], True)]
    body = send(table, CHANGES, now=later(900), **query)
    assert (body["changes"], body["caughtUp"], body["next"]) == ([], True, query["cursor"])


@pytest.mark.parametrize(
    ("since", "expected"), [(-0.001, [0, 1]), (0, [1]), (0.999, [1]), (1, []), (3600, [])]
)
def test_since_is_exclusive(table: store.Table, since: float, expected: list[int]) -> None:
    ids = [create(table, str(number), later(number)) for number in range(2)]
    body = send(table, CHANGES, now=later(900), since=representation.timestamp(later(since)))
    assert versions(body) == [(ids[number], 1) for number in expected]
    assert body["caughtUp"]


def test_start_in_the_future_is_kept(table: store.Table) -> None:
    create(table, "a", NOW)
    body = send(table, CHANGES, now=later(100), since=representation.timestamp(later(200)))
    assert versions(body) == []
    second = create(table, "b", later(201))
    body = send(table, CHANGES, now=later(300), cursor=body["next"])
    assert versions(body) == [(second, 1)]


def test_feed_shows_deleted_but_not_expired_records(table: store.Table) -> None:
    kept = create(table, "kept", NOW)
    create(table, "expired", later(1), retention_days=1)
    records.delete(table, kept, allow, origin(later(2)))
    body = send(table, CHANGES, now=later(86_402))
    assert versions(body) == [(kept, 1), (kept, 2)]


def test_changes_are_read_from_the_history_index() -> None:
    call, requests = scripted({"Items": []})
    send(table_of(call), CHANGES)
    ((operation, request),) = requests
    assert (operation, request["TableName"]) == ("Query", "records-history")
    assert request["IndexName"] == entries.CHANGES_INDEX
