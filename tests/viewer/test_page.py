"""The page as a whole: sessions, failures, hostile content, accessibility and size."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from records_cli.client import Response
from records_cli.viewer.server import Server
from viewer import samples
from viewer.browsers import serving
from viewer.conftest import Visit
from viewer.fake_api import FakeApi, problem

Shot = Callable[..., Path]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}


def test_cookie_is_out_of_reach_of_scripts(api: FakeApi, visit: Visit, server: Server) -> None:
    page = visit()
    assert page.evaluate("() => document.cookie") == ""
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert server.site.token not in page.url
    assert api.calls


def test_policy_stops_inline_code_and_markup(context: BrowserContext, server: Server) -> None:
    page = context.new_page()
    page.goto(server.site.link)
    blocked = page.evaluate("""async () => {
        const found = [];
        const attempt = (name, write) => { try { write(); } catch { found.push(name); } };
        const script = document.createElement('script');
        attempt('script', () => {
            script.textContent = 'window.hacked = true';
            document.body.append(script);
        });
        attempt('markup', () => { document.body.innerHTML = '<b>x</b>'; });
        document.body.setAttribute('style', 'color: red');
        if (getComputedStyle(document.body).color !== 'rgb(255, 0, 0)') found.push('style');
        await fetch('http://127.0.0.1:9/').catch(() => found.push('fetch'));
        return [window.hacked === true, ...found];
    }""")
    assert blocked == [False, "script", "markup", "style", "fetch"]


def test_stale_cookie_says_how_to_go_on(api: FakeApi, browser: Browser, shot: Shot) -> None:
    api.add(message="before")
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    with serving(api) as server:
        port = server.site.port
        page.goto(server.site.link)
        expect(page.get_by_text("before")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_text("The viewer has stopped")).to_be_visible()
    with serving(api, port):
        page.keyboard.press("r")
        expect(page.get_by_text("This page's session has ended")).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("Run `records open` again")
        expect(page.get_by_text("before")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="This browser has no session")).to_be_visible()
        shot(page)
    context.close()


def test_lost_api_keeps_what_is_shown(api: FakeApi, visit: Visit, shot: Shot) -> None:
    api.add(message="kept")
    page = visit()
    expect(page.get_by_text("kept")).to_be_visible()
    api.is_lost = True
    page.keyboard.press("r")
    expect(page.get_by_role("alert")).to_contain_text("The API does not respond")
    expect(page.get_by_text("kept")).to_be_visible()
    expect(page.get_by_text("Not connected")).to_be_visible()
    shot(page)
    api.is_lost = False
    api.add(message="again")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("again")).to_be_visible()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_failed_first_page_can_be_retried(api: FakeApi, visit: Visit, shot: Shot) -> None:
    answer = problem(503, "unavailable", "The database did not respond in time.")
    api.fault = lambda *_: answer
    page = visit()
    expect(page.get_by_text("The database did not respond in time").first).to_be_visible()
    expect(page.get_by_text(answer.json()["requestId"])).to_be_visible()
    shot(page)
    api.fault = lambda *_: None
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("No records yet")).to_be_visible()


def test_expired_credentials_name_the_remedy(api: FakeApi, visit: Visit) -> None:
    api.fault = lambda *_: Response(403, {}, b'{"message":"Forbidden"}')
    page = visit()
    expect(page.get_by_text("Your credentials do not allow this")).to_be_visible()
    expect(page.get_by_text("they may have expired")).to_be_visible()


def test_slow_api_says_that_it_waits(api: FakeApi, visit: Visit, shot: Shot) -> None:
    api.add(message="late")
    api.delay = 3.6
    page = visit()
    expect(page.get_by_text("Still waiting for the API")).to_be_visible()
    shot(page)
    expect(page.get_by_text("late")).to_be_visible()
    api.delay = 0


def test_empty_lists_say_what_to_do(visit: Visit, shot: Shot) -> None:
    page = visit()
    expect(page.get_by_text("No records yet")).to_be_visible()
    shot(page)
    page = visit("/?type=none", first=False)
    expect(page.get_by_text("No records match")).to_be_visible()
    page.get_by_role("button", name="Clear filters").last.click()
    expect(page.get_by_text("No records yet")).to_be_visible()


HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


def test_hostile_content_is_safe_and_legible(api: FakeApi, visit: Visit, shot: Shot) -> None:
    record_id = api.add(
        type=HOSTILE,
        status="ok\u202ederised",
        by=f"arn:aws:iam::1:user/{HOSTILE}",
        message=f"invoice\u202egpj.exe {HOSTILE} \u200b\x00",
        attributes={
            "__proto__": {"polluted": True},
            HOSTILE: "\u2066left\u2069",
            "long": "x" * 65_000,
            "deep": {"a": {"b": {"c": [[[HOSTILE]]]}}},
            "exact": 10**37,
        },
    )
    api.change(record_id, message="z\u0301" * 5000)
    api.change(record_id, message=f"{HOSTILE}\u202e")
    page = visit()
    row = page.locator(".list-body .row")
    expect(row).to_contain_text(HOSTILE)
    expect(row).to_contain_text("U+202E")
    row.click()
    panel = page.get_by_label("The open record")
    expect(panel.locator(".tree").first).to_contain_text("__proto__")
    expect(panel).to_contain_text("U+2066")
    expect(panel).to_contain_text("1" + "0" * 37)
    panel.get_by_role("button", name="Show all 65,000 characters").click()
    expect(panel).to_contain_text("x" * 65_000)
    shot(page, "record")
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("Chain intact")).to_be_visible()
    shot(page, "history")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 720})
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
    assert page.evaluate("() => [window.hacked, {}.polluted]") == [None, None]
    assert page.locator("img, script:not([src='/app.js'])").count() == 0


def test_joiners_of_emoji_and_scripts_stay(api: FakeApi, visit: Visit) -> None:
    api.add(message="\U0001f468\u200d\U0001f469 \u0645\u200c\u06cc a\u200db")
    page = visit()
    message = page.locator(".list-body .message")
    expect(message).to_contain_text("\U0001f468\u200d\U0001f469")
    expect(message).to_contain_text("\u0645\u200c\u06cc")
    expect(message.locator(".hidden-character")).to_have_text(["U+200D"])


def findings(page: Page) -> list[str]:
    """Return what axe-core finds, one line for each element."""
    result = Axe().run(page, options=AXE)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in result.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (360, "dark"),
        pytest.param(1280, "dark", marks=pytest.mark.full),
        pytest.param(360, "light", marks=pytest.mark.full),
    ],
)
def test_no_accessibility_findings(
    api: FakeApi,
    server: Server,
    browser: Browser,
    shot: Shot,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    samples.fill(api, 150)
    record_id = samples.incident(api)
    # The policy of the page would stop axe-core.
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    found: dict[str, list[str]] = {}

    def check(name: str) -> None:
        assert page.evaluate("() => document.documentElement.scrollWidth") == width
        shot(page, name)
        if these := findings(page):
            found[name] = these

    page.goto(server.site.link)
    expect(page.locator(".list-body .row").first).to_be_visible()
    page.locator("#filters summary").first.click()
    check("list")
    page.goto(f"http://127.0.0.1:{server.site.port}/?record={record_id}")
    expect(page.locator(".tree").first).to_be_visible()
    check("record")
    api.entries[record_id][2]["changedBy"] = "someone else"
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("Chain damaged")).to_be_visible()
    check("history")
    page.keyboard.press("e")
    page.get_by_label("Message").fill("mine")
    api.change(record_id, message="theirs")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Someone else was faster")).to_be_visible()
    check("conflict")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    api.is_lost = True
    page.keyboard.press("r")
    expect(page.get_by_role("alert").first).to_be_visible()
    page.goto(f"http://127.0.0.1:{server.site.port}/?type=none")
    expect(page.get_by_text("The API does not respond").first).to_be_visible()
    check("failed")
    context.close()
    assert not found


@pytest.mark.full
def test_hundred_thousand_records_stay_light(api: FakeApi, visit: Visit) -> None:
    """Run with -s to see the figures."""
    now = time.time()
    for number in reversed(range(100_000)):
        api.add(
            at=now - number,
            type=f"type-{number % 7}",
            status=("ok", "failed")[number % 5 == 0],
            message=f"Record number {number} of a long list of records",
            attributes={"host": f"db-{number % 100:02}", "trace": f"{number:0400}"},
        )
    page = visit()
    rows, pane = page.locator(".list-body .row"), page.locator("#list-pane")
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        page.reload()
        expect(rows.first).to_be_visible()
        seconds.append(time.monotonic() - began)
    began = time.monotonic()
    pane.evaluate("""async (pane) => {
        const foot = document.getElementById('list-foot');
        while (!foot.textContent.includes('all loaded')) {
            pane.scrollTop = pane.scrollHeight;
            await new Promise((resolve) => setTimeout(resolve, 5));
        }
    }""")
    everything = time.monotonic() - began
    expect(page.locator(".list-foot")).to_contain_text("100,000 records, all loaded")
    pane.evaluate("(pane) => { pane.scrollTop = pane.scrollHeight; }")
    expect(page.locator(".list-body .row", has_text="number 99999")).to_be_visible()
    assert rows.count() < 60
    tools = page.context.new_cdp_session(page)
    tools.send("HeapProfiler.collectGarbage")
    memory = tools.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    print(
        f"first list: {min(seconds):.2f} s; all records: {everything:.0f} s;"
        f" JavaScript memory: {memory:.0f} MB"
    )
    assert memory < 50
    api.add(message="one more")
    page.keyboard.press("r")
    page.get_by_role("button", name="1 new record above").click()
    expect(page.get_by_text("one more")).to_be_visible()
