"""What `records` prints when something fails, and with which code it exits."""

import errno
import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from lib.paths import ROOT
from records_cli import problems
from records_cli.app_options import finish
from records_cli.client import NotSentError, Response, proxy_of, send
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.viewer import server as viewer_server
from unit.test_records_cli import Api, api, run

__all__ = ["api"]  # a fixture

SERVICE = "urn:records-api:"


def answer(status: int, headers: Mapping[str, str] | None = None, **body: object) -> Response:
    return Response(status, headers or {}, json.dumps(body).encode())


def at(seconds: float) -> dict[str, str]:
    """Return the Date header of a server whose clock is so many seconds ahead of this one's."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"date": format_datetime(moment, usegmt=True)}


@pytest.mark.parametrize(
    ("method", "response", "code", "text"),
    [
        ("GET", answer(401, message="Unauthorized"), Exit.REFUSED,
         "Unauthorized (401)\n  fix: sign in again"),
        ("GET", answer(403, message="Forbidden"), Exit.REFUSED,
         "Forbidden (403)\n  fix: these credentials lack the permission: records doctor"),
        ("GET", answer(403, message="The security token included in the request is expired"),
         Exit.REFUSED, "fix: the AWS credentials have expired: sign in again"),
        ("GET", answer(403, message="The security token included in the request is invalid."),
         Exit.REFUSED, "fix: the AWS credentials are not valid here"),
        ("GET", answer(403, message="Signature expired: 20260131T09 is now earlier than ..."),
         Exit.REFUSED, "fix: set the clock of this machine"),
        ("GET", answer(403, at(-900), message="Forbidden"), Exit.REFUSED,
         " s ahead"),
        ("GET", answer(403, at(900), message="Forbidden"), Exit.REFUSED, " s behind"),
        ("GET", answer(403, message="The request signature we calculated does not match ..."),
         Exit.REFUSED, "fix: the signature was not accepted"),
        ("GET", answer(404, type=f"{SERVICE}record-not-found", detail="No record has this ID."),
         Exit.NOT_FOUND, "No record has this ID (404)\n  fix: check the ID"),
        ("POST", answer(404, type=f"{SERVICE}version-not-found", detail="No version 7."),
         Exit.NOT_FOUND, "fix: choose a version with content"),
        ("DELETE", answer(404, message="Not Found"), Exit.NOT_FOUND,
         "fix: check the URL with records doctor; else this operation is disabled"),
        ("POST", answer(409, type=f"{SERVICE}nothing-to-restore"), Exit.CONFLICT, "nothing to do"),
        ("POST", answer(410, type=f"{SERVICE}record-deleted"), Exit.NOT_FOUND, "use another --key"),
        ("PATCH", answer(412, {"etag": '"2-a"'}, type=f"{SERVICE}precondition-failed"),
         Exit.CONFLICT, '(412)\n  current ETag: "2-a"\n  fix: read the record again'),
        ("POST", answer(413, type=f"{SERVICE}too-large"), Exit.BAD_INPUT, "fix: shorten the"),
        ("POST", answer(413, message="Request Entity Too Large"), Exit.BAD_INPUT, "fix: shorten"),
        ("POST", answer(422, type=f"{SERVICE}idempotency-key-reused"), Exit.CONFLICT,
         "fix: use another --key"),
        ("GET", answer(429, {"retry-after": "7"}, message="Too Many Requests"), Exit.UNAVAILABLE,
         "Too Many Requests (429)\n  fix: nothing was changed: try again in 7 s"),
        ("POST", answer(429), Exit.UNAVAILABLE, "fix: nothing was changed: try again in a moment"),
        ("POST", answer(503, {"retry-after": "1"}, type=f"{SERVICE}unavailable", requestId="q"),
         Exit.UNAVAILABLE, "(503)\n  request ID: q\n  fix: nothing was changed: try again in 1 s"),
        ("PATCH", answer(503, type=f"{SERVICE}outcome-unknown"), Exit.OUTCOME_UNKNOWN,
         "fix: read the record, or its history, before you repeat"),
        ("GET", answer(500, type=f"{SERVICE}internal-error", requestId="q"), Exit.ERROR,
         "request ID: q\n  fix: search the service's log"),
        ("POST", answer(500, type=f"{SERVICE}internal-error"), Exit.OUTCOME_UNKNOWN, "fix: read"),
        ("GET", answer(500, message="Internal Server Error"), Exit.UNAVAILABLE, "fix: try again"),
        ("POST", answer(500, message="Internal Server Error"), Exit.OUTCOME_UNKNOWN, "fix: read"),
        ("GET", answer(302), Exit.ERROR, "the API returned Found (302)\n  fix: check the URL"),
        ("GET", Response(599, {}, b"<html>"), Exit.UNAVAILABLE, "an unknown status (599)"),
    ],
)  # fmt: skip
def test_each_status_has_cause_remedy_and_code(
    method: str, response: Response, code: Exit, text: str
) -> None:
    failure = problems.failure(response, method)
    assert failure.code == code
    assert text in str(failure)


def test_errors_of_a_400_are_listed_by_field() -> None:
    errors = [
        {"pointer": "/attributes/a/b", "detail": "is too long"},
        {"pointer": "", "detail": "must be an object"},
        {"parameter": "stauts", "detail": "is not a known parameter"},
        {"header": "Idempotency-Key", "detail": "must be visible ASCII"},
    ]
    problem = {"type": f"{SERVICE}invalid-request", "detail": "The request is not valid."}
    body = {**problem, "errors": errors, "errorsOmitted": 7}
    failure = problems.failure(Response(400, {}, json.dumps(body).encode()), "POST")
    assert failure.code == Exit.BAD_INPUT
    assert str(failure).splitlines() == [
        "error: the request is not valid (400)",
        "  attributes.a.b: is too long",
        "  body: must be an object",
        "  stauts: is not a known parameter",
        "  Idempotency-Key: must be visible ASCII",
        "  and 7 more",
        "  fix: correct the values above; see --help",
    ]


def not_sent(reason: OSError) -> OSError:
    error = NotSentError(str(reason))
    error.__cause__ = reason
    return error


@pytest.mark.parametrize(
    ("error", "method", "code", "remedy"),
    [
        (not_sent(socket.gaierror(-2, "Name unknown")), "POST", Exit.UNAVAILABLE, "check the host"),
        (not_sent(ConnectionRefusedError("refused")), "POST", Exit.UNAVAILABLE, "records doctor"),
        (not_sent(ssl.SSLCertVerificationError("self-signed")), "GET", Exit.UNAVAILABLE,
         "SSL_CERT_FILE"),
        (TimeoutError("timed out"), "GET", Exit.UNAVAILABLE, "records doctor"),
        (TimeoutError("timed out"), "POST", Exit.OUTCOME_UNKNOWN, "read the record"),
        (ConnectionResetError("reset"), "DELETE", Exit.OUTCOME_UNKNOWN, "read the record"),
    ],
)  # fmt: skip
def test_a_lost_request_is_unknown_only_if_it_was_sent(
    error: OSError, method: str, code: Exit, remedy: str
) -> None:
    failure = problems.no_response(error, method, "https://h/records")
    assert failure.code == code
    assert failure.cause.startswith("no response from https://h/records: ")
    assert remedy in failure.remedy


def raise_(error: BaseException) -> Callable[..., None]:
    def verb(*_: object) -> None:
        raise error

    return verb


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Failure("cause", "remedy", Exit.CONFLICT, details=["a: b"]), 6,
         "error: cause\n  a: b\n  fix: remedy\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, ""),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 1,
         "error: f: No space left on device\n  fix: check the path, the permissions and the free"),
    ],
)  # fmt: skip
def test_every_end_has_one_message_and_a_code(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        finish(raise_(error))
    assert exit_.value.code == code
    assert capsys.readouterr().err.startswith(text)


class Server(BaseHTTPRequestHandler):
    """A service with endless pages of 1,000 records."""

    page = json.dumps(
        {"records": [{"recordID": f"r{n}", "type": "t" * 50} for n in range(1000)], "next": "c"}
    ).encode()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, str]:
    """The environment of a `records` that calls a service with endless pages."""
    server = HTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    return {
        "PYTHONPATH": str(ROOT / "scripts"),
        "RECORDS_URL": f"http://127.0.0.1:{server.server_port}/records",
        "XDG_CONFIG_HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }


COMMAND = [sys.executable, "-m", "records_cli", "list", "--all", "--auth", "none", "-o", "csv"]


@pytest.mark.enable_socket
def test_a_closed_pipe_ends_the_command_silently(endless: dict[str, str]) -> None:
    with subprocess.Popen(
        COMMAND, env=endless, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b"recordID,")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == Exit.OUTPUT_CLOSED


@pytest.mark.enable_socket
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_reported_once(endless: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            COMMAND, env=endless, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.returncode == Exit.ERROR
    assert result.stderr.startswith(b"error: No space left on device\n  fix: ")
    assert result.stderr.count(b"\n") == 2


@pytest.mark.enable_socket
def test_ctrl_c_prints_one_line(endless: dict[str, str]) -> None:
    with subprocess.Popen(
        COMMAND, env=endless, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert error == b"interrupted\n"


@pytest.mark.parametrize(
    "arguments", [["get"], ["history"], ["delete"], ["restore", "3"], ["verify", "r"]], ids=" ".join
)
def test_an_empty_id_is_not_sent(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell variable that is not set is an empty argument; there is no service to call here."""
    verb, *more = arguments
    assert run(monkeypatch, verb, "", *more) == Exit.BAD_INPUT
    assert "it is empty, like a shell variable" in " ".join(capsys.readouterr().err.split())


def test_an_error_reaches_standard_error_only(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "No \x1b[2Jrecord"
    api.response = answer(404, type=f"{SERVICE}record-not-found", detail=hostile)
    assert run(monkeypatch, "get", "x") == Exit.NOT_FOUND
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(r"error: No \x1b[2Jrecord (404)")


def test_viewer_warns_if_the_service_does_not_respond(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Page:
        site = SimpleNamespace(link="http://127.0.0.1:8080/open")
        serve_forever = server_close = lambda _: None

        def __init__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(viewer_server, "Server", Page)
    assert run(monkeypatch, "open", "--no-browser") == Exit.OK
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(api, "note", raise_(ConnectionRefusedError("refused")))
    assert run(monkeypatch, "open", "--no-browser") == Exit.OK
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: no response from http://127.0.0.1:1/records: refused")
    assert Page.site.link in printed.out


def test_output_that_failed_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python flushes standard output once more when it exits."""

    class Broken(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self) -> int:
            return file.fileno()

    with (tmp_path / "output").open("wb") as file:
        monkeypatch.setattr(sys, "stdout", Broken())
        with pytest.raises(SystemExit):
            finish(lambda: None)
        assert os.fstat(file.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


@pytest.mark.enable_socket
def test_a_refused_connection_is_told_apart_from_a_lost_response() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/records"

        def close_after_the_request() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)

        thread = Thread(target=close_after_the_request)
        thread.start()
        with pytest.raises(ConnectionError) as lost:
            send("POST", url, b"{}", {})
        thread.join()
    with pytest.raises(NotSentError) as refused:
        send("POST", url, b"{}", {})
    assert not isinstance(lost.value, NotSentError)
    assert isinstance(refused.value.__cause__, ConnectionRefusedError)


@pytest.mark.enable_socket
def test_https_goes_through_the_proxy_unless_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                requests.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 407 Authenticate\r\n\r\n")

        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{port}")
        thread = Thread(target=refuse)
        thread.start()
        with pytest.raises(NotSentError, match="407 Authenticate"):
            send("GET", "https://records.invalid/records", b"", {})
        thread.join()
    assert requests[0].startswith(b"CONNECT records.invalid:443 ")
    assert b"bWU6cEBzcw==" in requests[0]  # me:p@ss
    url = urlsplit("https://records.invalid/records")
    monkeypatch.setenv("NO_PROXY", "example.com,.invalid")
    assert proxy_of(url) is None
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert proxy_of(url)
    assert proxy_of(url._replace(scheme="http")) is None
