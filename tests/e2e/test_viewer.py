"""The viewer against the whole stack: signed requests, the real history, and a conflict."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from e2e.support import created, unique
from lib import browser as installed
from lib.client import Caller
from lib.stack import Stack
from records_cli.app_options import Role
from viewer.browsers import launch, serving


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    if installed.find() is None and "CI" not in os.environ:
        pytest.skip(installed.missing())
    known: dict[str, Any] = stack.connection()
    callers = {role: Caller(known["records_url"], known["region"], **known[role]) for role in Role}
    with launch() as browser, serving(callers) as server:
        page = browser.new_page(reduced_motion="reduce")
        page.goto(server.site.link)
        yield page


def test_viewer_reads_writes_and_verifies(page: Page, writer: Caller) -> None:
    kind = unique("viewer's type / ü")
    record, tag = created(writer, type=kind, message="first", attributes={"exact": 1e20})
    page.get_by_text("Type", exact=True).first.click()
    page.get_by_role("textbox", name="Type").fill(kind)
    page.keyboard.press("Enter")
    page.get_by_role("row", name="first").click()
    expect(page.get_by_role("heading", name="first")).to_be_visible(timeout=15_000)
    page.keyboard.press("e")
    page.get_by_label("Message").fill("mine")
    path = f"/{record['recordID']}"
    body = {"message": "theirs", "status": "taken"}
    assert writer.call("PATCH", path, body=body, headers={"If-Match": tag}).status == 200
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Someone else was faster")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Save my changes on top").click()
    expect(page.get_by_text("The change was saved")).to_be_visible(timeout=15_000)
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_text("Chain intact")).to_be_visible(timeout=30_000)
    expect(page.locator(".change")).to_have_count(3)
    expect(page.locator(".change").first).to_contain_text("updated by records-local-writer")
    now = writer.call("GET", path).json()
    assert (now["message"], now["status"], now["version"]) == ("mine", "taken", 3)
