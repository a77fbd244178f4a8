"""records tail: new records and changes, each once, oldest first."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.paths import ROOT
from records_cli import app, attempts, problems, tailing
from records_cli.client import Response
from unit.fake_service import START, TOO_MANY, UNAVAILABLE, Service, in_process, serve, stamp

MINUTE = 60_000  # milliseconds
HOUR = 60 * MINUTE


class Follower:
    """Follows a service in this process and keeps what it has shown."""

    def __init__(self, service: Service, now: datetime = START, **filters: str) -> None:
        def read(query: dict[str, str]) -> dict[str, Any]:
            content: dict[str, Any] = service.call("GET", query=query).json()
            return content

        self.new = tailing.NewRecords(read, filters, lambda: now)
        self.shown: list[str] = []

    def begin(self, count: int | None = 10) -> list[str]:
        self.shown += [each["recordID"] for each in self.new.first(count)]
        return self.shown

    def read(self) -> list[str]:
        """Return what another read shows."""
        batch = [each["recordID"] for page in self.new.more() for each in page]
        self.shown += batch
        return batch


def ids(*records: dict[str, Any]) -> list[str]:
    return [each["recordID"] for each in records]


def test_last_records_come_first_and_new_ones_follow() -> None:
    service = Service(page=2)
    records = [service.add() for _ in range(7)]
    follower = Follower(service)
    assert follower.begin(3) == ids(*records[4:])
    assert follower.read() == []
    new = [service.add() for _ in range(5)]
    assert follower.read() == ids(*new)
    assert follower.read() == []
    assert follower.shown == ids(*records[4:], *new)


def test_all_records_are_shown_without_a_count() -> None:
    service = Service(page=2)
    records = [service.add() for _ in range(7)]
    assert Follower(service).begin(None) == ids(*records)
    assert Follower(Service()).begin() == []
    assert Follower(service).begin(0) == []
    since = Follower(service, createdAfter=records[4]["createdAt"])
    assert since.begin(None) == ids(*records[5:])
    assert since.read() == []


def test_record_that_appears_late_is_shown_once() -> None:
    """It was created before records that are shown already, and within the last minute."""
    service = Service()
    now = START + timedelta(hours=3)
    first, late = service.add(0), service.add(2 * HOUR)
    service.hidden.add(late["recordID"])
    follower = Follower(service, now)
    follower.begin()
    newer = service.add(2 * HOUR + MINUTE - 1_000)
    assert follower.read() == ids(newer)
    service.hidden.clear()
    assert follower.read() == ids(late)
    assert follower.read() == []
    assert follower.shown == ids(first, newer, late)


def test_record_missing_from_one_list_is_not_shown_again() -> None:
    service = Service()
    service.add(), service.add()
    follower = Follower(service)
    follower.begin()
    service.hidden.add("r00002")
    assert follower.read() == []
    service.hidden.clear()
    assert follower.read() == []


def test_record_with_a_time_in_the_future_hides_no_others() -> None:
    service = Service()
    service.add(1_000 * HOUR), service.add(0, createdAt="2099")
    follower = Follower(service, START + timedelta(hours=1))
    follower.begin()
    new = service.add(HOUR)
    assert follower.read() == ids(new)


def test_first_record_of_an_empty_list_is_new() -> None:
    service = Service()
    follower = Follower(service, type="t")
    assert follower.begin() == []
    service.add(type="u")
    new = service.add()
    assert follower.read() == ids(new)


def test_reading_covers_a_minute_only() -> None:
    service = Service()
    for minute in range(100):
        service.add(minute * MINUTE)
    follower = Follower(service, START + timedelta(hours=3))
    follower.begin(1)
    assert follower.read() == []
    assert service.calls[-1][2]["createdAfter"] == stamp(98 * MINUTE)


def test_each_change_is_shown_once_although_the_feed_repeats_it() -> None:
    service = Service(page=2)

    def read(query: dict[str, str]) -> dict[str, Any]:
        content: dict[str, Any] = service.get("/changes", query).json()
        return content

    record, shown = service.add(), list[tuple[int, bool]]()
    new = tailing.NewChanges(read, {"since": stamp(-1)})

    def more() -> None:
        shown.extend(
            (each["version"], each.get("settled", True)) for page in new.more() for each in page
        )

    for version in range(1, 8):
        record["version"] = version
        service.change(dict(record))
        if version == 3:
            more()
            service.settled = 2
        elif version == 5:
            more()
            service.settled = 5
    more()
    more()
    assert shown == [(version, False) for version in range(1, 8)]
    service.settled = 7
    more()
    assert len(shown) == 7
    assert new.shown == set()
    record["version"] = 8
    service.change(dict(record))
    service.settled = 8  # it was settled before it was read, as one that appears late is
    more()
    assert shown[7:] == [(8, True)]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that the command calls in this process."""
    return in_process(tmp_path, monkeypatch)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["records", *arguments])
        with pytest.raises(SystemExit) as exit_:
            app.main()
        printed = capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    return command


def test_tail_prints_ten_records_in_the_forms_of_list(service: Service, run: Run) -> None:
    assert run("tail", "-o", "table") == (0, "", "")  # the first records decide the widths
    for number in range(15):
        service.add(attributes={"n": number}, status="ok" if number % 2 else "failed")
    code, out, err = run("tail")
    assert (code, err) == (0, "")
    assert [json.loads(line)["attributes"]["n"] for line in out.splitlines()] == list(range(5, 15))
    _, out, _ = run("tail", "-n", "2", "-o", "csv", "--columns", "recordID,attributes.n")
    assert out == "recordID,attributes.n\nr00014,13\nr00015,14\n"
    _, out, _ = run("tail", "--status", "failed", "-o", "ids", "-n", "2")
    assert out == "r00013\nr00015\n"
    _, out, _ = run("tail", "-o", "table", "--since", "2026-01-31")
    assert len(out.splitlines()) == 16


def test_tail_prints_changes_since_a_time_of_the_service(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.change(service.add())
    monkeypatch.setattr(problems, "clock_skew", lambda _: 3_600.0)
    code, out, err = run("tail", "--changes")
    assert (code, out, err) == (0, json.dumps({**service.changes[0], "settled": False},
                                               separators=(",", ":")) + "\n", "")  # fmt: skip
    begin = datetime.fromisoformat(service.calls[-1][2]["since"])
    ahead = begin - datetime.now(begin.tzinfo)
    assert timedelta(minutes=58) < ahead < timedelta(minutes=59, seconds=1)
    _, out, _ = run("tail", "--changes", "-o", "table", "--created-after", stamp(-1))
    assert out.splitlines()[1].endswith("t ok -; not settled")
    assert service.calls[-1][2] == {"since": stamp(-1), "limit": "1000", "unsettled": "true"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--changes", "--type", "t"], "--changes takes no filters"),
        (["--changes", "-n", "1"], "--changes takes no filters"),
        (["--changes", "-o", "csv"], "--changes is printed with"),
        (["-o", "json"], "use -o ndjson"),
        (["--interval", "0"], "--interval"),
    ],
)
def test_bad_options_are_rejected_before_a_call(
    arguments: list[str], problem: str, service: Service, run: Run
) -> None:
    code, _, err = run("tail", *arguments)
    assert code == 2
    assert problem in " ".join(err.replace("│", "").split())
    assert service.calls == []


def test_tail_without_permission_is_an_error(service: Service, run: Run) -> None:
    service.faults = [Response(403, {}, b'{"message":"Forbidden"}')]
    code, _, err = run("tail", "--changes", "-f")
    assert (code, err.splitlines()[0]) == (4, "error: Forbidden (403)")


def test_follower_waits_for_the_api_and_says_so(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults = [*[TOO_MANY] * 15, *[UNAVAILABLE] * 15]
    service.faults += [*[ConnectionResetError("reset")] * 15, None, KeyboardInterrupt()]
    service.add()
    monkeypatch.setattr(attempts, "pause", lambda attempt, _: 5 if attempt == 45 else 0)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    code, out, err = run("tail", "-f", "-o", "ids")
    assert (code, out) == (130, "r00001\n")
    waiting = "waiting for the API (no response: reset): attempt 46 in 5 s\n"
    assert err == f"{waiting}interrupted\n"
    service.faults = [*[TOO_MANY] * 100]
    code, _, err = run("tail")
    assert (code, err.splitlines()[0]) == (7, "error: Too Many Requests (429)")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service that a command in another process calls."""
    fake = Service(page=7)
    with serve(fake, tmp_path) as env:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "scripts"))
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        yield fake


@pytest.mark.enable_socket
def test_followed_records_arrive_at_once_and_ctrl_c_is_clean(remote: Service) -> None:
    remote.add()
    command = ["-m", "records_cli", "tail", "-f", "--interval", "0.1", "-o", "ids"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, *command], stdout=pipe, stderr=pipe, text=True, env=os.environ
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "r00001\n"
        for number in range(2, 60):
            remote.add()
            if number % 10 == 0:
                time.sleep(0.05)
        lines = [process.stdout.readline() for _ in range(58)]
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
        assert process.stderr.read() == "interrupted\n"
    assert process.returncode == 130
    assert lines == [f"r{number:05}\n" for number in range(2, 60)]
