"""Records as a team would have them, for screenshots and tests."""

import random
import time
from collections.abc import Iterator

from playwright.sync_api import expect

from viewer.browsers import launch, serving
from viewer.fake_api import BOB, FakeApi

HOUR = 3600
_PEOPLE = (
    "arn:aws:iam::123456789012:user/alice",
    "arn:aws:sts::123456789012:assumed-role/Deploy/bob",
    "arn:aws:sts::123456789012:assumed-role/Nightly/scheduler",
    "arn:aws:iam::123456789012:user/carol",
)
# Type, status, message, attributes, and how often.
_EVENTS: tuple[tuple[str, str, str, dict[str, object], int], ...] = (
    ("health-check", "ok", "All regions respond", {"latencyMs": 41.5}, 8),
    ("health-check", "degraded", "Latency in eu-west-1 above 400 ms", {"latencyMs": 412}, 1),
    ("backup", "done", "Snapshot of the orders database", {"sizeGb": 18.2}, 4),
    ("backup", "failed", "Dump of the reporting database ran out of disk", {"freeGb": 0.4}, 1),
    ("deployment", "done", "checkout 4.18.0 to production", {"canary": True}, 4),
    ("deployment", "running", "search 2.3.1 to staging", {"percent": 25}, 1),
    ("approval", "approved", "Firewall change for the billing network", {"ticket": "NET-47"}, 2),
    ("maintenance", "scheduled", "Replace a fan in rack C4", {"rack": "C4", "ticket": 4711}, 2),
    ("note", "open", "Certificate of the partner gateway expires on Friday", {}, 1),
)


def fill(api: FakeApi, number: int, *, hours: float = 48, now: float | None = None) -> None:
    """Add records of the last hours; the same ones each time, but for their times."""
    chance = random.Random(7)
    end = time.time() if now is None else now
    weights = [each[4] for each in _EVENTS]
    ages = sorted((chance.random() ** 1.3 for _ in range(number)), reverse=True)
    for position, age in enumerate(ages):
        kind, status, message, attributes, _ = chance.choices(_EVENTS, weights)[0]
        api.add(
            recordID=f"{position:08x}-7f1e-7000-8000-{chance.getrandbits(48):012x}",
            at=end - 20 - age * hours * HOUR,
            by=chance.choice(_PEOPLE),
            type=kind,
            status=status,
            message=message,
            attributes=attributes,
        )


def incident(api: FakeApi, now: float | None = None) -> str:
    """Add a record with a history of five versions, and return its ID."""
    end = time.time() if now is None else now
    record_id = api.add(
        recordID="019c1363-49c0-7000-8000-5f0e8b21a4d7",
        at=end - 3.2 * HOUR,
        by=_PEOPLE[2],
        type="backup",
        status="running",
        message="Nightly dump of the reporting database",
        attributes={"database": "reporting", "host": "db-07", "tables": ["sales", "stock"]},
    )
    api.change(record_id, by=_PEOPLE[2], at=end - 2.9 * HOUR, status="failed",
               message="Dump of the reporting database ran out of disk",
               attributes={"database": "reporting", "host": "db-07", "freeGb": 0.4,
                           "tables": ["sales", "stock"]})  # fmt: skip
    api.change(record_id, by=_PEOPLE[0], at=end - 1.4 * HOUR, status="pending",
               attributes={"database": "reporting", "host": "db-09", "freeGb": 212,
                           "tables": ["sales", "stock"], "ticket": "OPS-311"})  # fmt: skip
    api.change(record_id, by=BOB, at=end - 0.5 * HOUR, status="done",
               message="Dump of the reporting database, moved to db-09",
               attributes={"database": "reporting", "host": "db-09", "freeGb": 187.25,
                           "minutes": 34, "tables": ["sales", "stock"],
                           "ticket": "OPS-311"})  # fmt: skip
    return record_id


def screenshots() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each screenshot in docs/."""
    api = FakeApi()
    # The afternoon of a fixed day: the pictures differ only if the page does.
    now = 1_769_868_000.0
    fill(api, 260, hours=9, now=now)
    record_id = incident(api, now)
    with launch() as browser, serving(api) as server:
        page = browser.new_page(
            viewport={"width": 1200, "height": 720},
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        page.clock.install(time=now)
        page.goto(server.site.link)
        expect(page.get_by_text("100 records loaded")).to_be_attached()
        yield "viewer-list.png", page.screenshot()
        page.goto(f"{page.url}?status=failed&record={record_id}&view=history&by=status")
        page.set_viewport_size({"width": 1200, "height": 820})
        expect(page.get_by_text("Chain intact")).to_be_visible()
        yield "viewer-history.png", page.screenshot()
