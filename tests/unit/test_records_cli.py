"""The command line `records`, from arguments to output."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lib import records, venvs
from lib.paths import ROOT
from records_api import __version__
from records_cli import app, exit_codes, local, service
from records_cli.client import Caller, Response

CONNECTION = {
    "records_url": "http://127.0.0.1:1/records",
    "region": "us-east-1",
    "reader": {"access_key_id": "reader", "secret_access_key": "x"},
    "writer": {"access_key_id": "writer", "secret_access_key": "y"},
    "auditor": {"access_key_id": "auditor", "secret_access_key": "z"},
}
ENTRY = (
    b'{"recordID":"r","version":2,"change":"update","changedAt":"2026-01-31T09:30:00.000Z",'
    b'"changedBy":"alice","requestId":"q","record":{"type":"t","status":"[ok] :smile:",'
    b'"attributes":{"exact":1.10}},"settled":false}'
)


class Api:
    """A stub for signed calls: records them and returns `response`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.response = Response(200, {}, b'{"records": [], "history": [], "changes": []}')

    def note(self, caller: Caller, arguments: tuple[str, ...], request: dict[str, Any]) -> Response:
        method, *path = arguments
        if isinstance(body := request.get("body"), bytes):
            request = {**request, "body": json.loads(body)}
        # As it follows /records: only /changes is beside it.
        place = f"{caller.url}{''.join(path)}".removeprefix("http://127.0.0.1:1")
        place = place.removeprefix("/records")
        self.calls.append((caller.access_key_id, method, place, request))
        return self.response


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    (tmp_path / "connection.json").write_text(json.dumps(CONNECTION))
    monkeypatch.setenv(local.VARIABLE, str(tmp_path / "connection.json"))
    stub = Api()

    def call(caller: Caller, *arguments: str, **request: Any) -> Response:
        return stub.note(caller, arguments, request)

    monkeypatch.setattr(Caller, "call", call)
    for name in (service.URL, service.CONTEXT):
        monkeypatch.delenv(name, raising=False)
    return stub


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `records` in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["records", *arguments])
    with pytest.raises(SystemExit) as exit_:
        app.main()
    return int(exit_.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["list", "--status", ""],
         ("reader", "GET", "", {"query": {"status": "", "limit": "100"}})),
        (["list", "--created-after", "a", "--createdBefore", "b", "--limit", "5", "--cursor", "c"],
         ("reader", "GET", "", {"query": {"createdAfter": "a", "createdBefore": "b",
                                          "limit": "5", "cursor": "c"}})),
        (["list", "--type", "t", "--submitted-by", "s", "--order", "asc", "--all"],
         ("reader", "GET", "",
          {"query": {"type": "t", "submittedBy": "s", "order": "asc", "limit": "1000"}})),
        (["--as", "writer", "get", "x"], ("writer", "GET", "/x", {})),
        (["create", "--type", "", "--status", "ok", "--key", "", "--attributes", '{"a": 1}'],
         ("writer", "POST", "", {"body": {"type": "", "status": "ok", "attributes": {"a": 1}},
                                 "headers": {"Idempotency-Key": ""}})),
        (["update", "a/b", "--message", "", "--if-match", ""],
         ("writer", "PATCH", "/a%2Fb", {"body": {"message": ""}, "headers": {"If-Match": ""}})),
        (["update", "x", "--status", "s", "--if-match", "3-0a1b2c3d4e5f"],
         ("writer", "PATCH", "/x",
          {"body": {"status": "s"}, "headers": {"If-Match": '"3-0a1b2c3d4e5f"'}})),
        (["delete", "x"], ("writer", "DELETE", "/x", {"headers": {}})),
        (["history", "a/b", "-o", "json"], ("auditor", "GET", "/a%2Fb/history", {"query": {}})),
        (["history", "x", "--order", "asc", "--limit", "5", "--cursor", "c"],
         ("auditor", "GET", "/x/history",
          {"query": {"order": "asc", "limit": "5", "cursor": "c"}})),
        (["--as", "reader", "changes", "-o", "json"],
         ("reader", "GET", "/changes", {"query": {}})),
        (["changes", "--since", "2026-01-31T09:30:00Z", "--limit", "5", "--unsettled"],
         ("auditor", "GET", "/changes",
          {"query": {"since": "2026-01-31T09:29:59.999Z", "limit": "5", "unsettled": "true"}})),
        (["changes", "--cursor", ""], ("auditor", "GET", "/changes", {"query": {"cursor": ""}})),
        (["restore", "a/b", "3", "--if-match", ""],
         ("writer", "POST", "/a%2Fb/restore",
          {"body": {"version": 3}, "headers": {"If-Match": ""}})),
    ],
)  # fmt: skip
def test_options_are_sent_even_if_empty(
    arguments: list[str], call: tuple[Any, ...], api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, *arguments) == 0
    assert api.calls == [call]


def test_record_goes_to_stdout_and_headers_to_stderr(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"etag": '"7"', "idempotency-replayed": "true", "date": "today"}
    api.response = Response(200, headers, b'{"type": "\\u00e4", "attributes": {"exact": 1.10}}')
    assert run(monkeypatch, "get", "x") == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == ['etag: "7"', "idempotency-replayed: true"]
    assert printed.out == '{\n  "type": "ä",\n  "attributes": {\n    "exact": 1.10\n  }\n}\n'


@pytest.mark.parametrize(
    ("verb", "members"),
    [(["history", "r"], ["next: c"]), (["changes"], ["caughtUp: true", "next: c"])],
)
def test_entries_are_a_table_with_the_cursor_on_stderr(
    verb: list[str],
    members: list[str],
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caught_up = b'"caughtUp":true,' if verb == ["changes"] else b""
    body = b'{"%s":[%s],%s"next":"c"}' % (verb[0].encode(), ENTRY, caught_up)
    api.response = Response(200, {}, body)
    assert run(monkeypatch, *verb, "-o", "table") == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines() == members
    header, row = (line.split() for line in printed.out.splitlines())
    names = ["version", "change", "changedAt", "changedBy", "requestId", "content"]
    cells = [
        "2", "update", "2026-01-31T09:30:00.000Z", "alice", "q",
        "t", "[ok]", ":smile:", "-;", "not", "settled",
    ]  # fmt: skip
    # A history is of one record.
    expected = (["recordID", *names], ["r", *cells]) if verb == ["changes"] else (names, cells)
    assert (header, row) == expected
    assert run(monkeypatch, *verb) == 0
    assert '"exact": 1.10' in capsys.readouterr().out


def test_changes_that_are_not_settled_yet_are_explained(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api.response = Response(200, {}, b'{"changes":[],"next":"c","caughtUp":true}')
    for form in ("table", "json"):
        assert run(monkeypatch, "changes", "-o", form) == 0
        assert "--unsettled shows it at once" in capsys.readouterr().err
    assert run(monkeypatch, "changes", "--unsettled") == 0
    assert capsys.readouterr().err == ""


def test_delete_says_what_it_deleted(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api.response = Response(204, {}, b"")
    assert run(monkeypatch, "delete", "x") == 0
    assert capsys.readouterr() == ("", "deleted: x; its versions: records history x\n")


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["create", "--status", "ok"], (2, "error: --type missing")),
        (["create"], (2, "error: --type and --status missing")),
        (["update", "x"], (2, "error: there is nothing to change")),
        (["update", "x", "--remove", "attributes."], (2, "is not a field")),
        (["update", "x", "--attr", "a"], (2, "--attr 'a' is not an assignment")),
        (["update", "x", "--attr", "=a"], (2, "--attr '=a' is not an assignment")),
        (["update", "x", "--attr", "a:=b"], (2, "--attr 'a:=b' has no JSON value")),
        (["update", "x", "--attr", "a=b", "--attr", "a.c=d"], (2, "a is not an object")),
        (["update", "x", "--attributes", "[]"], (2, "--attributes is not a JSON object")),
        (["update", "x", "-f", "/absent"], (2, "/absent can't be read")),
        (["list", "--since", "noon"], (2, "--since: 'noon' is not a time")),
        (["list", "--until", "2026-02-30"], (2, "--until: '2026-02-30' is not a time")),
        (["list", "--since", "99999999w"], (2, "is not a time")),
        (["list", "--since", "1h", "--created-after", "x"], (2, "exclude each other")),
        (["list", "--since", "2h", "--until", "3h"], (2, "--since 2h is later than --until 3h")),
        (["list", "--limit", "0"], (2, "Invalid value for '--limit'")),
        (["list", "--order", "up"], (2, "'up' is not")),
        (["list", "--columns", "type,"], (2, "--columns has an empty name")),
        (
            ["list", "--columns", "typ,attributes.x"],
            (2, "--columns: records have no typ\n  fix: use recordID, createdAt,"),
        ),
        (["tail", "--columns", "stauts"], (2, "--columns: records have no stauts")),
        (["list", "--columns", "type", "-o", "ids"], (2, "-o ids has no --columns")),
        (["list", "--stauts", "ok"], (2, "No such option: --stauts")),
        (["--as", "root", "list"], (2, "'root' is not")),
        (["create", "--type", "a", "--status", "b", "--attributes", "{"], (2, "is not JSON")),
        (["update", "r", "--attributes", "{"], (2, "fix: quote it for the shell")),
        (["create", "-f", __file__], (2, "fix: correct the file")),
        (["history"], (2, "Missing argument 'RECORD_ID'")),
        (["history", "r", "-o", "yaml"], (2, "'yaml' is not")),
        (["restore", "r", "one"], (2, "Invalid value for '")),
        (["verify"], (2, "pass record IDs, or --all, or --seal FILE alone")),
        (["verify", "r", "--all"], (2, "pass record IDs, or --all, or --seal FILE alone")),
        (["verify", "--seal", "/absent"], (2, "/absent can't be read")),
        (["seal"], (2, "Missing option '-o'")),
        (["seal", "-o", "/"], (2, "/ exists")),
    ],
)
def test_invalid_options_are_rejected_before_a_call(
    arguments: list[str],
    result: tuple[int, str],
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, problem = result
    assert run(monkeypatch, *arguments) == code
    assert problem in capsys.readouterr().err
    assert api.calls == []


def imported_by(*arguments: str, connection: Path | str = "") -> set[str]:
    """Return the modules that `records` has imported when it ends."""
    code = (
        "import sys\n"
        "from records_cli import app\n"
        "try: app.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PYTHONPATH": str(ROOT / "scripts"), local.VARIABLE: str(connection)},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(completed.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["help", "exit-codes"]])
def test_help_imports_nothing_slow(arguments: list[str]) -> None:
    slow = {"asyncio", "botocore", "email", "http", "importlib.metadata", "json", "rich", "ssl"}
    assert not imported_by(*arguments) & (
        slow | {"csv", "sqlite3", "socket", "hashlib", "pydantic"}
    )


def test_a_call_imports_no_more_of_botocore_than_signing(tmp_path: Path) -> None:
    """The keys of a local stack are in a file: the search for credentials is not needed."""
    connection = tmp_path / "connection.json"
    connection.write_text(json.dumps(CONNECTION))
    imported = imported_by("get", "x", connection=connection)
    assert {"botocore.auth", "http.client"} <= imported
    assert not imported & {
        "botocore.session",
        "botocore.client",
        "rich",
        "sqlite3",
        "asyncio",
        "pydantic",
    }


def test_shell_completion_knows_verbs_options_and_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run(monkeypatch, "context", "add", "prod", "--url", "https://h") == 0
    for words, word in [
        ("ve", "verify"),
        ("list --cre", "--created-after"),
        ("--context p", "prod"),
    ]:
        capsys.readouterr()
        monkeypatch.setenv("_RECORDS_COMPLETE", "complete_zsh")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"records {words}")
        assert run(monkeypatch) == 0
        assert f'"{word}"' in capsys.readouterr().out
        monkeypatch.delenv("_RECORDS_COMPLETE")


def commands(group: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of each verb, such as ("context", "add")."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name)


def test_every_verb_is_documented() -> None:
    rows = re.findall(r"^\| (`.*?`) \|", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    documented = sorted(verb.strip("`") for row in rows for verb in row.split(", "))
    assert documented == sorted({verb[0] for verb in commands(typer.main.get_command(app.app))})


def test_every_verb_has_examples_and_kebab_case_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs = list(commands(typer.main.get_command(app.app)))
    assert {("list",), ("doctor",), ("context", "add")} <= set(verbs)
    for verb in verbs:
        assert run(monkeypatch, *verb, "--help") == 0
        text = capsys.readouterr().out
        assert re.search(rf"Examples?:\n +.*records {' '.join(verb)}", text), verb
        assert not re.findall(r"--\w*[A-Z_]\w*", text), verb


def test_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"records {__version__}\n"


def test_entry_point_is_the_tested_function() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["records"].partition(":")
    assert (module, getattr(app, function)) == ("records_cli.app", app.main)


def test_exit_codes_are_printed_and_documented(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"| {code:d} | {meaning} |" for code, meaning in exit_codes.MEANINGS.items()]
    assert set(exit_codes.MEANINGS) == set(exit_codes.Exit)
    assert (ROOT / "docs" / "cli.md").read_text().rstrip().splitlines()[-len(rows) :] == rows
    assert run(monkeypatch, "help", "exit-codes") == 0
    assert capsys.readouterr().out.split() == exit_codes.table().split()
    assert run(monkeypatch, "help") == 0
    assert "Examples:" in capsys.readouterr().out


def test_script_prints_its_installation_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(venvs, "run_in", lambda *_: print("installing"))
    monkeypatch.setattr(app, "main", lambda: print("output"))
    monkeypatch.setenv(local.VARIABLE, "")
    records._verb()
    assert capsys.readouterr() == ("output\n", "installing\n")
