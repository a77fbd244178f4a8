"""The logic of scripts/: finding tools, ports and processes, and what a failure says."""

import argparse
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib import client, console, emulator, records, restore_drill, scan, stack, terraform, up, venvs
from lib.client import Answer
from lib.console import Failure
from lib.emulator import Emulator
from lib.paths import ROOT
from lib.terraform import Result

PROVIDERS = {"registry.terraform.io/hashicorp/aws": "5.100.0"}
VERBS = sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())


def unpacked(mirror: Path, version: str = "5.100.0") -> Path:
    (mirror / "registry.terraform.io/hashicorp/aws" / version / terraform.target()).mkdir(
        parents=True
    )
    return mirror


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_without_any_environment(verb: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "scripts" / verb, "--help"],
        env={"PATH": os.environ["PATH"], "RECORDS_TOOLS": str(tmp_path), "PYTHON": sys.executable},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: scripts/{verb}")
    assert list(tmp_path.iterdir()) == []


def test_an_old_python_is_named_with_the_remedy(tmp_path: Path) -> None:
    for name in ("python3", *(f"python3.{minor}" for minor in (11, 12, 13, 14))):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts/up"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: no Python 3.11 or newer found"


class TestMirror:
    @pytest.fixture(autouse=True)
    def no_mirror_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(terraform.MIRROR_VARIABLE, raising=False)

    def test_the_first_place_that_holds_the_locked_version_is_taken(self, tmp_path: Path) -> None:
        places = [
            tmp_path / "absent",
            unpacked(tmp_path / "old", "5.99.0"),
            unpacked(tmp_path / "good"),
        ]
        assert terraform.find_mirror(PROVIDERS, iter(places)) == tmp_path / "good"

    def test_a_packed_mirror_counts(self, tmp_path: Path) -> None:
        folder = tmp_path / "registry.terraform.io/hashicorp/aws"
        folder.mkdir(parents=True)
        (folder / f"terraform-provider-aws_5.100.0_{terraform.target()}.zip").touch()
        assert terraform.find_mirror(PROVIDERS, iter([tmp_path])) == tmp_path

    def test_another_machines_provider_does_not_count(self, tmp_path: Path) -> None:
        (tmp_path / "registry.terraform.io/hashicorp/aws/5.100.0/plan9_mips").mkdir(parents=True)
        assert terraform.find_mirror(PROVIDERS, iter([tmp_path])) is None

    def test_the_variable_comes_first_and_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        named, usual = unpacked(tmp_path / "named"), unpacked(tmp_path / "usual")
        monkeypatch.setenv(terraform.MIRROR_VARIABLE, str(named))
        assert terraform.find_mirror(PROVIDERS, iter([usual])) == named
        monkeypatch.setenv(terraform.MIRROR_VARIABLE, str(tmp_path))
        with pytest.raises(
            Failure, match=r"RECORDS_PROVIDER_MIRROR names .* does not hold .*aws 5\.100\.0"
        ):
            terraform.find_mirror(PROVIDERS, iter([usual]))

    def test_the_usual_places_are_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("XDG_DATA_DIRS", "/somewhere/share")
        places = list(terraform.mirror_places())
        assert places[0] == tmp_path / "cache"
        assert {
            tmp_path / ".terraform.d/plugins",
            Path("/somewhere/share/terraform/plugins"),
        } <= set(places)

    def test_the_lock_says_which_version(self) -> None:
        assert terraform.locked_providers() == PROVIDERS

    def test_the_configuration_leaves_other_providers_to_their_registry(
        self, tmp_path: Path
    ) -> None:
        written = terraform.mirror_config(tmp_path / 'a "b"', PROVIDERS)
        assert r"a \"b\"" in written
        assert 'include = ["registry.terraform.io/hashicorp/aws"]' in written
        assert 'exclude = ["registry.terraform.io/hashicorp/aws"]' in written


class TestTerraformDownload:
    NAME = f"terraform_9.9.9_{terraform.target()}.zip"

    @staticmethod
    def archive(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("terraform", content)
        return buffer.getvalue()

    def test_the_binary_is_taken_when_its_sum_is_the_published_one(self, tmp_path: Path) -> None:
        archive = self.archive(b"binary")
        sums = f"{hashlib.sha256(archive).hexdigest()}  {self.NAME}\n{'0' * 64}  another.zip\n".encode()
        place = tmp_path / "9.9.9" / "terraform"
        terraform.install_binary(
            "9.9.9", place, lambda url: archive if url.endswith(self.NAME) else sums
        )
        assert place.read_bytes() == b"binary"
        assert os.access(place, os.X_OK)

    def test_a_forged_binary_is_refused_and_not_kept(self, tmp_path: Path) -> None:
        sums = f"{hashlib.sha256(self.archive(b'binary')).hexdigest()}  {self.NAME}\n".encode()
        forged = self.archive(b"forged")
        with pytest.raises(Failure, match="does not have its published SHA-256"):
            terraform.install_binary(
                "9.9.9", tmp_path / "t", lambda url: forged if url.endswith(".zip") else sums
            )
        assert list(tmp_path.iterdir()) == []

    def test_without_a_network_one_line_says_how_to_get_it(self, tmp_path: Path) -> None:
        def refuse(url: str) -> bytes:
            raise OSError(f"no route to {url}")

        with pytest.raises(
            Failure, match=r"Terraform 9\.9\.9 is not on PATH and could not be downloaded"
        ) as failure:
            terraform.install_binary("9.9.9", tmp_path / "terraform", refuse)
        assert failure.value.remedy.startswith("install Terraform 9.9.9 on PATH")

    def test_the_one_on_path_is_used_only_if_its_version_is_right(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = tmp_path / "terraform"
        fake.write_text('#!/bin/sh\necho \'{"terraform_version": "9.9.9"}\'\n')
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(terraform, "TOOLS", tmp_path)
        installed = []
        monkeypatch.setattr(terraform, "install_binary", lambda *given: installed.append(given[0]))
        assert terraform.find_binary("9.9.9") == str(fake)
        assert terraform.find_binary("8.8.8") == str(tmp_path / "terraform/8.8.8/terraform")
        assert installed == ["8.8.8"]


def test_terraform_never_sees_the_callers_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/somewhere")
    monkeypatch.setenv("TF_VAR_name", "mine")
    bare = terraform.environment()
    assert [name for name in bare if name.startswith(("AWS_", "TF_VAR_"))] == [
        "AWS_EC2_METADATA_DISABLED"
    ]
    local = terraform.environment("http://127.0.0.1:1")
    assert (local["AWS_SECRET_ACCESS_KEY"], local["AWS_ENDPOINT_URL"]) == (
        "test",
        "http://127.0.0.1:1",
    )


def test_the_cause_of_a_failing_apply_is_its_first_error() -> None:
    first = "╷\n│ Error: creating table: it exists\n│ \n│   with aws_dynamodb_table.records\n╵"
    output = f"\n{first}\n╷\n│ Error: later\n╵\n"
    assert Result(1, output).error == "creating table: it exists"
    assert Result(0, "Apply complete!").error == ""


def test_a_failure_is_cause_remedy_and_log() -> None:
    said = str(Failure("it broke", "mend it", ROOT / ".local/logs/up.log"))
    assert said == "error: it broke\n  fix: mend it\n  log: .local/logs/up.log"


def test_a_verb_that_fails_exits_1_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def verb() -> None:
        with console.step("a step"):
            raise Failure("it broke", "mend it")

    with pytest.raises(SystemExit) as exit_:
        console.main(verb)
    said = capsys.readouterr()
    assert exit_.value.code == 1
    assert said.out.split() == ["a", "step", "0.0", "s", "failed"]
    assert said.err == "error: it broke\n  fix: mend it\n"


def test_connection_json_is_for_its_owner_alone_from_its_first_byte(tmp_path: Path) -> None:
    place = tmp_path / "connection.json"
    place.write_text("old")
    place.chmod(0o644)
    stack.write_private(place, {"a": 1})
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.read_text() == '{\n  "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [place]


def test_an_unexplained_skip_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.tf").write_text(
        "#checkov:skip=CKV_AWS_1:a reason\n\n#checkov:skip=CKV_AWS_2\n#checkov:skip=CKV_AWS_3: \n"
    )
    monkeypatch.setattr(scan, "_HCL", [tmp_path])
    assert [place.rpartition(":")[2] for place in scan.unexplained_skips()] == ["3", "4"]


class TestVirtualEnvironment:
    def test_it_is_current_until_its_lock_changes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(venvs, "TOOLS", tmp_path)
        monkeypatch.setattr(venvs, "ROOT", tmp_path)
        lock = tmp_path / "requirements/dev.txt"
        lock.parent.mkdir()
        lock.write_text("a==1\n")
        assert not venvs.is_current("dev")
        venvs.python("dev").parent.mkdir(parents=True)
        venvs.python("dev").touch()
        assert not venvs.is_current("dev")  # no stamp: an installation that broke off
        (tmp_path / "dev/made-from").write_text(venvs._made_from("dev"))
        assert venvs.is_current("dev")
        lock.write_text("a==2\n")
        assert not venvs.is_current("dev")

    def test_a_python_that_does_not_start_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shim = tmp_path / "python3.13"
        shim.write_text("#!/bin/sh\necho 'version 3.13 is not active' >&2\nexit 127\n")
        shim.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
        assert venvs.runtime_python() == venvs._own_python()
        installed = tmp_path / "versions/3.13.1/bin/python"
        installed.parent.mkdir(parents=True)
        installed.write_text(f"#!/bin/sh\necho 3.13\necho {installed}\n")
        installed.chmod(0o755)
        assert venvs.runtime_python() == str(installed)


@pytest.mark.enable_socket
class TestEmulatorProcess:
    """With a stand-in process: what matters here is who is alive, and on which port."""

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
        server = tmp_path / "server"
        server.write_text(SERVER.format(python=sys.executable))
        server.chmod(0o755)
        monkeypatch.setattr(venvs, "python", lambda _name: server)
        made = Emulator(tmp_path / "home", tmp_path / "log")
        yield made
        made.stop()

    def test_it_starts_is_found_again_and_stops(self, home: Emulator) -> None:
        assert home.pid() is None
        home.start()
        again = Emulator(home.home, home.log)
        assert again.pid() == home.pid() is not None
        assert again.answers()
        assert not again.was_killed()
        assert again.stop()
        assert (again.pid(), again.was_killed()) == (None, False)

    def test_it_comes_back_on_the_port_it_had(self, home: Emulator) -> None:
        home.start()
        port = home.port
        home.stop()
        home.start()
        assert home.port == port

    def test_a_kill_is_noticed_and_its_pid_is_not_trusted(self, home: Emulator) -> None:
        home.start()
        os.kill(home.pid() or 0, signal.SIGKILL)
        while home.pid() is not None:
            pass
        assert home.was_killed()
        (home.home / "pid").write_text(
            f"{os.getpid()}\n"
        )  # as if another program had got the number
        assert home.pid() is None
        home.stop()
        assert not home.was_killed()

    def test_one_that_hangs_does_not_answer_and_is_killed(
        self, home: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(emulator, "_STOP_SECONDS", 0.3)
        home.start()
        os.kill(home.pid() or 0, signal.SIGSTOP)
        assert not home.answers(0.2)
        assert not home.stop()
        assert home.pid() is None

    def test_a_port_in_use_is_named(self, home: Emulator) -> None:
        with socket.socket() as other:
            other.bind((emulator.HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(Failure, match=f"port {port} is in use by another program"):
                home.start(port)
            assert home.pid() is None

    def test_one_that_ends_at_once_is_reported_with_its_last_words(
        self, home: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "broken"
        broken.write_text("#!/bin/sh\necho no such module >&2\n")
        broken.chmod(0o755)
        monkeypatch.setattr(venvs, "python", lambda _name: broken)
        with pytest.raises(Failure, match="ended at once: no such module"):
            home.start()

    def test_clones_prefer_different_ports_and_skip_busy_ones(self, tmp_path: Path) -> None:
        first = emulator.free_port(tmp_path / "one")
        assert first != emulator.free_port(tmp_path / "two")
        with socket.socket() as other:
            other.bind((emulator.HOST, first))
            other.listen()
            assert emulator.free_port(tmp_path / "one") != first


SERVER = """#!{python}
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), Handler).serve_forever()
"""


class TestRecords:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        """What was asked of the API, which answers each call with a replayed record and its tag."""
        made: list[tuple[Any, ...]] = []

        class Api:
            def call(self, method: str, path: str = "", **given: object) -> Answer:
                made.append((method, path, given))
                return Answer(
                    200, {"etag": '"7"', "idempotency-replayed": "true"}, b'{"type": "\\u00e4"}'
                )

        monkeypatch.setattr(records, "connected", lambda _: Api())
        monkeypatch.setattr(venvs, "run_in", lambda *_: None)
        return made

    @pytest.mark.parametrize(
        ("arguments", "call"),
        [
            (["list", "--status", ""], ("GET", "", {"query": {"status": ""}})),
            (["create", "--type", "", "--status", "ok", "--key", ""],
             ("POST", "", {"body": {"type": "", "status": "ok"}, "headers": {"Idempotency-Key": ""}})),
            (["update", "a/b", "--message", "", "--if-match", ""],
             ("PATCH", "/a%2Fb", {"body": {"message": ""}, "headers": {"If-Match": ""}})),
            (["delete", "x"], ("DELETE", "/x", {"headers": {}})),
        ],
    )  # fmt: skip
    def test_what_is_given_is_sent_also_when_empty(
        self,
        arguments: list[str],
        call: tuple[Any, ...],
        calls: list[Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["records", *arguments])
        records._verb()
        assert calls == [call]

    @pytest.mark.usefixtures("calls")
    def test_headers_that_matter_are_told_beside_the_record(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["records", "get", "x"])
        records._verb()
        said = capsys.readouterr()
        assert said.err.splitlines() == ['etag: "7"', "idempotency-replayed: true"]
        assert said.out == '{\n  "type": "ä"\n}\n'

    @pytest.mark.parametrize(
        "content", ["{", "[]", '{"records_url": "x"}', '{"records_url": "x", "region": "y"}']
    )
    def test_a_damaged_connection_is_named_with_the_remedy(
        self, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "CONNECTION", tmp_path / "connection.json")
        client.CONNECTION.write_text(content)
        with pytest.raises(Failure, match=r"connection\.json is damaged") as failure:
            client.connected("reader")
        assert "scripts/up" in str(failure.value)


class TestOptions:
    @pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", ""])
    def test_what_is_no_port_is_refused(self, text: str) -> None:
        with pytest.raises(
            argparse.ArgumentTypeError, match="is no port: take one from 1024 to 65535"
        ):
            up._port(text)

    def test_a_port_is_a_number(self) -> None:
        assert [up._port(text) for text in ("1", "65535")] == [1, 65535]

    @pytest.mark.parametrize("text", ["yesterday", "2026-01-31T09:30:00"])
    def test_what_is_no_moment_is_refused(self, text: str) -> None:
        with pytest.raises(argparse.ArgumentTypeError, match="is no time with its zone"):
            restore_drill._moment(text)
