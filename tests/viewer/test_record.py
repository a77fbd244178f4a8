"""A record: its attributes, history and chain; writing, and who was faster."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from records_cli import jsontext
from viewer import samples
from viewer.conftest import Visit
from viewer.fake_api import BOB, FakeApi, problem

Shot = Callable[..., Path]


def opened(page: Page, record_id: str, view: str = "") -> None:
    """Open a record by its URL."""
    suffix = f"&view={view}" if view else ""
    page.goto(f"{page.url.partition('?')[0]}?record={record_id}{suffix}")
    expect(page.locator(".tabs")).to_be_visible()


def test_history_shows_who_changed_what(api: FakeApi, visit: Visit, shot: Shot) -> None:
    record_id = samples.incident(api)
    page = visit()
    opened(page, record_id, "history")
    expect(page.get_by_text("Chain intact")).to_be_visible()
    versions = page.locator(".change")
    assert versions.locator(".version").all_inner_texts() == ["v4", "v3", "v2", "v1"]
    newest = versions.nth(0)
    expect(newest).to_contain_text("updated by Deploy/bob")
    status = newest.locator("li", has_text="status")
    assert status.locator("del").inner_text().endswith("pending")
    assert status.locator("ins").inner_text().endswith("done")
    expect(newest.locator("li", has_text="attributes.minutes").locator("del")).to_have_count(0)
    expect(newest.locator(".path", has_text="database")).to_have_count(0)
    shot(page)


def test_tampered_version_is_named(api: FakeApi, visit: Visit, shot: Shot) -> None:
    record_id = samples.incident(api)
    api.entries[record_id][1]["changedBy"] = BOB
    page = visit()
    opened(page, record_id, "history")
    expect(page.get_by_text("Chain damaged")).to_be_visible()
    damaged = page.locator(".change[data-damaged]")
    expect(damaged).to_have_count(1)
    expect(damaged).to_contain_text("v2")
    expect(damaged).to_contain_text("its hash does not match its fields")
    shot(page)


def test_history_without_permission_says_so(api: FakeApi, visit: Visit) -> None:
    record_id = samples.incident(api)
    page = visit()
    forbidden = problem(403, "x", "")
    api.fault = lambda _, path: (
        forbidden.__class__(403, {}, b'{"message":"Forbidden"}') if "history" in path else None
    )
    opened(page, record_id, "history")
    expect(page.get_by_text("Your credentials do not allow this")).to_be_visible()
    expect(page.get_by_text("The history is for auditors")).to_be_visible()
    page.get_by_role("tab", name="Record").click()
    expect(page.get_by_text("db-09", exact=True)).to_be_visible()


def test_create_survives_a_lost_response(
    api: FakeApi, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit()
    page.get_by_role("button", name="New record").first.click()
    page.get_by_label("Type").fill("note")
    page.get_by_label("Status", exact=True).fill("open")
    page.get_by_role("textbox", name="Attributes").fill('{"exact": 12345678901234567890.50')
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    page.get_by_role("textbox", name="Attributes").fill('{"exact": 12345678901234567890.50}')
    lost = api._create

    def lose(sent: object, headers: dict[str, str]) -> object:
        lost(sent, headers)
        monkeypatch.setattr(api, "_create", lost)
        return problem(503, "outcome-unknown", "The database did not confirm the change.")

    monkeypatch.setattr(api, "_create", lose)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The change may or may not have been made")).to_be_visible()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The record was created")).to_be_visible()
    [record] = api.records.values()
    assert jsontext.canonical(record["attributes"]) == '{"exact":12345678901234567890.50}'
    expect(page.get_by_text("12345678901234567890.50")).to_be_visible()


def test_edit_sends_only_what_changed(api: FakeApi, visit: Visit) -> None:
    record_id = api.add(
        message="line one\r\nline two", attributes={"big": 10**30, "keep": "x", "gone": 1}
    )
    page = visit()
    opened(page, record_id)
    page.keyboard.press("e")
    page.get_by_label("Status", exact=True).fill("done")
    attributes = page.get_by_role("textbox", name="Attributes")
    attributes.fill(attributes.input_value().replace('"gone": 1,', "").replace('"x"', '"y"'))
    page.get_by_role("button", name="Copy as curl").last.click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The change was saved")).to_be_visible()
    record = api.records[record_id]
    assert record["message"] == "line one\r\nline two"
    assert jsontext.canonical(record["attributes"]) == f'{{"big":{10**30},"keep":"y"}}'
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert '{"status":"done","attributes":{"gone":null,"keep":"y"}}' in command.replace("\\\n", "")
    assert 'If-Match: "1-' in command


def test_null_that_a_patch_cannot_store_is_refused(api: FakeApi, visit: Visit) -> None:
    record_id = api.add(attributes={"a": 1})
    page = visit()
    opened(page, record_id)
    page.keyboard.press("e")
    page.get_by_role("textbox", name="Attributes").fill('{"a": null}')
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("An update can't store null in attributes.a")).to_be_visible()
    assert not [call for call in api.calls if call.startswith("PATCH")]


def test_edit_conflict_shows_both_changes(api: FakeApi, visit: Visit, shot: Shot) -> None:
    record_id = api.add(status="running", message="before", attributes={"a": 1})
    page = visit()
    opened(page, record_id)
    page.keyboard.press("e")
    page.get_by_label("Message").fill("mine")
    api.change(record_id, by=BOB, message="theirs", status="failed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Someone else was faster")).to_be_visible()
    assert api.records[record_id]["message"] == "theirs"
    table = page.get_by_role("dialog").get_by_role("table")
    expect(table.get_by_role("row", name="message")).to_contain_text("theirs")
    expect(table.get_by_role("row", name="message")).to_contain_text("mine")
    expect(table.get_by_role("row", name="status")).to_contain_text("unchanged")
    expect(page.get_by_role("dialog")).to_contain_text("Deploy/bob")
    shot(page)
    page.get_by_role("button", name="Save my changes on top").click()
    expect(page.get_by_text("The change was saved")).to_be_visible()
    record = api.records[record_id]
    assert (record["message"], record["status"], record["version"]) == ("mine", "failed", "3")


def test_restore_conflict_is_shown(api: FakeApi, visit: Visit, shot: Shot) -> None:
    record_id = samples.incident(api)
    page = visit()
    opened(page, record_id, "history")
    oldest = page.locator(".change", has_text="v1")
    oldest.get_by_role("button", name="Restore this version").click()
    dialog = page.get_by_role("dialog", name="Restore version 1")
    expect(dialog).to_contain_text("Version 1 becomes version 5")
    api.change(record_id, by=BOB, status="reopened")
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog).to_contain_text("Someone else was faster")
    expect(dialog).to_contain_text("reopened")
    assert api.records[record_id]["version"] == "5"
    shot(page)
    dialog.get_by_role("button", name="Restore anyway").click()
    expect(page.get_by_text("Version 1 was restored")).to_be_visible()
    assert (api.records[record_id]["status"], api.records[record_id]["version"]) == ("running", "6")
    expect(page.locator(".change").first).to_contain_text("restored by alice")


def test_deleted_record_comes_back(api: FakeApi, visit: Visit) -> None:
    record_id = samples.incident(api)
    api.remove(record_id)
    page = visit()
    opened(page, record_id)
    expect(page.get_by_text("There is no such record")).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.locator(".change").first).to_contain_text("deleted by alice")
    page.locator(".change", has_text="v4").get_by_role("button", name="Restore").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The record is deleted")
    api.call("POST", f"/{record_id}/restore", body={"version": jsontext.Number(1)})
    dialog.get_by_role("button", name="Restore").click()
    expect(dialog).to_contain_text("Someone else was faster")
    dialog.get_by_role("button", name="Restore anyway").click()
    expect(page.get_by_text("Version 4 was restored")).to_be_visible()
    assert (api.records[record_id]["status"], api.records[record_id]["version"]) == ("done", "7")


def test_change_in_another_tab_is_seen(api: FakeApi, visit: Visit) -> None:
    record_id = api.add(status="running", message="shared")
    one = visit(f"/?record={record_id}")
    other = visit(f"/?record={record_id}", first=False)
    expect(other.get_by_role("heading", name="shared")).to_be_visible()
    one.keyboard.press("e")
    one.get_by_label("Status", exact=True).fill("done")
    one.get_by_role("button", name="Save").click()
    expect(one.locator(".panel .status")).to_have_text("done")
    other.keyboard.press("r")
    expect(other.locator(".panel .status")).to_have_text("done")
    expect(other.locator(".list-body .status")).to_have_text("done")
    expect(other.get_by_text("Someone changed this record")).to_be_visible()
