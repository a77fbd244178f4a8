"""The list: order, paging, live arrival, filters in the URL, the chart and the export."""

import csv
import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import BrowserContext, Page, expect

from viewer import samples
from viewer.conftest import Visit
from viewer.fake_api import FakeApi

Shot = Callable[..., Path]


def messages(page: Page) -> list[str]:
    """Return the messages of the rows in sight, from top to bottom."""
    texts: list[str] = page.evaluate("""() => {
        const index = (row) => Number(row.getAttribute('aria-rowindex'));
        return [...document.querySelectorAll('.list-body .row')]
            .sort((one, other) => index(one) - index(other))
            .map((row) => row.querySelector('.message').textContent);
    }""")
    return texts


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_newest_records_come_first(api: FakeApi, visit: Visit, shot: Shot) -> None:
    samples.fill(api, 300)
    api.add(message="the newest")
    page = visit()
    expect(page.get_by_text("Live")).to_be_visible()
    assert messages(page)[0] == "the newest"
    assert len(messages(page)) < 60
    assert page.title().startswith("Records · a1b2c3d4e5")
    shot(page)


def test_arriving_and_changed_records_appear(api: FakeApi, visit: Visit) -> None:
    samples.fill(api, 5)
    first = api.add(message="first", status="running")
    page = visit()
    expect(page.get_by_role("row", name="first")).to_be_visible()
    page.clock.install()
    page.reload()
    expect(page.get_by_role("row", name="first")).to_be_visible()
    api.add(message="second")
    api.change(first, status="failed")
    page.clock.run_for(5100)
    expect(page.get_by_role("row", name="second")).to_be_visible()
    expect(page.get_by_role("row", name="first")).to_contain_text("failed")
    assert messages(page)[:2] == ["second", "first"]
    api.remove(first)
    page.clock.run_for(5100)
    expect(page.get_by_role("row", name="first")).to_have_count(0)


def test_hidden_page_does_not_poll(api: FakeApi, visit: Visit) -> None:
    api.add(message="here")
    page = visit()
    page.clock.install()
    page.reload()
    expect(page.get_by_text("here")).to_be_visible()
    hide = """(hidden) => {
        Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(hide, True)
    before = len(api.calls)
    page.clock.run_for(60_000)
    assert len(api.calls) == before
    api.add(message="meanwhile")
    page.evaluate(hide, False)
    expect(page.get_by_text("meanwhile")).to_be_visible()


def test_arrivals_above_do_not_move_what_is_read(api: FakeApi, visit: Visit) -> None:
    samples.fill(api, 300)
    page = visit()
    page.locator("#list-pane").evaluate("(pane) => { pane.scrollTop = 2000; }")
    row = page.locator(".list-body .row[aria-rowindex='50']")
    expect(row).to_be_visible()
    top = row.bounding_box()
    record_id = row.get_attribute("data-id")
    api.add(message="new")
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="1 new record above")).to_be_visible()
    moved = page.locator(f".list-body .row[data-id='{record_id}']")
    assert moved.bounding_box() == top
    page.get_by_role("button", name="1 new record above").click()
    expect(page.get_by_role("row", name="new")).to_be_visible()


def test_filters_live_in_the_url(api: FakeApi, visit: Visit, shot: Shot) -> None:
    samples.fill(api, 200)
    api.add(type="a/b & c", status="odd", message="strange type")
    page = visit()
    page.get_by_text("Status", exact=True).first.click()
    page.get_by_role("button", name="failed").click()
    expect(page.get_by_text("Status: failed")).to_be_visible()
    assert query(page) == {"status": ["failed"]}
    assert set(page.locator(".list-body .status").all_inner_texts()) == {"failed"}
    shot(page)
    page.go_back()
    expect(page.get_by_text("Status: failed")).to_have_count(0)
    assert query(page) == {}
    page.keyboard.press("f")
    page.get_by_role("textbox", name="Type").fill("a/b & c")
    page.keyboard.press("Enter")
    expect(page.locator("[data-name=type] summary")).to_be_focused()
    expect(page.locator(".list-body .row")).to_have_count(1)
    assert query(page) == {"type": ["a/b & c"]}
    page.reload()
    expect(page.locator(".list-body .row")).to_have_count(1)
    page.get_by_text("Time", exact=True).click()
    page.get_by_role("button", name="Last hour").click()
    expect(page.get_by_text("Time: last hour")).to_be_visible()
    assert query(page) == {"type": ["a/b & c"], "since": ["1h"]}
    assert "createdAfter=" in api.calls[-1]
    page.get_by_role("button", name="Clear filters").click()
    expect(page.get_by_text("Time: last hour")).to_have_count(0)
    assert query(page) == {}


def test_chart_counts_by_type_or_status(api: FakeApi, visit: Visit) -> None:
    for number, status in enumerate(["ok", "ok", "failed"]):
        api.add(type="check", status=status, at=time.time() - 60 * number)
    page = visit()
    chart = page.get_by_role("img")
    expect(chart).to_have_accessible_name(re.compile(r"^3 loaded records .* by type: check 3$"))
    page.get_by_role("button", name="Status", exact=True).click()
    expect(chart).to_have_accessible_name(re.compile("by status: ok 2, failed 1$"))
    assert query(page) == {"by": ["status"]}
    page.get_by_role("button", name="failed 1").click()
    expect(page.locator(".list-body .row")).to_have_count(1)
    assert query(page) == {"status": ["failed"], "by": ["status"]}


def test_export_is_csv_without_formulas(api: FakeApi, visit: Visit) -> None:
    samples.fill(api, 130)
    api.add(
        message='=HYPERLINK("http://evil.example")', type="+a", status=" -b", at=time.time() - 9
    )
    api.add(message='quote " comma , line\nend', attributes={"exact": 10**30})
    page = visit("/?status= -b")
    expect(page.locator(".list-body .row")).to_have_count(1)
    page = visit(first=False)
    page.locator("#list-pane").evaluate("(pane) => { pane.scrollTop = pane.scrollHeight; }")
    expect(page.locator(".list-foot")).to_contain_text("132 records, all loaded")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 132
    assert rows[0]["message"] == 'quote " comma , line\nend'
    assert rows[0]["attributes"] == '{"exact":1000000000000000000000000000000}'
    assert rows[1]["message"].startswith("'=HYPERLINK")
    assert (rows[1]["type"], rows[1]["status"]) == ("'+a", "' -b")


def test_list_as_curl_has_no_secrets(api: FakeApi, visit: Visit) -> None:
    api.add(type="it's")
    page = visit("/?type=it%27s&createdAfter=2026-01-31T09:30:00Z")
    expect(page.locator(".list-body .row")).to_have_count(1)
    page.keyboard.press("c")
    expect(page.get_by_text("The curl command was copied")).to_be_visible()
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command.replace(" \\\n ", "") == (
        "curl -sS --aws-sigv4 'aws:amz:us-east-1:execute-api'"
        ' --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
        " 'https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/records"
        "?createdAfter=2026-01-31T09%3A30%3A00.000Z&limit=100&type=it%27s'"
    )


def test_curl_is_copied_after_a_failed_start(context: BrowserContext, visit: Visit) -> None:
    """The page asks again for what it needs to know of the service."""
    place = "**/viewer/session"
    error = '{"type":"urn:records-viewer:no-response","remedy":"Run scripts/up."}'
    context.route(place, lambda route: route.fulfill(status=502, body=error))
    page = visit()
    page.keyboard.press("c")
    expect(page.get_by_text("Nothing was copied. The API does not respond")).to_be_visible()
    context.unroute(place)
    page.keyboard.press("c")
    expect(page.get_by_text("The curl command was copied")).to_be_visible()


def test_keyboard_alone_opens_and_closes_records(api: FakeApi, visit: Visit, shot: Shot) -> None:
    for number in range(3):
        api.add(message=f"number {number}", at=time.time() - number)
    page = visit()
    expect(page.locator(".list-body .row")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="number 1")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="number 0")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("The open record")).to_be_hidden()
    assert page.evaluate("() => document.activeElement.textContent").endswith("number 0alice")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    shot(page)
    page.get_by_label("Use single keys as shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.get_by_role("dialog")).to_be_hidden()
