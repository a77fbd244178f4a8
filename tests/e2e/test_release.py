"""Failed releases, rollback and canary, while a caller keeps sending requests."""

import json
import re
import select
import socket
import socketserver
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from contract import aws_cli
from e2e import conformance, isolated
from e2e.conftest import Aws
from e2e.isolated import SERVICE, Service
from e2e.support import run_aws
from lib import documents
from lib.client import Caller
from lib.emulator import HOST, REGION
from lib.package import PACKAGE
from lib.paths import ROOT
from lib.stack import Stack
from records_api import __version__

OPERATIONS = ("create", "delete", "get", "list", "update")
CALL_EVERY_SECONDS = 0.1

# The header by which a caller can tell the builds apart.
HEADER = "cache-control"
BUILD_A, BUILD_B = "private, no-cache", "private, no-store"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with isolated.service(tmp_path) as service_:
        yield service_


@dataclass
class Traffic:
    """The builds that responded to a caller, in order, and the failed requests."""

    builds: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def call(self, reader: Caller) -> None:
        try:
            response = reader.call("GET", query="limit=1")
        except OSError as error:
            self.failures.append(repr(error))
            return
        if response.status == 200:
            self.builds.append(response.headers[HEADER])
        else:
            self.failures.append(f"{response.status} {response.body!r}")

    def changes(self) -> list[str]:
        """Return the builds that responded, without repetitions."""
        return [build for build, _ in groupby(self.builds)]


@contextmanager
def calling(reader: Caller) -> Iterator[Traffic]:
    """Send requests during the block, the first before it and the last after it."""
    traffic, ended = Traffic(), threading.Event()

    def call_on() -> None:
        while not ended.wait(CALL_EVERY_SECONDS):
            traffic.call(reader)

    traffic.call(reader)
    caller = threading.Thread(target=call_on)
    caller.start()
    try:
        yield traffic
    finally:
        ended.set()
        caller.join()
        traffic.call(reader)


@contextmanager
def relay(port: int, target: int) -> Iterator[None]:
    """Forward connections from one loopback port to another."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((HOST, target)) as upstream:
                ends: dict[socket.socket, socket.socket] = {
                    self.request: upstream,
                    upstream: self.request,
                }
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        data = end.recv(65536)
                        if not data:
                            return
                        ends[end].sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True  # the function keeps its connection open

    with Server((HOST, port), Connection) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def repacked(path: Path, name: str, edit: Callable[[str], str | None]) -> dict[str, str]:
    """Write the package to `path` with one file edited, or without it if `edit` returns None.

    The copy has no bytecode, which would be used in place of an edited source. Returns the value of
    `lambda_package`.
    """
    with zipfile.ZipFile(PACKAGE / "records-api.zip") as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            if entry.filename.endswith(".pyc"):
                continue
            content: str | None = old.read(entry).decode()
            if entry.filename == name:
                content = edit(old.read(entry).decode())
            if content is not None:
                new.writestr(entry, content)
    return {"path": str(path)}


def build_b(source: str) -> str:
    assert source.count(BUILD_A) == 1
    return source.replace(BUILD_A, BUILD_B)


def test_failed_release_serves_no_requests(service: Service) -> None:
    port = unused_port()
    broken = {"dynamodb_endpoint_url": f"http://{HOST}:{port}"}
    before = service.live()
    with calling(service.reader) as traffic:
        failed = service.apply(function=broken)
        assert failed.code == 1
        assert 'aws_lambda_invocation.gate["live"]' in failed.output
        # On a busy machine the self-test can run out of time before it tries the last operation.
        assert ": ConnectionRefusedError" in failed.error
        assert [name for name in OPERATIONS if f"{name}: " not in failed.error] == []
        assert service.live() == before

        # A rollback does not run the self-test of the newest version, which is broken.
        service.apply_or_fail(function=broken, release={"pinned_version": before[0]})
        assert service.live() == before

        unknown = service.stack.call("plan", variables={"release": {"pinned_version": "99"}})
        assert unknown.code == 1
        assert 'data.aws_lambda_function.pinned["release.pinned_version=99"]' in unknown.output

        # Once the endpoint exists, the same apply succeeds without another version.
        with relay(port, int(service.stack.url.rpartition(":")[2])):
            service.apply_or_fail(function=broken)
            assert service.live() == (str(int(before[0]) + 1), {})
            traffic.call(service.reader)
            # Roll back, because the endpoint exists only in this test.
            service.apply_or_fail(function=broken, release={"pinned_version": before[0]})
    assert traffic.failures == []
    assert traffic.changes() == [BUILD_A]


def test_rollback_and_canary_without_failed_requests(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The header that marks build B is not as documented.
    monkeypatch.setattr(conformance, "undocumented", lambda *_: [])
    b = repacked(tmp_path / "b.zip", "records_api/responses.py", build_b)
    broken = repacked(tmp_path / "broken.zip", "records_api/store.py", lambda _: None)
    version_a, _ = service.live()
    with calling(service.reader) as traffic:
        service.apply_or_fail(lambda_package=b)
        version_b, others = service.live()
        assert version_b != version_a
        assert others == {}

        service.apply_or_fail(lambda_package=b, release={"pinned_version": version_a})
        assert service.live() == (version_a, {})

        # The emulator stores the weight of a canary and sends it no requests.
        canary = {"pinned_version": version_a, "canary": {"weight": 0.1}}
        service.apply_or_fail(lambda_package=b, release=canary)
        assert service.live() == (version_a, {version_b: 0.1})

        failed = service.apply(lambda_package=broken, release=canary)
        assert failed.code == 1
        assert 'aws_lambda_invocation.gate["canary"]' in failed.output
        assert "cannot import name 'store'" in failed.error
        assert service.live() == (version_a, {version_b: 0.1})
    assert traffic.failures == []
    assert traffic.changes() == [BUILD_A, BUILD_B, BUILD_A]


def test_unpublished_release_fails_with_publish_command(service: Service) -> None:
    """As after an apply that changed the function's configuration and failed to publish it."""
    changed = {"function": {"memory_mb": 640}}
    before = service.live()
    plan = service.planned(**changed)
    function = plan["aws_lambda_function.records"]["after"]
    gate = plan['aws_lambda_invocation.gate["live"]']
    # The number of the new version is not known yet; its code and configuration are.
    assert "qualifier" not in gate["after"]
    assert gate["after"]["triggers"]["serves"] == "newest"
    assert gate["after"]["triggers"]["runs"] == function["description"]
    old, new = (
        re.fullmatch(
            rf"records-api {__version__} source [0-9a-f]{{12}} configuration ([0-9a-f]{{12}})",
            gate[side]["triggers"]["runs"],
        )
        for side in ("before", "after")
    )
    assert old
    assert new
    assert old[1] != new[1]

    client = service.aws("lambda")
    client.update_function_configuration(
        FunctionName=SERVICE,
        Description=function["description"],
        Environment={"Variables": function["environment"][0]["variables"]},
        MemorySize=function["memory_size"],
    )
    failed = service.apply(**changed)
    assert failed.code == 1
    # Terraform itself plans no change of the function.
    assert "aws_lambda_function.records will be" not in failed.output
    mismatch = f"configuration hash {old[1]} does not match the expected {new[1]}."
    assert f"version {before[0]}: {mismatch}" in failed.error
    assert service.live() == before

    # A version that was released before is not compared, so that a rollback still works.
    pinned = service.planned(**changed, release={"pinned_version": before[0]})
    triggers = pinned['aws_lambda_invocation.gate["live"]']["after"]["triggers"]
    assert triggers["serves"] == f"version {before[0]} (pinned)"
    assert old[1] in triggers["runs"]

    command = re.search(r"run: (aws lambda publish-version .*?) and apply again", failed.error)
    assert command
    [[_, *words]] = aws_cli.commands(command[1], ("aws",))
    run_aws(words, service.aws)
    service.apply_or_fail(**changed)
    assert service.live() == (str(int(before[0]) + 1), {})
    assert service.planned(**changed) == {}

    check_versions_command(service, old[1], new[1])


def check_versions_command(service: Service, first: str, second: str) -> None:
    """The runbook shows two versions with these configuration hashes, and one failed self-test."""
    listed, alias, failures = (
        run_aws(words, service.aws)
        for _, *words in aws_cli.commands(service.runbook()["versions"], ("aws",))
    )
    descriptions = {number: description for number, _, description in listed}
    assert first in descriptions["1"]
    assert second in descriptions["2"]
    assert alias["live"] == "2"
    errors = [json.loads(message) for _, message in failures if "self-test failed" in message]
    assert [line["functionVersion"] for line in errors] == ["1"]


def test_second_plan_is_empty(stack: Stack) -> None:
    result = stack.call("plan", "-detailed-exitcode")
    assert result.code == 0, result.output


def test_deployed_digest_is_that_of_the_package(aws: Aws) -> None:
    """With the commands of docs/release.md."""
    page = documents.blocks(ROOT / "docs/release.md")
    [block] = [block for block in page if "CodeSha256" in block.text]
    text = documents.filled(block.text, {"<function_name>": SERVICE, "<region>": REGION})
    deployed, package = text.split("\nopenssl", 1)
    [[_, *words]] = aws_cli.commands(deployed, ("aws",))
    command = f"openssl{package}"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, check=True)
    assert run_aws(words, aws) == done.stdout.decode().strip()
