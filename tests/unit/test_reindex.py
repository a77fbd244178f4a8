"""scripts/reindex: records of other programs are repaired, so that listings include them.

tests/e2e/test_store.py runs some of these tests on an emulator. They use no fixtures but `table`,
`raw` and `progress`.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from lib import reindex as module
from lib.reindex import reindex
from records_api import listing, records, representation, store
from unit.support import ALICE, NOW, allow, before_each, items, origin, walk, wire, with_client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Item = dict[str, Any]

MOMENT = "2026-01-31T09:30:01.000Z"
PLACE = f"{MOMENT}#foreign-1"


@pytest.fixture
def raw(table: store.Table) -> "Table":
    """The table as a boto3 resource, for writes that bypass the service."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "secret"}
    connect: Any = boto3.resource  # its stub takes no unpacked arguments
    made: Table = connect("dynamodb", region_name="us-east-1", **keys).Table(table.name)
    return made


@pytest.fixture
def progress(tmp_path: Path) -> Path:
    return tmp_path / "absent" / "progress.json"


def foreign(number: int = 1, **more: object) -> Item:
    """Return an item with the six documented attributes, and with `more`."""
    return {
        "recordID": f"foreign-{number}",
        "createdAt": f"2026-01-31T09:30:0{number}Z",
        "submittedBy": "importer",
        "type": "audit",
        "status": "ok",
        "message": "written by another program",
        **more,
    }


def put(raw: "Table", *new_items: Item) -> None:
    for item in new_items:
        raw.put_item(Item=item)


def listed(table: store.Table, **filters: str) -> list[str]:
    return [
        record["recordID"] for page in walk(table, listing.Query(filters), 2) for record in page
    ]


def scanned(table: store.Table) -> dict[str, Item]:
    return {item["recordID"]: item for item in items(table)}


class Shared:
    """A table that calls `act` after each scanned page and fails after `updates` updates."""

    def __init__(
        self, raw: "Table", act: Callable[[], object] = lambda: None, *, updates: int = 100
    ) -> None:
        self.meta, self._raw, self._act, self.updates = raw.meta, raw, act, updates
        self.read: list[str] = []

    def scan(self, **request: Any) -> Any:
        page = self._raw.scan(**request)
        self.read += [str(item["recordID"]) for item in page["Items"]]
        self._act()
        return page

    def get_item(self, **request: Any) -> Any:
        return self._raw.get_item(**request)

    def update_item(self, **request: Any) -> None:
        if self.updates == 0:
            raise ConnectionError
        self.updates -= 1
        self._raw.update_item(**request)


def test_items_of_other_writers_are_listed_in_order_of_time(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    put(
        raw,
        foreign(1, createdAt="2026-01-31T10:30:00+01:00"),
        foreign(2, createdAt="2026-01-31T09:29:59.99987Z"),
    )
    put(raw, foreign(3, createdAt="2026-01-31t09:30:00.5z", attributes={"n": Decimal("1.5")}))
    assert reindex(raw, progress, pytest.fail) == (3, 0)
    assert listed(table) == listed(table, type="audit") == ["foreign-3", "foreign-1", "foreign-2"]
    for name, moment in {
        "foreign-1": "09:30:00.000",
        "foreign-2": "09:29:59.999",
        "foreign-3": "09:30:00.500",
    }.items():
        assert (store.get(table, name) or {})["createdAt"] == f"2026-01-31T{moment}Z"
    added = {"feed", "position", "createdAt", "version", "writeToken"}
    kept = {name: value for name, value in scanned(table)["foreign-3"].items() if name not in added}
    assert kept == {
        name: value
        for name, value in foreign(3, attributes={"n": Decimal("1.5")}).items()
        if name not in added
    }


def test_second_run_changes_nothing(table: store.Table, raw: "Table", progress: Path) -> None:
    put(raw, *map(foreign, range(5)))
    assert reindex(raw, progress, pytest.fail) == (5, 0)
    before = scanned(table)
    assert reindex(raw, progress, pytest.fail) == (0, 0)
    assert scanned(table) == before
    assert not progress.exists()


def test_items_of_the_service_are_not_changed(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    records.create(
        table,
        {"type": "t", "status": "s"},
        ALICE,
        origin(),
        key="k",
        retention_days=0,
        open_auth=False,
    )
    put(
        raw,
        {
            "recordID": "tombstone",
            "deletedAt": "2026-01-31T09:30:00.000Z",
            "requestHash": "h",
            "expiresAt": 99,
        },
    )
    before = scanned(table)
    assert reindex(Shared(raw, updates=0), progress, pytest.fail) == (0, 0)
    assert scanned(table) == before


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"recordID": "a/b"}, "recordID"),
        ({"createdAt": "yesterday"}, "createdAt"),
        ({"createdAt": Decimal(1769851800)}, "createdAt"),
        ({"createdAt": "2026-02-30T09:30:00Z"}, "createdAt"),
        ({"createdAt": None}, "createdAt"),
        ({"type": "t" * 129}, "type"),
        ({"type": Decimal(1)}, "type"),
        ({"status": None}, "status"),
        ({"submittedBy": "s" * 513}, "submittedBy"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_invalid_items_are_reported_and_not_changed(
    table: store.Table, raw: "Table", progress: Path, wrong: Item, reason: str
) -> None:
    item = {name: value for name, value in foreign(2, **wrong).items() if value is not None}
    put(raw, foreign(1), item, foreign(3))
    lines: list[str] = []
    assert reindex(raw, progress, lines.append) == (2, 1)
    assert len(lines) == 1
    assert lines[0].startswith(f"{item['recordID']!r} can't be listed: {reason} ")
    assert scanned(table)[item["recordID"]] == item
    assert listed(table) == ["foreign-3", "foreign-1"]


def test_interrupted_run_continues_after_the_last_complete_page(
    table: store.Table, raw: "Table", progress: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGE_ITEMS", 2)
    put(raw, *map(foreign, range(7)))
    breaking = Shared(raw, updates=3)
    with pytest.raises(ConnectionError):
        reindex(breaking, progress, pytest.fail)
    assert len(breaking.read) == 4
    again = Shared(raw)
    assert reindex(again, progress, pytest.fail) == (4, 0)
    assert again.read[:2] == breaking.read[2:]
    assert sorted(breaking.read[:2] + again.read) == [f"foreign-{number}" for number in range(7)]
    assert listed(table) == [f"foreign-{number}" for number in reversed(range(7))]
    assert not progress.exists()


def test_concurrently_deleted_item_stays_deleted(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    put(raw, foreign())
    shared = Shared(raw, lambda: raw.delete_item(Key={"recordID": "foreign-1"}))
    assert reindex(shared, progress, pytest.fail) == (0, 0)
    assert items(table) == []


def test_concurrently_modified_item_is_repaired(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    put(raw, foreign())
    written = foreign(createdAt="2025-12-31T23:59:59.000Z", status="theirs", version=7)
    shared = Shared(raw, lambda: put(raw, written))
    assert reindex(shared, progress, pytest.fail) == (1, 0)
    (repaired,) = items(table)
    assert repaired.pop("writeToken")
    keys = {"feed": "records", "position": "2025-12-31T23:59:59.000Z#foreign-1"}
    assert repaired == written | keys


def test_item_in_a_transaction_is_read_again(
    table: store.Table, raw: "Table", progress: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(raw, foreign())
    error = raw.meta.client.exceptions.TransactionConflictException({}, "UpdateItem")
    shared = Shared(raw)
    update_item, failures = shared.update_item, [error]

    def failing(**request: Any) -> None:
        if failures:
            raise failures.pop()
        update_item(**request)

    monkeypatch.setattr(shared, "update_item", failing)
    assert reindex(shared, progress, pytest.fail) == (1, 0)
    assert listed(table) == ["foreign-1"]


@pytest.mark.parametrize(
    "written",
    [
        {"version": 8},
        {"writeToken": "theirs"},
        {"createdAt": "2026-01-31T09:30:02.000Z"},
        {"feed": "records", "position": "from another run"},
    ],
    ids=lambda written: next(iter(written)),
)
def test_modified_item_is_not_overwritten(table: store.Table, raw: "Table", written: Item) -> None:
    old = foreign(version=7)
    put(raw, old | written)
    assert not module._update(raw, old, module.repairs(old))
    assert scanned(table)["foreign-1"] == old | written


def test_concurrent_update_does_not_undo_the_repair(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    put(raw, foreign(createdAt="2026-01-31T09:30:01.000Z"))
    call = before_each(
        table.client.call, "TransactWriteItems", lambda: reindex(raw, progress, pytest.fail)
    )
    interrupted = with_client(table, wire(call))
    records.update(interrupted, "foreign-1", {"status": "done"}, allow, origin())
    (stored,) = items(table)
    assert (stored["status"], stored["version"]) == ("done", 2)
    assert listed(table) == listed(table, status="done") == ["foreign-1"]


@pytest.mark.parametrize(
    ("item", "is_seen"),
    [
        ({"feed": "records", "position": f"{MOMENT}#of-the-original"}, False),
        ({"feed": "records", "position": f"{MOMENT}"}, False),
        ({"feed": "records", "position": "9" * 400}, False),
        ({"feed": "records"}, False),
        ({"feed": "another", "position": PLACE}, False),
        ({"position": PLACE, "version": "text"}, False),
        ({"feed": "records", "position": PLACE, "version": Decimal("1.5")}, False),
        ({"feed": "records", "position": PLACE, "version": {Decimal(2)}}, False),
        ({"feed": "records", "position": PLACE, "createdAt": "2026-01-31T10:30:01+01:00"}, True),
        ({"createdAt": "2026-01-31T09:30:01Z", "version": Decimal(3)}, True),
        ({"createdAt": "2026-01-31T09:30:01Z", "version": "text"}, True),
        ({"createdAt": "2026-01-31T09:30:01Z", "updatedAt": MOMENT}, True),
    ],
    ids=str,
)
def test_repair_changes_the_etag_and_the_version_if_visible(
    table: store.Table, raw: "Table", progress: Path, item: Item, *, is_seen: bool
) -> None:
    put(raw, foreign(**{"createdAt": MOMENT, **item}))
    before = store.decode(records.get(table, "foreign-1", NOW))
    assert reindex(raw, progress, pytest.fail) == (1, 0)
    after = store.decode(records.get(table, "foreign-1", NOW))
    assert (after["createdAt"], after["feed"], after["position"]) == (MOMENT, "records", PLACE)
    assert representation.tag(after) != representation.tag(before)
    assert (representation.public(after) != representation.public(before)) == is_seen
    assert representation.version(after) == representation.version(before) + is_seen
    assert "version" not in item or after["version"] == representation.version(after)
    assert listed(table) == ["foreign-1"]
    stored = scanned(table)
    assert reindex(raw, progress, pytest.fail) == (0, 0)
    assert scanned(table) == stored


def test_item_that_never_expires_is_listed_and_reported(
    table: store.Table, raw: "Table", progress: Path
) -> None:
    put(raw, foreign(1, expiresAt="1769851800"), foreign(2, expiresAt=4102444800))
    lines: list[str] = []
    assert reindex(raw, progress, lines.append) == (2, 1)
    assert lines == ["'foreign-1' never expires: expiresAt is not a number of seconds"]
    assert listed(table) == ["foreign-2", "foreign-1"]
    assert scanned(table)["foreign-1"]["expiresAt"] == "1769851800"
