"""A browser, and a viewer of a fake API for each test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from lib import browser as installed
from lib.paths import LOCAL
from records_cli.viewer.server import Server
from viewer.browsers import launch, serving
from viewer.fake_api import FakeApi

ARTIFACTS = LOCAL / "viewer"  # screenshots
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if installed.find() is None:
        if "CI" in os.environ:
            pytest.fail("no browser in CI: run scripts/test --only viewer, which installs one")
        pytest.skip(installed.missing())
    with launch() as browser:
        yield browser


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def server(api: FakeApi) -> Iterator[Server]:
    with serving(api) as server:
        yield server


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 800},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, server: Server) -> Iterator[Visit]:
    """A function that opens a page of the viewer; errors of its scripts fail the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Chromium also logs each response with an error status.
        if message.type == "error" and "Failed to load resource" not in message.text:
            errors.append(message.text)

    def open_page(path: str = "/", *, first: bool = True) -> Page:
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
        if first:
            page.goto(server.site.link)
        page.goto(f"http://127.0.0.1:{server.site.port}{path}")
        return page

    yield open_page
    assert not errors


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[..., Path]:
    """A function that keeps a screenshot of a page in .local/viewer."""

    def save(page: Page, name: str = "") -> Path:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTIFACTS / f"{request.node.name}{'-' if name else ''}{name}.png"
        page.screenshot(path=path)
        return path

    return save
