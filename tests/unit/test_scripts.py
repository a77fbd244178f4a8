"""The helpers of scripts/: tools, ports, processes, and the text of failures."""

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

import pytest

from lib import (
    console,
    emulator,
    paths,
    restore_drill,
    stack,
    terraform,
    terraform_setup,
    up,
    venvs,
)
from lib.console import Failure
from lib.emulator import Emulator
from lib.paths import ROOT
from lib.terraform import Result

PROVIDERS = {"registry.terraform.io/hashicorp/aws": "5.100.0"}
# records is a package with dependencies: tests/unit/test_records_cli.py
VERBS = sorted({path.name for path in (ROOT / "scripts").iterdir() if path.is_file()} - {"records"})


def unpacked(mirror: Path, version: str = "5.100.0") -> Path:
    (mirror / "registry.terraform.io/hashicorp/aws" / version / terraform_setup.target()).mkdir(
        parents=True
    )
    return mirror


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_options_of_scripts_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    parser = console.argument_parser(prog="scripts/down")
    parser.add_argument("--wipe", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(["--wip"])
    assert "unrecognized arguments: --wip" in capsys.readouterr().err
    own = [
        file.name
        for file in (ROOT / "scripts" / "lib").glob("*.py")
        if "ArgumentParser(" in file.read_text()
    ]
    assert own == ["console.py"]


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_installed_environment(verb: str, tmp_path: Path) -> None:
    completed = subprocess.run(
        [ROOT / "scripts" / verb, "--help"],
        env={"PATH": os.environ["PATH"], "RECORDS_TOOLS": str(tmp_path), "PYTHON": sys.executable},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.startswith(f"usage: scripts/{verb}")
    assert list(tmp_path.iterdir()) == []


def test_records_starts_at_once_in_its_environment(tmp_path: Path) -> None:
    """Other Pythons are not started first, and bytecode is kept apart from the sources."""
    python = tmp_path / "dev" / "bin" / "python"
    python.parent.mkdir(parents=True)
    script = 'echo "$PYTHONPYCACHEPREFIX" "${PYTHONDONTWRITEBYTECODE-}" "$@"'
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts" / "records", "list", "a b"],
        env={"PATH": os.environ["PATH"], "RECORDS_TOOLS": str(tmp_path), "PYTHON": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{tmp_path}/bytecode  -m lib.records list a b\n"


def test_missing_python_is_reported(tmp_path: Path) -> None:
    for name in ("python3", *(f"python3.{minor}" for minor in (11, 12, 13, 14))):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    completed = subprocess.run(
        [ROOT / "scripts/up"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[0] == "error: no Python 3.11 or newer found"


class TestMirror:
    @pytest.fixture(autouse=True)
    def opt(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Nothing configured, an empty plugin cache, and a folder in place of /opt."""
        monkeypatch.delenv(terraform_setup.MIRROR_VARIABLE, raising=False)
        monkeypatch.setenv("TF_PLUGIN_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setattr(terraform_setup, "_OPT", tmp_path / "opt")
        return tmp_path / "opt"

    def test_plugin_cache_comes_before_opt(self, tmp_path: Path, opt: Path) -> None:
        assert terraform_setup.find_mirror(PROVIDERS) is None
        unpacked(opt / "a", "5.99.0")
        assert terraform_setup.find_mirror(PROVIDERS) is None
        unpacked(opt / "b")
        assert terraform_setup.find_mirror(PROVIDERS) == opt / "b"
        unpacked(tmp_path / "cache")
        assert terraform_setup.find_mirror(PROVIDERS) == tmp_path / "cache"

    def test_packed_mirror_counts(self, opt: Path) -> None:
        folder = opt / "a/registry.terraform.io/hashicorp/aws"
        folder.mkdir(parents=True)
        (folder / f"terraform-provider-aws_5.100.0_{terraform_setup.target()}.zip").touch()
        assert terraform_setup.find_mirror(PROVIDERS) == opt / "a"

    def test_provider_for_another_platform_does_not_count(self, opt: Path) -> None:
        (opt / "a/registry.terraform.io/hashicorp/aws/5.100.0/plan9_mips").mkdir(parents=True)
        assert terraform_setup.find_mirror(PROVIDERS) is None

    def test_variable_is_the_only_folder_considered(
        self, tmp_path: Path, opt: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        unpacked(opt / "a")
        monkeypatch.setenv(terraform_setup.MIRROR_VARIABLE, str(unpacked(tmp_path / "named")))
        assert terraform_setup.find_mirror(PROVIDERS) == tmp_path / "named"
        monkeypatch.setenv(terraform_setup.MIRROR_VARIABLE, str(tmp_path))
        with pytest.raises(
            Failure, match=r"RECORDS_PROVIDER_MIRROR is .*, which does not contain .*aws 5\.100\.0"
        ):
            terraform_setup.find_mirror(PROVIDERS)

    def test_locked_version_is_read_from_the_lock_file(self) -> None:
        assert terraform_setup.locked_providers() == PROVIDERS

    @pytest.mark.parametrize("name", ["terraformrc", "absent"])
    def test_terraform_downloads_with_the_callers_configuration(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config, log = tmp_path / name, tmp_path / "log"
        (tmp_path / "terraformrc").touch()
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))
        fake = script(
            tmp_path / "terraform", 'echo "$TF_CLI_CONFIG_FILE,$TF_PLUGIN_CACHE_DIR" "$@"'
        )
        assert terraform.download_providers(str(fake), log) == tmp_path / "cache"
        logged = log.read_text().splitlines()[-1]
        assert logged.startswith(
            f"{config if config.exists() else ''},{tmp_path / 'cache'} -chdir="
        )
        assert " init -backend=false" in logged

    def test_other_providers_come_from_their_registry(self, tmp_path: Path) -> None:
        written = terraform_setup.mirror_config(tmp_path / 'a "b"', PROVIDERS)
        assert r"a \"b\"" in written
        assert 'include = ["registry.terraform.io/hashicorp/aws"]' in written
        assert 'exclude = ["registry.terraform.io/hashicorp/aws"]' in written


class TestTerraformDownload:
    NAME = f"terraform_9.9.9_{terraform_setup.target()}.zip"

    @staticmethod
    def archive(content: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("terraform", content)
        return buffer.getvalue()

    @pytest.fixture
    def checksums(self, tmp_path: Path) -> Path:
        """The checksum of an archive that holds `binary`."""
        digest = hashlib.sha256(self.archive(b"binary")).hexdigest()
        (tmp_path / "sums").write_text(f"{'0' * 64}  another.zip\n{digest}  {self.NAME}\n")
        return tmp_path / "sums"

    def test_download_with_the_committed_checksum_is_installed(
        self, tmp_path: Path, checksums: Path
    ) -> None:
        place, addresses = tmp_path / "9.9.9" / "terraform", []

        def fetch(address: str) -> bytes:
            addresses.append(address)
            return self.archive(b"binary")

        terraform_setup.install_binary("9.9.9", place, fetch, checksums)
        assert addresses == [f"https://releases.hashicorp.com/terraform/9.9.9/{self.NAME}"]
        assert place.read_bytes() == b"binary"
        assert os.access(place, os.X_OK)

    def test_download_with_another_checksum_is_discarded(
        self, tmp_path: Path, checksums: Path
    ) -> None:
        with pytest.raises(Failure, match=r"the SHA-256 of the downloaded .* differs from"):
            terraform_setup.install_binary(
                "9.9.9", tmp_path / "t", lambda _: self.archive(b"forged"), checksums
            )
        assert list(tmp_path.iterdir()) == [checksums]

    def test_failed_download_names_the_remedy(self, tmp_path: Path, checksums: Path) -> None:
        def fail(address: str) -> bytes:
            raise OSError(f"no route to {address}")

        with pytest.raises(
            Failure, match=r"Terraform 9\.9\.9 is not on PATH and could not be downloaded"
        ) as failure:
            terraform_setup.install_binary("9.9.9", tmp_path / "terraform", fail, checksums)
        assert failure.value.remedy.startswith("install Terraform 9.9.9 on PATH")

    def test_platform_without_a_checksum_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(Failure, match=r"terraform\.sha256 has no line for terraform_9\.9"):
            terraform_setup.install_binary("9.9.9", tmp_path / "terraform", lambda _: b"")

    def test_pinned_version_has_a_checksum_per_platform(self) -> None:
        version = (ROOT / ".terraform-version").read_text().strip()
        names = {line.split()[1] for line in terraform_setup._CHECKSUMS.read_text().splitlines()}
        assert names == {
            f"terraform_{version}_{system}_{machine}.zip"
            for system in ("darwin", "linux")
            for machine in ("amd64", "arm64")
        }

    def test_terraform_on_path_is_used_if_its_version_matches(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = script(tmp_path / "terraform", 'echo \'{"terraform_version": "9.9.9"}\'')
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.setattr(terraform_setup, "TOOLS", tmp_path)
        installed = []
        monkeypatch.setattr(
            terraform_setup, "install_binary", lambda version, *_: installed.append(version)
        )
        assert terraform_setup.find_binary("9.9.9") == str(fake)
        assert terraform_setup.find_binary("8.8.8") == str(tmp_path / "terraform/8.8.8/terraform")
        assert installed == ["8.8.8"]


def test_terraform_does_not_inherit_aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_terraform_error_is_the_first_one() -> None:
    first = "╷\n│ Error: creating table: it exists\n│ \n│   with aws_dynamodb_table.records\n╵"
    output = f"\n{first}\n╷\n│ Error: later\n╵\n"
    assert Result(1, output).error == "creating table: it exists"
    assert Result(0, "Apply complete!").error == ""


def test_failure_prints_cause_remedy_and_log() -> None:
    text = str(Failure("it failed", "fix it", ROOT / ".local/logs/up.log"))
    assert text == "error: it failed\n  fix: fix it\n  log: .local/logs/up.log"


def test_failed_command_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    def verb() -> None:
        with console.step("a step"):
            raise Failure("it failed", "fix it")

    with pytest.raises(SystemExit) as exit_:
        console.main(verb)
    printed = capsys.readouterr()
    assert exit_.value.code == 1
    assert printed.out.split() == ["a", "step", "0.0", "s", "failed"]
    assert printed.err == "error: it failed\n  fix: fix it\n"


def test_interrupted_command_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    def verb() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit_:
        console.main(verb)
    assert exit_.value.code == 130
    expected = "Interrupted. Run the same command again to continue.\n"
    assert capsys.readouterr().err == expected


def test_connection_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text("old")
    path.chmod(0o644)
    stack.write_private(path, {"a": 1})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert list(tmp_path.iterdir()) == [path]


class TestPythonEnvironments:
    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A checkout with a lock file, and a stand-in for uv that logs its commands."""
        monkeypatch.setattr(venvs, "TOOLS", tmp_path / "tools")
        monkeypatch.setattr(paths, "TOOLS", tmp_path / "tools")
        monkeypatch.setattr(venvs, "ROOT", tmp_path)
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / "uv.lock").write_text("a 1")
        fake = script(
            tmp_path / "uv",
            f'echo "$1" >>{tmp_path}/calls; echo "  cause: no route"\n'
            f'[ ! -e {tmp_path}/broken ] && mkdir -p "$UV_PROJECT_ENVIRONMENT/bin" &&'
            ' touch "$UV_PROJECT_ENVIRONMENT/bin/python"',
        )
        monkeypatch.setattr(venvs, "uv", lambda: str(fake))
        return tmp_path

    @staticmethod
    def calls(root: Path) -> list[str]:
        return (root / "calls").read_text().split()

    def test_environment_is_synced_once_per_lock_file(self, root: Path) -> None:
        for lock, syncs in (("a 1", 1), ("a 1", 1), ("a 2", 2)):
            (root / "uv.lock").write_text(lock)
            venvs.ensure("dev")
            assert venvs.is_current("dev")
            assert self.calls(root) == ["sync"] * syncs

    def test_moved_environment_is_replaced(self, root: Path) -> None:
        venvs.ensure("dev")
        stale = root / "tools/dev/stale"
        stale.touch()
        (root / "tools/dev/synced-from").write_text("digest\n/usr/bin/python /elsewhere/dev\n")
        venvs.ensure("dev")
        assert not stale.exists()

    def test_failed_sync_reports_the_cause_and_is_repeated(self, root: Path) -> None:
        venvs.ensure("dev")
        (root / "uv.lock").write_text("a 2")
        (root / "broken").touch()
        with pytest.raises(Failure, match="group dev could not be installed: no route") as failure:
            venvs.ensure("dev")
        assert "PyPI" in failure.value.remedy
        (root / "uv.lock").write_text("a 1")
        assert not venvs.is_current("dev")  # its content is unknown now

    def test_configured_index_installs_the_same_versions(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
        monkeypatch.setenv("PIP_CERT", "/certificates")
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        environment = venvs.uv_environment()
        assert environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
        assert environment["SSL_CERT_FILE"] == "/certificates"
        venvs.ensure("dev")
        assert self.calls(root) == ["export", "venv", "pip"]

    def test_missing_runtime_python_is_reported(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(venvs, "find_runtime", lambda: "")
        venvs.ensure("emulator")
        assert "no Python 3.13 found, so functions run on Python" in capsys.readouterr().out
        assert (root / "tools/emulator").exists()


def test_python_that_does_not_start_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = venvs.uv()
    monkeypatch.setattr(venvs, "uv", lambda: uv)
    script(tmp_path / "python3.13", "echo 'version 3.13 is not active' >&2\nexit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert venvs.runtime_python() == venvs._base_python()


def test_uv_on_path_is_used_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venvs, "TOOLS", tmp_path)
    monkeypatch.setattr(paths, "TOOLS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    installed: list[Path] = []
    monkeypatch.setattr(venvs, "_install_uv", installed.append)
    on_path = script(tmp_path / "uv", "echo uv 0.100.0")
    assert venvs.uv() == str(on_path)
    script(tmp_path / "uv", "echo uv 0.8.22")
    assert [venvs.uv()] == list(map(str, installed))
    assert installed[0].is_relative_to(tmp_path / "uv")


@pytest.mark.enable_socket
class TestEmulatorProcess:
    """The life cycle of the process, with a stub in place of the emulator."""

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
        server = tmp_path / "server"
        server.write_text(SERVER.format(python=sys.executable))
        server.chmod(0o755)
        monkeypatch.setattr(venvs, "python", lambda _name: server)
        process = Emulator(tmp_path / "home", tmp_path / "log")
        yield process
        process.stop()

    def test_process_starts_and_stops(self, home: Emulator) -> None:
        assert home.pid() is None
        home.start()
        again = Emulator(home.home, home.log)
        assert again.pid() == home.pid() is not None
        assert again.responds()
        assert not again.was_killed()
        assert again.stop()
        assert (again.pid(), again.was_killed()) == (None, False)

    def test_restart_uses_the_same_port(self, home: Emulator) -> None:
        home.start()
        port = home.port
        home.stop()
        home.start()
        assert home.port == port

    def test_kill_is_detected_and_a_reused_pid_is_ignored(self, home: Emulator) -> None:
        home.start()
        pid = home.pid()
        assert pid  # 0 would signal the test's own process group
        os.kill(pid, signal.SIGKILL)
        while home.pid() is not None:
            pass
        assert home.was_killed()
        (home.home / "pid").write_text(f"{os.getpid()}\n")  # as if another program had the same pid
        assert home.pid() is None
        home.stop()
        assert home.was_killed()  # so that the next start says what was lost
        home.start()
        assert not home.was_killed()

    def test_unresponsive_process_is_killed(
        self, home: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(emulator, "_STOP_SECONDS", 0.3)
        home.start()
        pid = home.pid()
        assert pid  # 0 would signal the test's own process group
        os.kill(pid, signal.SIGSTOP)
        assert not home.responds(0.2)
        assert not home.stop()
        assert home.pid() is None

    def test_port_in_use_is_reported(self, home: Emulator) -> None:
        with socket.socket() as other:
            other.bind((emulator.HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            cause = f"port {port} is in use by another program"
            with pytest.raises(Failure, match=cause) as failure:
                home.start(port)
            assert "choose another port: --port N" in failure.value.remedy
            assert home.pid() is None

    def test_failed_start_reports_the_last_log_line(
        self, home: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "broken"
        broken.write_text("#!/bin/sh\necho no such module >&2\n")
        broken.chmod(0o755)
        monkeypatch.setattr(venvs, "python", lambda _name: broken)
        with pytest.raises(Failure, match="exited during startup: no such module"):
            home.start()

    def test_clones_use_different_free_ports(self, tmp_path: Path) -> None:
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
address = os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])
http.server.HTTPServer(address, Handler).serve_forever()
"""


class TestOptions:
    @pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", ""])
    def test_invalid_port_is_rejected(self, text: str) -> None:
        with pytest.raises(
            argparse.ArgumentTypeError, match="is not a port: pass a number from 1 to 65535"
        ):
            up._port(text)
        assert [up._port(port) for port in ("1", "65535")] == [1, 65535]

    @pytest.mark.parametrize("text", ["yesterday", "2026-01-31T09:30:00"])
    def test_time_without_a_time_zone_is_rejected(self, text: str) -> None:
        with pytest.raises(argparse.ArgumentTypeError, match="is not a time with a time zone"):
            restore_drill._moment(text)
