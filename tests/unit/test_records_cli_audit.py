"""`records verify` and `records seal`, from arguments to output and exit code."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from records_cli import local, reads, seals, verification
from records_cli.client import Caller, Response
from unit.fake_history import Service
from unit.test_records_cli import CONNECTION, run


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with two records, which `records` calls as its auditor."""
    (tmp_path / "connection.json").write_text(json.dumps(CONNECTION))
    monkeypatch.setenv(local.VARIABLE, str(tmp_path / "connection.json"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    service = Service()
    service.write("a", "create")
    service.write("r", "create")
    service.write("r", "update")

    def get(caller: Caller, path: str, query: dict[str, str]) -> Response:
        assert caller.access_key_id == "auditor"
        return service.get(path, query)

    monkeypatch.setattr(Caller, "get", get)
    return service


@pytest.mark.usefixtures("api")
def test_intact_histories_exit_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "verify", "--all") == 0
    assert capsys.readouterr().out == "entries: 3, records: 2, intact\n"
    assert run(monkeypatch, "verify", "r", "a", "r", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "entries": 3,
        "records": 2,
        "intact": True,
        "findings": [],
    }


def test_entries_that_the_feed_does_not_show_yet_are_counted(
    api: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an import of many rows, the last page has only part of the unsettled entries."""
    now = datetime.now(UTC)
    api.clock = lambda minute: verification.timestamp(now + timedelta(milliseconds=minute))
    for number in range(10):
        api.write(f"new{number}", "create")
        api.write(f"new{number}", "update")
    # The feed ends between the two entries of new4.
    api.unindexed = {("new4", 2)} | {(f"new{n}", v) for n in range(5, 10) for v in (1, 2)}
    assert run(monkeypatch, "verify", "--all") == 0
    assert capsys.readouterr().out == "entries: 23, records: 12, intact\n"


@pytest.mark.parametrize("arguments", [["--all"], ["r"]])
def test_damage_exits_with_3(
    arguments: list[str],
    api: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    api.entries["r", 1]["changedBy"] = "somebody"
    assert run(monkeypatch, "verify", *arguments) == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "r v1: broken: its hash does not match its fields"
    assert printed.err.startswith("error: findings of damage: 1\n  fix: docs/evidence.md")
    assert run(monkeypatch, "verify", *arguments, "-o", "json") == 3
    result = json.loads(capsys.readouterr().out)
    assert result["intact"] is False
    assert result["findings"] == [
        {
            "recordID": "r",
            "version": 1,
            "kind": "broken",
            "detail": "its hash does not match its fields",
        }
    ]


def test_harmless_findings_are_shortened_and_exit_with_0(
    api: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        api.records[f"old{number}"] = {"recordID": f"old{number}", "version": 1}
    assert run(monkeypatch, "verify", "--all") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert lines[-2:] == ["no history: 5 more records", "entries: 3, records: 27, intact"]


def test_a_seal_is_written_and_verified(
    api: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(monkeypatch, "seal", "-o", str(first)) == 0
    head = json.loads(first.read_text().splitlines()[0])
    assert capsys.readouterr().out.splitlines() == [
        f"{first}: 3 entries up to {head['upTo']}, root {head['root']}",
        "entries: 3, records: 2, intact",
    ]
    api.clock = lambda _: verification.timestamp(datetime.now(UTC))
    api.write("new", "create")
    assert run(monkeypatch, "seal", "-o", str(tmp_path / "third")) == 0
    assert "1 later entries are not in this seal" in capsys.readouterr().err
    assert (head["service"], head["previous"]) == (CONNECTION["records_url"], None)
    assert run(monkeypatch, "seal", "-o", str(second), "--previous", str(first)) == 0
    head = json.loads(second.read_text().splitlines()[0])
    assert head["previous"] == seals.read(first).sha256
    assert run(monkeypatch, "seal", "-o", str(first)) == 2
    capsys.readouterr()

    entry = api.entries["r", 1]
    entry["record"] = entry["record"].replace("at 2", "forged")
    api.rehash("r")
    assert run(monkeypatch, "verify", "--all") == 0
    for arguments in (["--seal", str(first)], ["r", "--seal", str(first)]):
        capsys.readouterr()
        assert run(monkeypatch, "verify", *arguments) == 3
        assert capsys.readouterr().out.startswith("r v1: altered: ")


def test_a_seal_of_damaged_histories_contains_the_findings(
    api: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.entries["r", 1]["changedBy"] = "somebody"
    assert run(monkeypatch, "seal", "-o", str(tmp_path / "seal")) == 3
    head = json.loads((tmp_path / "seal").read_text().splitlines()[0])
    assert head["findings"] == ["r v1: broken: its hash does not match its fields"]


@pytest.mark.usefixtures("api")
def test_seals_are_made_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "later"
    seals.write(later, seals.Leaves(), {"upTo": "9999-01-01T00:00:00.000Z"})
    assert run(monkeypatch, "seal", "-o", str(tmp_path / "new"), "--previous", str(later)) == 1
    assert f"{later} covers changes up to 9999-01-01" in capsys.readouterr().err
    later.write_text("{}\n")
    assert run(monkeypatch, "verify", "--seal", str(later)) == 1
    assert f"{later} is damaged: it is not a seal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (403, (4, "(403)", "these credentials lack the permission")),
        (404, (5, "(404)", "check the URL with records doctor; else this operation is disabled")),
        (429, (7, "(429)", "nothing was changed: try again")),
        (503, (7, "(503)", "try again")),
        (None, (7, "no response from the API (/changes): refused", "check the URL")),
    ],
)
def test_only_errors_that_may_pass_are_retried(
    status: int | None,
    result: tuple[int, str, str],
    api: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    responses = []

    def get(*_: object) -> Response:
        responses.append(status)
        if status is None:
            raise ConnectionRefusedError("refused")
        return Response(status, {}, b"no")

    monkeypatch.setattr(api, "get", get)
    code, cause, remedy = result
    assert run(monkeypatch, "verify", "--all") == code
    assert len(responses) == (1 if status in (403, 404) else 6)
    printed = capsys.readouterr().err
    assert f"{cause}\n  service: http://127.0.0.1:1/records, from the local stack" in printed
    assert f"  fix: {remedy}" in printed


def test_transient_errors_are_retried(api: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    responses = iter([Response(503, {}, b""), Response(429, {}, b"")])
    monkeypatch.setattr(api, "get", lambda *call: next(responses, None) or Service.get(api, *call))
    assert run(monkeypatch, "verify", "--all") == 0


def test_pages_end_with_the_feed() -> None:
    """An unsettled entry is taken from the last page only: the cursor does not pass it."""
    pages = [
        b'{"changes":[{"a":1},{"a":2,"settled":false}],"next":"1","caughtUp":false}',
        b'{"changes":[{"a":2,"settled":false}],"next":"1","caughtUp":true}',
    ]

    class Api:
        def get(self, path: str, query: Mapping[str, str]) -> Response:
            assert path == "/changes"
            return Response(200, {}, pages[int(query.get("cursor", "0"))])

    assert [[entry["a"] for entry in page] for page in reads.changes(Api())] == [["1"], ["2"]]
