"""`records list`, `create` and `update`: times, pages, formats, columns and bodies."""

import io
import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from records_cli import bodies, columns, entry_table, jsontext, moments, output
from records_cli.client import Response
from records_cli.formats import Format
from unit.test_records_cli import Api, api, run

__all__ = ["api"]  # a fixture

NOW = datetime(2026, 3, 29, 12, 30, 15, 500_000, UTC)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone that changes to summer time on the day of NOW."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2h", "2026-03-29T10:30:15.499Z", "2026-03-29T10:30:15.500Z"),
        ("1w1d1h1m1s", "2026-03-21T11:29:14.499Z", "2026-03-21T11:29:14.500Z"),
        ("now", "2026-03-29T12:30:15.499Z", "2026-03-29T12:30:15.500Z"),
        ("today", "2026-03-28T22:59:59.999Z", "2026-03-29T22:00:00.000Z"),
        ("yesterday", "2026-03-27T22:59:59.999Z", "2026-03-28T23:00:00.000Z"),
        ("2026-01-31", "2026-01-30T22:59:59.999Z", "2026-01-31T23:00:00.000Z"),
        ("2026-01-31T09:30", "2026-01-31T08:29:59.999Z", "2026-01-31T08:30:00.000Z"),
        ("2026-07-31 09:30", "2026-07-31T07:29:59.999Z", "2026-07-31T07:30:00.000Z"),
        ("2026-01-31T09:30:00+05:30", "2026-01-31T03:59:59.999Z", "2026-01-31T04:00:00.000Z"),
        ("2026-01-31T09:30:00.25Z", "2026-01-31T09:30:00.249Z", "2026-01-31T09:30:00.250Z"),
    ],
)
def test_times_are_inclusive_and_days_are_local(text: str, since: str, until: str) -> None:
    assert (moments.since(text, NOW), moments.until(text, NOW)) == (since, until)


def record(number: int, **fields: object) -> dict[str, Any]:
    return {
        "recordID": f"r{number}",
        "createdAt": "2026-01-31T09:30:00.000Z",
        "type": "check",
        "status": "ok",
        "attributes": {},
        "version": 1,
        **fields,
    }


def serve(api: Api, *pages: list[dict[str, Any]]) -> None:
    """Let the API answer with these pages in turn; their cursors are c1, c2, ..."""
    remaining = list(enumerate(pages, 1))

    def note(*call: Any) -> Response:
        Api.note(api, *call)
        number, records = remaining.pop(0)
        body: dict[str, object] = {"records": records}
        if remaining:
            body["next"] = f"c{number}"
        return Response(200, {}, json.dumps(body).encode())

    vars(api)["note"] = note


def sent(api: Api) -> list[tuple[str | None, str]]:
    """Return the cursor and the limit of each request."""
    queries = [call[3]["query"] for call in api.calls]
    return [(query.get("cursor"), query["limit"]) for query in queries]


def test_limit_counts_records_over_short_pages(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(api, [record(1)], [], [record(2), record(3)], [record(4)])
    assert run(monkeypatch, "list", "--limit", "3", "-o", "ids") == 0
    printed = capsys.readouterr()
    assert printed.out.split() == ["r1", "r2", "r3"]
    assert printed.err == "more: --cursor c3, or --all\n"
    assert sent(api) == [(None, "3"), ("c1", "2"), ("c2", "2")]


def test_all_reads_every_page(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(api, [record(1)], [record(2)], [record(3)])
    assert run(monkeypatch, "list", "--all", "-o", "ids") == 0
    assert capsys.readouterr() == ("r1\nr2\nr3\n", "")
    assert sent(api) == [(None, "1000"), ("c1", "1000"), ("c2", "1000")]
    serve(api, [])
    assert run(monkeypatch, "list", "-o", "table") == 0
    assert capsys.readouterr().err == "no records match\n"


def test_failure_after_a_page_says_how_to_continue(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(api, [record(1)], [])
    page = api.note
    statuses = iter([503, 404, 302])
    pauses: list[float] = []

    def note(*call: Any) -> Response:
        return Response(next(statuses), {}, b"{}") if api.calls else page(*call)

    monkeypatch.setattr(api, "note", note)
    monkeypatch.setattr("time.sleep", pauses.append)
    assert run(monkeypatch, "list", "--all", "-o", "ids") == 5
    assert "to continue: --cursor c1" in capsys.readouterr().err
    assert len(pauses) == 1
    assert run(monkeypatch, "list", "--cursor", "c1") == 1
    assert "to continue" not in capsys.readouterr().err


def test_json_is_one_document_with_the_next_cursor(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(api, [record(1)], [record(2, message="a\nb")], [])
    assert run(monkeypatch, "list", "--limit", "2") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "records": [record(1), record(2, message="a\nb")],
        "next": "c2",
    }
    assert printed.err == ""
    serve(api, [])
    assert run(monkeypatch, "list", "--all") == 0
    assert json.loads(capsys.readouterr().out) == {"records": []}


CSV_HEADER = (
    "recordID,createdAt,updatedAt,updatedBy,submittedBy,type,status,message,attributes,version"
)
ATTRIBUTES = '{"a":{"b":{"c":2}},"a.b":{"c":[1,null]},"h":"x","n":1.10}'
QUOTED = '"' + ATTRIBUTES.replace('"', '""') + '"'  # in CSV
RECORD_TEXT = f'{{"recordID":"r1","type":"a,b","attributes":{ATTRIBUTES}}}'
RECORD = jsontext.parse(RECORD_TEXT)


@pytest.mark.parametrize(
    ("form", "names", "lines"),
    [
        (Format.NDJSON, (), [RECORD_TEXT]),
        (Format.NDJSON, ("type", "attributes.n", "absent"),
         ['{"type":"a,b","attributes.n":1.10,"absent":null}']),
        (Format.CSV, ("type", "attributes.n", "attributes.h.x", "attributes.a.b.c"),
         ["type,attributes.n,attributes.h.x,attributes.a.b.c", '"a,b",1.10,,"[1,null]"']),
        (Format.CSV, (),
         [CSV_HEADER,
          'r1,,,,,"a,b",,,' + QUOTED + ","]),
        (Format.TABLE, ("type", "attributes.n"), ["type  attributes.n", "a,b   1.10"]),
    ],
)  # fmt: skip
def test_formats_keep_numbers_and_select_columns(
    form: Format, names: tuple[str, ...], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    writer = output.RecordWriter(form, names)
    writer.write([RECORD])
    writer.end(None)
    assert capsys.readouterr().out.splitlines() == lines


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, stream: str = "stdout") -> Terminal:
    """Replace a standard stream by a terminal, 60 columns wide, which wants colors."""
    terminal = Terminal()
    monkeypatch.setattr(sys, stream, terminal)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return terminal


def test_table_fits_the_terminal_and_keeps_ids_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    table = columns.TableWriter(("recordID", "status", "message"))
    identifier = "019c1363-49c0-7000-8000-000000000000"
    table.write([[identifier, "ok", "語" * 30], [identifier, "ok", "short"]])
    table.write([[identifier, "a longer status", "x"]])
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in terminal.getvalue().splitlines()]
    assert lines[1] == f"{identifier}  ok      {'語' * 6}…"
    assert [line[:36] for line in lines[1:]] == [identifier] * 3
    assert lines[3].split("  ")[1] == "a lon…"
    narrow = columns._widths([["x" * 36, "y" * 20, "z" * 30]], 70)
    assert narrow == [36, 20, 10]
    assert columns._widths([["x" * 36, "y" * 20, "z" * 30]], 60) == [36, 12, 8]
    assert columns._widths([["x" * 36, "y" * 20, "z" * 30]], 20) == [36, 8, 8]


def test_narrow_tables_leave_columns_out_and_keep_times_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    identifier, caller = "019c1363-49c0-7000-8000-000000000000", "arn:aws:iam::1:user/some-caller"
    writer = output.RecordWriter(Format.TABLE)
    writer.write([record(1, recordID=identifier, type="certificate-check", message="m" * 50)])
    entry = {
        "recordID": identifier, "version": 2, "change": "update", "changedBy": caller,
        "changedAt": "2026-01-31T09:30:00.000Z", "requestId": identifier,
        "record": {"type": "certificate-check", "status": "ok"},
    }  # fmt: skip
    entry_table.table(entry_table.HISTORY)([entry])
    entry_table.table(entry_table.FEED)([entry])
    lines = [re.sub(r"\x1b\[\d*m", "", line) for line in terminal.getvalue().splitlines()]
    assert lines[1::2] == [
        f"{identifier}  2026-01-31T09:30:00Z  certificate…  ok",
        f"2        update  2026-01-31T09:30:00Z  {caller}  certifi…",
        f"{identifier}  update  2026-01-31T09:30:00Z  …some-caller",
    ]
    assert all(len(line) <= 80 for line in lines)
    assert [line.partition(";")[0] for line in capsys.readouterr().err.splitlines()] == [
        "columns without room: message",
        "columns without room: requestId",
        "columns without room: requestId, content, version",
    ]


@pytest.mark.parametrize(
    ("variable", "has_color"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colors_are_for_terminals_that_want_them(
    variable: dict[str, str],
    has_color: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = on_terminal(monkeypatch)
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    columns.TableWriter(("type",)).write([["x"]])
    assert ("\x1b[1m" in terminal.getvalue()) is has_color
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    columns.TableWriter(("type",)).write([["x"]])
    assert "\x1b" not in pipe.getvalue()


def test_records_cannot_control_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    hostile = {"recordID": "r", "message": "\x1b]0;x\x07\n\u202eabc\x9b2J"}
    for form in (Format.TABLE, Format.JSON, Format.NDJSON):
        writer = output.RecordWriter(form, ("recordID", "message"))
        writer.write([hostile])
        writer.end(None)
    text = re.sub(r"\x1b\[\d*m", "", terminal.getvalue())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert r"\x1b]0;x\x07\n\u202eabc\x9b2J" in text
    assert json.loads(text.splitlines()[-1]) == hostile


def test_a_terminal_gets_a_table(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    serve(api, [record(1)])
    assert run(monkeypatch, "list") == 0
    assert terminal.getvalue().splitlines()[1].split() == [
        "r1", "2026-01-31T09:30:00Z", "check", "ok",
    ]  # fmt: skip


def test_attributes_are_text_or_json_at_a_path() -> None:
    body: bodies.Body = {"attributes": {"keep": "x"}}
    assignments = ["a=1=2", "n:=1.10", "o.p.q:=[true]", r"dotted\.name=x", "url:=null", "e="]
    bodies.add_attributes(body, assignments)
    bodies.add_removals(body, ["message", "attributes.old", r"attributes.x\.y"])
    assert jsontext.compact(body) == (
        '{"attributes":{"keep":"x","a":"1=2","n":1.10,"o":{"p":{"q":[true]}},"dotted.name":"x",'
        '"url":null,"e":"","old":null,"x.y":null},"message":null}'
    )


@pytest.mark.parametrize("source", ["-", "file"])
def test_create_takes_a_file_and_options_replace_its_fields(
    source: str, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = '\ufeff{"type": "a", "status": "b", "attributes": {"n": 1.10}}'.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    if source == "file":
        source = str(tmp_path / "body.json")
        Path(source).write_bytes(content)
    bodies_sent: list[bytes] = []

    def note(_: object, __: object, request: dict[str, Any]) -> Response:
        bodies_sent.append(request["body"])
        return Response(201, {}, b"{}")

    monkeypatch.setattr(api, "note", note)
    assert run(monkeypatch, "create", "-f", source, "--status", "c", "--attr", "x=y") == 0
    assert bodies_sent == [b'{"type":"a","status":"c","attributes":{"n":1.10,"x":"y"}}']


def test_create_can_be_repeated_after_an_unknown_outcome(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its random key is printed; one that is passed is sent unchanged."""
    api.response = Response(503, {}, b'{"type": "urn:records-api:outcome-unknown"}')
    arguments = ("create", "--type", "a", "--status", "b")
    assert run(monkeypatch, *arguments) == 8
    assert run(monkeypatch, *arguments) == 8
    keys = [call[3]["headers"]["Idempotency-Key"] for call in api.calls]
    assert len(set(keys)) == 2
    assert f"fix: repeat the command with --key {keys[1]}" in capsys.readouterr().err
    assert run(monkeypatch, *arguments, "--key", "k") == 8
    assert api.calls[-1][3]["headers"] == {"Idempotency-Key": "k"}


def test_progress_is_shown_on_a_terminal_only(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(api, [record(1)], [record(2)])
    terminal = on_terminal(monkeypatch, "stderr")
    assert run(monkeypatch, "list", "--all", "-o", "ndjson") == 0
    assert terminal.getvalue().split("\r\x1b[K") == ["", "1 records", "2 records", ""]
    assert len(capsys.readouterr().out.splitlines()) == 2
