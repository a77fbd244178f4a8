"""The local stack's scripts: copies of the emulator's state, scripts/env and scripts/logs."""

import asyncio
import json
import logging
import os
import shlex
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib import client, emulator_server, env, logs, up
from lib.console import Failure
from lib.emulator import REGION, Emulator
from lib.emulator_server import Keeper, Repeater, newest, publish, restore

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class TestRepeatedCalls:
    """The emulator's response to a call that an SDK repeats after its response was lost."""

    @staticmethod
    def statuses(*call_ids: bytes | None, first_status: int = 200) -> tuple[list[int], int]:
        """Return the statuses of POST requests with these call IDs, and how many ran."""
        runs: list[int] = []
        sent: list[dict[str, Any]] = []

        async def app(_scope: object, receive: Receive, send: Send) -> None:
            await receive()
            runs.append(first_status if not runs else 409)
            await send({"type": "http.response.start", "status": runs[-1], "headers": []})
            await send({"type": "http.response.body", "body": b"{}", "more_body": False})

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def run() -> None:
            repeater = Repeater(app)
            for call_id in call_ids:
                headers = [(b"amz-sdk-invocation-id", call_id)] if call_id else []
                scope = {"type": "http", "path": "/", "headers": headers}
                await repeater(scope, receive, send)

        asyncio.run(run())
        return [message["status"] for message in sent if "status" in message], len(runs)

    @pytest.mark.enable_socket  # an event loop uses a socket pair
    def test_repeated_call_gets_its_first_response(self) -> None:
        assert self.statuses(b"a", b"a", b"b") == ([200, 200, 409], 2)
        assert self.statuses(None, None) == ([200, 409], 2)
        assert self.statuses(b"a", b"a", first_status=500) == ([500, 409], 2)


class TestCopies:
    @pytest.fixture
    def state(self, tmp_path: Path) -> Path:
        state, copies = tmp_path / "state", tmp_path / "copies"
        (state / "blobs").mkdir(parents=True)
        copies.mkdir()
        self.write(state, "one")
        return state

    @staticmethod
    def write(state: Path, content: str) -> None:
        """Replace the files, as the emulator does."""
        for name in ("dynamodb.json", "blobs/code.zip"):
            (state / "new").write_text(content)
            (state / "new").rename(state / name)

    @staticmethod
    def content(folder: Path | None) -> set[str]:
        assert folder is not None
        return {path.read_text() for path in folder.rglob("*") if path.is_file()}

    def test_newest_copy_is_restored(self, state: Path) -> None:
        copies = state.parent / "copies"
        assert newest(copies) is None
        restore(state, copies)  # no copy yet: the state is unchanged
        assert self.content(state) == {"one"}
        for content in ("two", "three"):
            self.write(state, content)
            publish(state, copies)
        self.write(state, "lost")
        (state / "half-written").touch()
        restore(state, copies)
        assert self.content(state) == {"three"}
        assert len(list(copies.iterdir())) == 1

    def test_kill_while_copying_keeps_the_previous_copy(
        self, state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        copies = state.parent / "copies"
        publish(state, copies)
        self.write(state, "two")
        for name in ("link", "rename"):
            with monkeypatch.context() as patch:
                patch.setattr(os if name == "link" else Path, name, self.killed)
                with pytest.raises(KeyboardInterrupt):
                    publish(state, copies)
            assert self.content(newest(copies)) == {"one"}
        publish(state, copies)
        assert self.content(newest(copies)) == {"two"}
        assert len(list(copies.iterdir())) == 1

    @staticmethod
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    def test_time_of_the_last_copy_is_recorded(self, state: Path) -> None:
        server = Emulator(state.parent, state.parent / "log")
        assert server.last_copy() is None
        os.utime(state, (0, 0))
        publish(state, state.parent / "copies")
        copied = server.last_copy()
        assert copied is not None
        assert datetime.now(UTC) - copied < timedelta(minutes=1)

    @pytest.mark.enable_socket  # an event loop uses a socket pair
    @pytest.mark.parametrize(
        ("path", "fails", "copies"), [("/", 0, 1), ("/_ministack/ready", 0, 0), ("/", 1, 2)]
    )
    def test_state_is_copied_after_requests_and_after_failed_saves(
        self, state: Path, path: str, fails: int, copies: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(emulator_server, "COPY_SECONDS", 0.01)
        failures = [logging.ERROR] * fails
        saves: list[None] = []

        async def app(*_: object) -> None:
            pass

        def save() -> None:
            saves.append(None)
            if failures:
                logging.getLogger("persistence").log(failures.pop(), "failed to save")

        async def run() -> None:
            keeper = Keeper(app, state, state.parent / "copies")
            await keeper({"type": "http", "path": path}, None, None)
            task = asyncio.create_task(keeper.copy_at_intervals(save))
            await asyncio.sleep(0.3)
            assert not task.done()
            task.cancel()

        asyncio.run(run())
        assert len(saves) == copies
        assert (newest(state.parent / "copies") is not None) is bool(copies)

    def test_kill_loses_less_than_a_minute_and_is_reported(self) -> None:
        assert emulator_server.COPY_SECONDS < 60
        note = up.what_was_lost(datetime.now(UTC) - timedelta(seconds=7))
        assert note.startswith("The emulator was killed; restored its last copy, from ")
        assert "7 seconds old" in note
        assert "before its first copy" in up.what_was_lost(None)


class TestEnv:
    URL = "http://127.0.0.1:4600"

    @pytest.mark.parametrize("joined", ["\n", " "])
    def test_commands_can_be_evaluated(self, joined: str, tmp_path: Path) -> None:
        odd = f'{tmp_path}/it\'s $(touch hacked) `x`; "y"'
        inherited = {
            "PATH": os.environ["PATH"],
            "AWS_PROFILE": "production",
            "AWS_ENDPOINT_URL_DYNAMODB": "http://elsewhere",
            "AWS_PAGER": "",
            "AWS_X; touch hacked": "1",
        }
        lines = env.commands(env.settings(self.URL) | {"TF_CLI_CONFIG_FILE": odd}, inherited)
        completed = subprocess.run(
            ["sh", "-c", f"eval {shlex.quote(joined.join(lines))}; env"],
            env={name: value for name, value in inherited.items() if ";" not in name},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        variables = dict(line.split("=", 1) for line in completed.stdout.splitlines())
        assert {name for name in variables if name.startswith(("AWS_", "TF_"))} == {
            *env.settings(self.URL), "AWS_PAGER", "TF_CLI_CONFIG_FILE"
        }  # fmt: skip
        assert (variables["AWS_ENDPOINT_URL"], variables["TF_CLI_CONFIG_FILE"]) == (self.URL, odd)
        # The AWS CLI and boto3 read the first one, Terraform and other SDKs the second one.
        regions = {variables["AWS_DEFAULT_REGION"], variables["AWS_REGION"]}
        assert regions == {REGION}
        assert completed.stderr == ""
        assert list(tmp_path.iterdir()) == []

    def test_terraform_settings_of_the_user_take_precedence(self, tmp_path: Path) -> None:
        config, users_file = tmp_path / "terraform.rc", tmp_path / ".terraformrc"
        binary = tmp_path / "bin" / "terraform"
        binary.parent.mkdir()
        binary.touch(0o755)
        bare = {"HOME": str(tmp_path), "PATH": "/nowhere"}
        path = {"PATH": f"{binary.parent}:/nowhere"}
        assert env.for_terraform(bare, config, str(binary)) == path
        config.touch()
        both = path | {"TF_CLI_CONFIG_FILE": str(config)}
        assert env.for_terraform(bare, config, str(binary)) == both
        named = bare | {"TF_CLI_CONFIG_FILE": str(users_file)}
        assert env.for_terraform(named, config, str(binary)) == both  # the file does not exist
        users_file.touch()
        for inherited in (bare, named):
            assert env.for_terraform(inherited, config, str(binary)) == path
        has = bare | {"PATH": str(binary.parent)}
        assert env.for_terraform(has, config, "/other/terraform") == {}

    def test_stopped_stack_is_reported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        stopped = Emulator(tmp_path, tmp_path / "log")
        monkeypatch.setattr("sys.argv", ["env"])
        monkeypatch.setattr(env, "EMULATOR", stopped)
        with pytest.raises(Failure, match="the local stack is not running") as failure:
            env._verb()
        assert failure.value.remedy == "run scripts/up"
        assert capsys.readouterr().out == ""

        monkeypatch.setattr(client, "EMULATOR", stopped)
        monkeypatch.setattr(client, "CONNECTION", tmp_path / "connection.json")
        client.CONNECTION.write_text(json.dumps({key: {} for key in client._CONNECTION_KEYS}))
        with pytest.raises(Failure, match="the local stack is not running"):
            client.connected("reader")

    @pytest.mark.parametrize("content", ["{", "[]", '{"records_url": "x", "region": "y"}'])
    def test_damaged_connection_file_is_reported(
        self, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "CONNECTION", tmp_path / "connection.json")
        client.CONNECTION.write_text(content)
        with pytest.raises(Failure, match=r"connection\.json is damaged") as failure:
            client.connection()
        assert failure.value.remedy == "run scripts/up, which writes it again"


def event(message: str | dict[str, Any], *, at: int = 0, stream: str = "s") -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {"logStreamName": stream, "timestamp": at, "message": text}


REQUEST = {
    "level": "INFO",
    "message": "request",
    "service": "records-local",
    "requestId": "r-1",
    "apiRequestId": "a-1",
    "caller": "somebody else",
    "cause": None,
    "status": 200,
    "operation": "list",
    "timestamp": "2026-01-31T09:30:00.123456+00:00",
}


class TestLogs:
    def test_lines_are_formatted(self) -> None:
        assert logs.readable(event(REQUEST | {"_aws": {}, "ColdStarts": 1.0})) == (
            "2026-01-31 09:30:00.123 INFO    request  operation=list  status=200  requestId=r-1  "
            'apiRequestId=a-1  caller="somebody else"'
        )
        failed = REQUEST | {"level": "ERROR", "exc_info": "Traceback:\n  boom \x1b[2J"}
        assert logs.readable(event(failed)).splitlines()[1:] == [
            "    Traceback:",
            r"      boom \x1b[2J",
        ]
        plain = event("Task timed out \x1b[2J\n", at=1500)
        assert logs.readable(plain) == r"1970-01-01 00:00:01.500         Task timed out \x1b[2J"

    @pytest.mark.parametrize("wanted", ["r-1", "a-1"])
    def test_lines_are_selected_by_either_request_id(self, wanted: str) -> None:
        lines = [
            event("START RequestId: r-1 Version: 1"),
            event("r-1 Task timed out"),
            event({"level": "ERROR", "message": "unhandled exception", "requestId": "r-1"}),
            event(REQUEST | {"_aws": {}}),
            event(REQUEST | {"requestId": "r-2", "apiRequestId": "a-2"}),
            event({"_aws": {}, "requestId": "r-1"}),
            event("REPORT RequestId: r-1"),
        ]
        selected = list(logs.Selection(wanted).new(lines))
        assert selected == lines[1:4]

    def test_lines_are_shown_once_in_order_of_time(self) -> None:
        selection = logs.Selection()
        first = [event("b", at=2), event("b", at=2), event("a", at=1, stream="t")]
        assert [each["message"] for each in selection.new(first)] == ["a", "b", "b"]
        later = [*first, event("b", at=2), event("c", at=3)]
        assert [each["message"] for each in selection.new(later)] == ["b", "c"]

    @pytest.mark.parametrize(
        ("arguments", "cause"),
        [([""], "REQUEST_ID is empty"), (["-n", "-1"], "--lines must not be negative")],
    )
    def test_invalid_arguments_are_rejected(
        self, arguments: list[str], cause: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.argv", ["logs", *arguments])
        with pytest.raises(Failure, match=cause):
            logs._verb()
