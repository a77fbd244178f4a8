"""records export and records import, from arguments to files; also killed and started again."""

import csv
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sized
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lib.paths import ROOT
from records_cli import app, attempts, journal, refusals
from records_cli.client import Response
from unit.fake_service import UNAVAILABLE, Service, in_process, serve

ROWS = [{"type": "t", "status": "ok", "message": f"row {n}"} for n in range(1, 401)]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that the command calls in this process."""
    monkeypatch.chdir(tmp_path)
    return in_process(tmp_path, monkeypatch)


class Result:
    """The exit code and output of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["records", *arguments])
        with pytest.raises(SystemExit) as exit_:
            app.main()
        printed = capfd.readouterr()
        return Result(int(exit_.value.code or 0), printed.out, printed.err)

    return command


def write(name: str, *rows: dict[str, Any]) -> None:
    Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_export_writes_all_matching_records_oldest_first(service: Service, run: Run) -> None:
    for number in range(8):
        service.add(status="ok" if number % 2 else "failed", attributes={"n": number})
    result = run("export", "all.ndjson")
    octets = Path("all.ndjson").read_bytes()
    sha256 = hashlib.sha256(octets).hexdigest()
    assert (result.code, result.out) == (0, f"all.ndjson: 8 records, SHA-256 {sha256}\n")
    assert [json.loads(line) for line in octets.splitlines()] == list(service.records.values())
    run("export", "some.jsonl", "--status", "failed", "--order", "desc")
    lines = Path("some.jsonl").read_text().splitlines()
    assert [json.loads(line)["attributes"]["n"] for line in lines] == [6, 4, 2, 0]


def test_exported_numbers_and_order_are_those_of_the_api(service: Service, run: Run) -> None:
    service.faults = [Response(200, {}, b'{"records":[{"b":1.10,"a":"\\u00e4"}]}')]
    run("export", "all.ndjson")
    assert Path("all.ndjson").read_text() == '{"b":1.10,"a":"ä"}\n'


def test_interrupted_export_says_how_to_continue(service: Service, run: Run) -> None:
    for _ in range(4):
        service.add()
    service.faults = [None, KeyboardInterrupt()]
    result = run("export", "all.ndjson")
    assert result.code == 130
    assert result.err == "error: interrupted\n  fix: run the same command again; it continues\n"
    assert run("export", "all.ndjson").out.startswith("all.ndjson: 4 records")


def test_export_as_csv_has_chosen_columns_and_harmless_cells(service: Service, run: Run) -> None:
    service.add(message="=cmd()", attributes={"host": "db", "n": -1})
    service.add(attributes={"disk": {"free": 0.5}})
    assert run("export", "all.csv").code == 0
    with Path("all.csv").open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert first["message"] == "'=cmd()"
    assert json.loads(first["attributes"]) == {"host": "db", "n": -1}
    assert second["message"] == ""
    columns = "message,attributes.n,attributes.disk.free"
    run("export", "few.csv", "--columns", columns, "--bom", "--no-formula-guard")
    assert Path("few.csv").read_bytes() == f"\ufeff{columns}\r\n=cmd(),-1,\r\n,,0.5\r\n".encode()
    run("export", "none.csv", "--type", "absent", "--columns", "type,status")
    assert Path("none.csv").read_bytes() == b"type,status\r\n"


def test_export_to_stdout_prints_nothing_but_records_there(service: Service, run: Run) -> None:
    service.add()
    result = run("export", "-")
    assert json.loads(result.out)["recordID"] == "r00001"
    assert result.err.startswith("standard output: 1 records, SHA-256 ")


def test_export_retries_and_explains_what_remains(service: Service, run: Run) -> None:
    service.add()
    service.faults = [Response(429, {}, b"{}"), ConnectionResetError("reset")]
    assert run("export", "all.ndjson").code == 0
    service.faults = [Response(403, {}, b'{"message":"Forbidden"}')]
    result = run("export", "more.ndjson")
    assert result.code == 4
    assert result.err.startswith("error: Forbidden (403)\n  service: ")
    assert result.err.endswith("; then run the same command again; it continues\n")
    assert run("export", "more.ndjson").code == 0


@pytest.mark.parametrize("command", [["export", "all.ndjson"], ["import", "rows.ndjson"]])
def test_waiting_for_the_service_is_said(
    command: list[str], service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("rows.ndjson", ROWS[0])
    pauses = iter([0.5, 4, 4])  # the first is too short, and the last too soon after the second
    monkeypatch.setattr(attempts, "pause", lambda *_: next(pauses))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(threading.Event, "wait", lambda *_: False)
    service.faults = [UNAVAILABLE, ConnectionRefusedError("refused"), UNAVAILABLE]
    result = run(*command)
    assert (result.code, result.err) == (
        0, "waiting for the API (no response: refused): attempt 3 of 10 in 4 s\n",
    )  # fmt: skip


def test_import_counts_and_reports_every_row(service: Service, run: Run) -> None:
    rows = [ROWS[0], {"type": "t"}, ROWS[1], ROWS[0], {"status": "ok", "typ": "t"}]
    write("rows.ndjson", *rows)
    with Path("rows.ndjson").open("a") as file:
        file.write("{\n")
    result = run("import", "rows.ndjson")
    assert result.code == 9
    assert result.out == (
        "rows: 6, created: 2, created earlier: 0, equal to an earlier row: 1, refused: 3\n"
    )
    assert sorted(result.err.splitlines()) == [
        "  all of them: rows.ndjson.refused.ndjson",
        "  fix: correct these rows in rows.ndjson and run the same command again",
        "  line 2: /status: is required (400)",
        "  line 5: has fields that callers can't set: typ; see --extra",
        "  line 6: is not JSON: Expecting property name enclosed in double quotes at character 2",
        "error: refused rows: 3",
    ]
    report = Path("rows.ndjson.refused.ndjson")
    assert sorted(json.loads(line)["line"] for line in report.read_text().splitlines()) == [2, 5, 6]
    write("rows.ndjson", *ROWS[:3])
    result = run("import", "rows.ndjson")
    assert result.code == 0
    assert result.out.startswith("rows: 3, created: 1, created earlier: 2,")
    assert not report.exists()
    assert len(service.records) == 3


def test_dry_run_sends_nothing_and_writes_no_journal(service: Service, run: Run) -> None:
    write("rows.ndjson", *ROWS[:2], ROWS[0], {"a": 1})
    result = run("import", "rows.ndjson", "--dry-run")
    assert result.code == 9
    assert result.out == "rows: 4, would be sent: 2, equal to an earlier row: 1, refused: 1\n"
    assert service.calls == []
    assert not Path("rows.ndjson.journal").exists()


@pytest.mark.usefixtures("service")
def test_import_from_a_read_only_folder_names_the_options(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "rows.ndjson.journal")

    write("rows.ndjson", ROWS[0])
    monkeypatch.setattr(journal.Journal, "__init__", deny)
    result = run("import", "rows.ndjson")
    assert result.code == 1
    assert result.err.splitlines()[0] == (
        "error: rows.ndjson.journal can't be written: Permission denied"
    )
    assert "--journal PATH for imported rows, --report PATH for refused ones" in result.err
    monkeypatch.setattr(refusals.Refusals, "add", deny)
    write("rows.ndjson", {"a": 1})
    assert "--report PATH" in run("import", "rows.ndjson", "--dry-run").err


def test_exported_csv_is_imported_with_its_old_identity(service: Service, run: Run) -> None:
    service.add(message="=1+1", attributes={"host": "db", "n": 1.5})
    service.add(submittedBy="bob", attributes={"list": [1, None, True]})
    old = list(service.records.values())
    assert run("export", "old.csv", "--bom").code == 0
    service.records.clear()
    command = ["import", "old.csv", "--key", "recordID", "--extra", "attributes"]
    assert run(*command).code == 0
    for before, after in zip(old, service.records.values(), strict=True):
        assert (after["type"], after["status"]) == (before["type"], before["status"])
        assert after.get("message") == before.get("message")
        identity = {name: before[name] for name in ("recordID", "createdAt", "submittedBy")}
        assert after["attributes"].items() >= (before["attributes"] | identity).items()
    # Another run, without the journal, creates nothing.
    Path("old.csv.journal").unlink()
    assert "created earlier: 2," in run(*command).out
    assert len(service.records) == 2


@pytest.mark.usefixtures("service")
def test_import_from_stdin_needs_no_journal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("rows.ndjson", *ROWS[:2])
    for expected in ("created: 2,", "created earlier: 2,"):
        with Path("rows.ndjson").open() as stdin, monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", stdin)
            assert expected in run("import", "-").out
    assert sorted(path.name for path in Path().iterdir()) == ["connection.json", "rows.ndjson"]


def test_import_that_stops_names_line_cause_and_remedy(service: Service, run: Run) -> None:
    write("rows.ndjson", *ROWS[:20])
    service.faults = [*[None] * 3, *[Response(403, {}, b'{"message":"Forbidden"}')] * 99]
    result = run("import", "rows.ndjson", "--parallel", "1")
    assert result.code == 4
    assert "error: the import stopped at line 4: Forbidden (403)" in result.err
    assert result.err.endswith("run the same command again; it continues\n")
    assert result.out.startswith("rows: 3, created: 3,")
    unknown = Response(503, {}, b'{"type":"urn:records-api:outcome-unknown","detail":"?"}')
    service.faults = [unknown] * 99
    result = run("import", "rows.ndjson", "--parallel", "1")
    # To repeat it is safe, so nobody has to read records first.
    assert (result.code, "read the record" in result.err) == (7, False)
    service.faults = []
    assert run("import", "rows.ndjson").code == 0
    assert len(service.records) == 20


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["export", "x.csv", "--columns", "typ"], (2, "--columns: records have no typ")),
        (["export", "all.txt"], (2, "pass --format, or a FILE that ends in")),
        (["export", "all.ndjson", "--columns", "type"], (2, "are options of CSV")),
        (["export", "connection.json", "--format", "csv"], (1, "connection.json exists")),
        (["export", "absent/all.csv"], (1, "absent/all.csv.progress.new can't be written")),
        (["import", "absent.csv"], (2, "absent.csv can't be read: No such file")),
        (["import", "x.csv", "--key", "id", "--duplicates", "create"], (2, "rows without --key")),
        (["import", "x.csv", "--delimiter", "ab"], (2, "--delimiter is one character")),
        (["import", "columns.csv"], (2, "callers can't set these columns: owner; known are type,")),
        (["import", "columns.csv", "--extra", "drop", "--key", "id"],
         (2, "there is no column 'id' for --key; there are type, status, owner")),
        (["import", "columns.csv", "--parallel", "0"], (2, "--parallel")),
    ],
)  # fmt: skip
def test_bad_input_is_rejected_before_a_call(
    arguments: list[str], result: tuple[int, str], service: Service, run: Run
) -> None:
    Path("columns.csv").write_text("type,status,owner\nt,ok,me\n")
    code, problem = result
    outcome = run(*arguments)
    assert outcome.code == code
    assert problem in " ".join(outcome.err.replace("│", "").split())
    assert service.calls == []


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that a command in another process calls."""
    fake = Service(delay=0.005)
    monkeypatch.chdir(tmp_path)
    with serve(fake, tmp_path) as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "scripts"))
        yield fake


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "records_cli", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ)


def stop_when(
    process: subprocess.Popen[str], condition: Callable[[], bool], number: signal.Signals
) -> tuple[str, str]:
    """Send a signal as soon as the condition holds; return the output."""
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    assert process.poll() is None, process.communicate()
    process.send_signal(number)
    return process.communicate(timeout=60)


def has(members: Sized, number: int) -> bool:
    return len(members) >= number


@pytest.mark.enable_socket
def test_killed_import_is_completed_by_the_same_command(remote: Service) -> None:
    write("rows.ndjson", *ROWS)
    for created in (40, 200):
        process = start("import", "rows.ndjson")
        stop_when(process, partial(has, remote.records, created), signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert len(remote.records) < len(ROWS)
    before = len(remote.calls)
    out, err = start("import", "rows.ndjson").communicate(timeout=60)
    assert (out[:10], err) == ("rows: 400,", "")
    messages = sorted(str(each["message"]) for each in remote.records.values())
    assert messages == sorted(row["message"] for row in ROWS)
    # Only the rows without an answer were sent again.
    assert len(remote.calls) - before < len(ROWS) - 200 + 20


@pytest.mark.enable_socket
def test_killed_export_is_completed_by_the_same_command(remote: Service) -> None:
    remote.page = 10
    for number in range(400):
        remote.add(message=f"{number} {'x' * 500}")
    for calls in (5, 20):
        process = start("export", "all.ndjson")
        stop_when(process, partial(has, remote.calls, calls), signal.SIGKILL)
        assert not Path("all.ndjson").exists()
    out, err = start("export", "all.ndjson").communicate(timeout=60)
    octets = Path("all.ndjson").read_bytes()
    sha256 = hashlib.sha256(octets).hexdigest()
    assert (out, err) == (f"all.ndjson: 400 records, SHA-256 {sha256}\n", "")
    assert [json.loads(line) for line in octets.splitlines()] == list(remote.records.values())
    assert len(remote.calls) <= 40 + 4


@pytest.mark.enable_socket
def test_interrupted_import_says_how_to_continue(remote: Service) -> None:
    write("rows.ndjson", *ROWS)
    process = start("import", "rows.ndjson")
    out, err = stop_when(process, lambda: len(remote.records) >= 20, signal.SIGINT)
    assert process.returncode == 130
    assert err == "error: interrupted\n  fix: run the same command again; it continues\n"
    assert out.startswith(f"rows: {len(remote.records)}, created: {len(remote.records)},")


@pytest.mark.enable_socket
def test_full_disk_is_one_error_and_the_command_continues(remote: Service) -> None:
    remote.page = 10
    for number in range(100):
        remote.add(message=f"{number} {'x' * 500}")
    command = [sys.executable, "-m", "records_cli", "export", "all.ndjson"]
    limited = subprocess.run(  # no file may exceed 16 KiB
        ["bash", "-c", 'ulimit -f 16; exec "$@"', "bash", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert limited.returncode == 1
    assert limited.stderr == (
        "error: no space left for all.ndjson: File too large\n"
        "  fix: make room and run the same command again; it continues\n"
    )
    out, _ = start("export", "all.ndjson").communicate(timeout=60)
    assert out.startswith("all.ndjson: 100 records")
    assert len(Path("all.ndjson").read_text().splitlines()) == 100


@pytest.mark.enable_socket
def test_reader_that_exits_ends_the_export(remote: Service) -> None:
    for number in range(2_000):
        remote.add(message=f"{number} {'x' * 500}")
    with start("export", "-", "--format", "ndjson") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 141
