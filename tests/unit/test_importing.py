"""Imports: several requests at once, retried, each row once, and continued from the journal."""

import errno
import json
import os
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from records_cli import attempts, importing, preparing
from records_cli.client import Response
from records_cli.failure import Failure
from records_cli.importing import Counts
from records_cli.journal import Journal
from records_cli.preparing import Refusal, Settings
from unit.fake_service import OUTCOME_UNKNOWN, TOO_MANY, UNAVAILABLE, Service

URL = "http://127.0.0.1:1/records"


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    return tmp_path / "rows.ndjson.journal"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The attempts after which the import paused; none takes time."""
    noted: list[int] = []

    def pause(attempt: int, _response: Response | None = None) -> float:
        noted.append(attempt)
        return 0

    monkeypatch.setattr(attempts, "pause", pause)
    return noted


def fields(count: int) -> list[dict[str, Any]]:
    return [{"type": "t", "status": "ok", "message": f"row {n}"} for n in range(1, count + 1)]


def run(
    service: Service,
    rows: Iterable[dict[str, Any]],
    journal_file: Path | None = None,
    *,
    parallel: int = 8,
    progress: Callable[[Counts], object] = lambda _: None,
) -> tuple[Counts, list[Refusal]]:
    refusals: list[Refusal] = []
    counts = Counts()
    prepared = preparing.prepare(enumerate(rows, start=1), Settings())
    journal = Journal(journal_file, URL) if journal_file else None
    try:
        importing.Import(service, journal, parallel, refusals.append, progress, counts).run(
            prepared
        )
    finally:
        if journal:
            journal.__exit__()
    return counts, refusals


def messages(service: Service) -> list[str]:
    return sorted(str(record.get("message")) for record in service.records.values())


def test_rows_become_records_eight_at_a_time() -> None:
    service = Service(delay=0.02)
    counts, _ = run(service, fields(40))
    assert (counts.created, counts.rows) == (40, 40)
    assert messages(service) == sorted(each["message"] for each in fields(40))
    assert service.most_at_once == 8


def test_one_request_at_a_time_keeps_the_order() -> None:
    service = Service()
    run(service, fields(20), parallel=1)
    assert [each["message"] for each in service.records.values()] == [
        each["message"] for each in fields(20)
    ]


@pytest.mark.parametrize("with_journal", [False, True])
def test_same_rows_again_create_nothing(journal_file: Path, *, with_journal: bool) -> None:
    service = Service()
    run(service, fields(20), journal_file if with_journal else None)
    sent = len(service.calls)
    counts, _ = run(service, fields(21), journal_file if with_journal else None)
    assert len(service.records) == 21
    assert counts == (
        Counts(created=1, confirmed=20) if with_journal else Counts(created=1, replayed=20)
    )
    assert len(service.calls) - sent == (1 if with_journal else 21)


def test_journal_covers_records_whose_keys_are_forgotten(journal_file: Path) -> None:
    service = Service()
    run(service, fields(3), journal_file)
    service._keys.clear()
    service.records.clear()  # as expired records are
    counts, _ = run(service, fields(3), journal_file)
    assert (counts.confirmed, service.records) == (3, {})


def test_retries_create_no_record_twice(
    pauses: list[int],
) -> None:
    losses = iter([True, False] * 3)
    service = Service(lose=lambda _: next(losses, False))
    service.faults = [UNAVAILABLE, TOO_MANY, OUTCOME_UNKNOWN, ConnectionResetError("reset")]
    counts, refusals = run(service, fields(10))
    assert (counts.created + counts.replayed, refusals, counts.failed) == (10, [], [])
    assert messages(service) == sorted(each["message"] for each in fields(10))
    assert len(pauses) >= 5


def test_refused_rows_are_reported_with_their_line(journal_file: Path) -> None:
    rows = fields(4)
    del rows[1]["status"]
    service = Service()
    counts, refusals = run(service, rows, journal_file)
    assert refusals == [Refusal(2, "/status: is required", 400)]
    assert (counts.created, counts.refused) == (3, 1)
    # A refused row is sent again, because it may be accepted now.
    counts, refusals = run(service, rows, journal_file)
    assert (counts.confirmed, len(refusals)) == (3, 1)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Response(413, {}, b'{"message":"Request Entity Too Large"}'), "Request Entity Too Large"),
        (Response(422, {}, b'{"detail":"This key was\\nused."}'), "This key was used."),
        (Response(410, {}, b"<html>"), "the API returned 410"),
        (Response(400, {}, b'{"errors":[{"detail":"a"},{"header":"x","detail":"b"}]}'),
         "body: a; x: b"),
    ],
)  # fmt: skip
def test_reason_of_a_refusal_is_one_line(answer: Response, text: str) -> None:
    _, refusals = run(Service(faults=[answer]), fields(1))
    assert refusals == [Refusal(1, text, answer.status)]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_error_of_the_whole_import_stops_it(status: int, journal_file: Path) -> None:
    service = Service()
    forbidden = Response(status, {}, b'{"message":"no"}')
    service.faults = [*[None] * 5, *[forbidden] * 1_000]
    counts, _ = run(service, fields(200), journal_file)
    assert counts.created == 5
    assert all(each.outcome == forbidden for each in counts.failed)
    assert counts.failed
    assert len(service.calls) < 50
    service.faults.clear()
    counts, _ = run(service, fields(200), journal_file)
    assert (counts.confirmed, counts.created) == (5, 195)
    assert len(service.records) == 200


def test_row_that_stays_unavailable_stops_the_import(pauses: list[int]) -> None:
    service = Service(faults=[UNAVAILABLE] * 1_000)
    counts, _ = run(service, fields(3), parallel=1)
    assert counts.failed[0].outcome == UNAVAILABLE
    assert pauses[: attempts.ATTEMPTS - 1] == list(range(1, attempts.ATTEMPTS))


def test_interrupted_import_notes_what_was_sent(journal_file: Path) -> None:
    service, last = Service(delay=0.01), Counts()

    def interrupt(counted: Counts) -> None:
        nonlocal last
        if counted.created >= 10 and not last.created:
            last = counted
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(service, fields(100), journal_file, progress=interrupt)
    assert 10 <= len(service.records) < 40
    assert last.created == len(service.records)
    counts, _ = run(service, fields(100), journal_file)
    assert counts.confirmed + counts.created == len(service.records) == 100
    assert counts.replayed == 0


def test_full_disk_stops_the_import(journal_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, append, calls = Service(), Journal._append, iter(range(1_000))

    def full(journal: Journal, content: dict[str, object]) -> None:
        if next(calls) > 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(journal.path))
        append(journal, content)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_append", full)
        with pytest.raises(OSError, match="No space left"):
            run(service, fields(100), journal_file)
    assert len(service.calls) < 60
    run(service, fields(100), journal_file)
    assert len(service.records) == 100


def test_torn_last_line_of_the_journal_is_dropped(
    journal_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow, and a test reads what the system has
    run(service, fields(3), journal_file)
    octets = journal_file.read_bytes()
    for end in range(len(octets)):
        journal_file.write_bytes(octets[:end])
        counts, _ = run(service, fields(3), journal_file)
        assert counts.confirmed + counts.replayed == 3
        assert journal_file.read_bytes().count(b"\n") == 4
        assert all(json.loads(line) for line in journal_file.read_bytes().splitlines())


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"{}\n", "is damaged in line 1"),
        (b'type,status\n"a"\n', "is damaged in line 1"),
        (b'{"format":"records-import-1","service":"http://y/records"}\n',
         "belongs to an import into http://y/records, not http://127.0.0.1:1/records"),
        (b'{"format":"records-import-1","service":"%s"}\n[]\n' % URL.encode(),
         "is damaged in line 2"),
    ],
)  # fmt: skip
def test_other_file_is_not_taken_for_the_journal(
    content: bytes, cause: str, journal_file: Path
) -> None:
    journal_file.write_bytes(content)
    with pytest.raises(Failure) as failure:
        Journal(journal_file, URL)
    assert failure.value.cause.endswith(cause)
    assert journal_file.read_bytes() == content


def answers(*responses: Response | OSError) -> Callable[[], Response]:
    left: Iterator[Response | OSError] = iter(responses)

    def request() -> Response:
        answer = next(left)
        if isinstance(answer, OSError):
            raise answer
        return answer

    return request


def test_wait_that_returns_true_ends_the_attempts() -> None:
    ok = Response(200, {}, b"")
    assert attempts.send(answers(TOO_MANY, ok)) == ok
    assert attempts.send(answers(TOO_MANY, ok), wait=lambda _: True) == TOO_MANY
    with pytest.raises(OSError, match="reset"):
        attempts.send(answers(OSError("reset"), ok), wait=lambda _: True)


def test_pause_grows_and_honors_retry_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(random, "uniform", lambda _, longest: longest)
    assert [attempts.pause(n) for n in (1, 2, 3, 100)] == [0.4, 0.8, 1.6, 20.0]
    assert attempts.pause(1, UNAVAILABLE) == 1.4
    assert attempts.pause(1, Response(429, {"retry-after": "9999"}, b"")) == 60.4
    assert attempts.pause(1, Response(429, {"retry-after": "soon"}, b"")) == 0.4
