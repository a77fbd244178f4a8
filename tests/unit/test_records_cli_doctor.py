"""`records doctor`: each check names what is wrong, and none changes anything."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self

import pytest

from records_cli import doctor, sign_in, tokens
from records_cli.app_options import Options
from records_cli.auth import Auth
from records_cli.client import Caller, Response
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from unit.test_records_cli import run
from unit.test_records_cli_service import URL, folder, jwt

__all__ = ["folder"]  # a fixture

UNAUTHORIZED = Response(401, {}, b'{"message": "Unauthorized"}')
FORBIDDEN = Response(403, {}, b'{"message": "Forbidden"}')
NOT_FOUND = Response(404, {}, b'{"message": "Not Found"}')
HANDLED = Response(400, {"x-request-id": "q"}, b"{}")


class Context:
    """Encrypts nothing."""

    def wrap_socket(self, _: object, server_hostname: str) -> Self:
        assert server_hostname in URL
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def version(self) -> str:
        return "TLSv1.3"

    def getpeercert(self) -> dict[str, str]:
        return {"notAfter": "Jan  1 00:00:00 2030 GMT"}


Calls = list[tuple[str, str, Any]]
Answer = Callable[[str, str], Response]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The requests of the checks, to a network that works and a service that allows all."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("192.0.2.1", 1))])
    monkeypatch.setattr(socket, "create_connection", lambda *_: nullcontext())
    monkeypatch.setattr(ssl, "create_default_context", Context)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE12345")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    made: Calls = []
    respond(monkeypatch, made, lambda *_: HANDLED)
    return made


def respond(monkeypatch: pytest.MonkeyPatch, made: Calls, answer: Answer) -> None:
    def call(caller: Caller, method: str, path: str = "", **request: Any) -> Response:
        made.append((method, path, request.get("body")))
        return answer(method, caller.url.removeprefix("https://").partition("/")[2] + path)

    monkeypatch.setattr(Caller, "call", call)


def checked(options: Options) -> dict[str, str]:
    reports: dict[str, str] = {}
    doctor.run(options, reports.__setitem__)
    return reports


def test_all_checks_report_what_they_found(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "doctor", "--url", URL) == 0
    names = ", ".join(probe.operation for probe in doctor.PROBES)
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["service", f"{URL}, from --url"]
    assert lines[1] == ["name", "a1b2.execute-api.eu-central-1.amazonaws.com is 192.0.2.1"]
    assert lines[2][0] == "connection"
    assert lines[3:] == [
        ["TLS", "TLSv1.3, certificate until Jan  1 00:00:00 2030 GMT"],
        ["HTTP", "400 to a request without credentials"],
        ["clock", "the response has no Date header to compare with"],
        ["credentials", "AWS access key AKIA...2345, long-term, from env"],
        ["region", "eu-central-1"],
        *([probe.operation, "allowed"] for probe in doctor.PROBES),
        ["result", f"no problem found: this caller may {names}"],
    ]
    assert [call for call in calls if call[0] != "GET"] == [
        ("POST", "", {}),
        ("PATCH", "/records-doctor-no-such-record", []),
        ("DELETE", "/records-doctor-no-such-record", None),
        ("POST", "/records-doctor-no-such-record/restore", {}),
    ]


def test_operations_are_allowed_refused_or_disabled(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(method: str, path: str) -> Response:
        if path == "/changes":
            return NOT_FOUND
        return HANDLED if method == "GET" and not path.endswith("history") else FORBIDDEN

    respond(monkeypatch, calls, answer)
    reports = checked(Options(url=URL))
    assert (reports["list"], reports["get"]) == ("allowed", "allowed")
    assert reports["update"].startswith("not for this caller: needs the writer policy")
    assert reports["history"].startswith("not for this caller: needs the auditor policy")
    assert reports["result"] == "no problem found: this caller may list, get"
    assert reports["changes"] == "disabled in this deployment"


def aws_error(kind: str, text: str) -> Response:
    """Return a 403 of API Gateway that says why."""
    return Response(403, {"x-amzn-errortype": kind}, json.dumps({"message": text}).encode())


@pytest.mark.parametrize(
    ("unsigned", "signed", "token", "text"),
    [
        (FORBIDDEN, aws_error("UnrecognizedClientException", "The security token included in the"
                              " request is invalid."), "", "the AWS credentials are not valid"),
        # What AWS documents: another type with the same text.
        (FORBIDDEN, aws_error("AccessDeniedException", "The security token included in the request"
                              " is invalid."), "", "the AWS credentials are not valid"),
        (FORBIDDEN, aws_error("InvalidSignatureException", "The request signature we calculated"
                              " does not match"), "", "check the secret key"),
        (FORBIDDEN, aws_error("InvalidSignatureException", "Signature expired: 2026"), "",
         "set the clock"),
        (FORBIDDEN, aws_error("MissingAuthenticationTokenException",
                              "Missing Authentication Token"), "", "check the path, the stage"),
        (FORBIDDEN, FORBIDDEN, "t", "this URL takes AWS signatures, not bearer tokens"),
        (UNAUTHORIZED, UNAUTHORIZED, "", "this URL takes bearer tokens, not AWS signatures"),
        (UNAUTHORIZED, UNAUTHORIZED, "t", "the token is not accepted"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("calls")
def test_wrong_credentials_end_the_checks_before_permissions(
    unsigned: Response, signed: Response, token: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(caller: Caller, *_: object, **__: object) -> Response:
        return unsigned if isinstance(caller, sign_in.AnonymousCaller) else signed

    monkeypatch.setattr(Caller, "call", call)
    monkeypatch.setenv(tokens.TOKEN, token)
    reports: dict[str, str] = {}
    with pytest.raises(Failure, match=text) as failure:
        doctor.run(Options(url=URL), reports.__setitem__)
    assert "credentials" in reports
    assert "list" not in reports
    assert "doctor" not in failure.value.remedy


def test_path_without_route_is_found_before_credentials(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    respond(monkeypatch, calls, lambda *_: NOT_FOUND)
    with pytest.raises(Failure, match=r"has no such path: Not Found \(404\)") as failure:
        checked(Options(url=URL))
    assert "doctor" not in failure.value.remedy
    # A deployment without the first operation is no wrong path.
    respond(monkeypatch, calls, lambda method, _: NOT_FOUND if method == "GET" else FORBIDDEN)
    with pytest.raises(Failure, match="there are no AWS credentials"):
        checked(Options(url=URL))


def dated(seconds: float) -> Response:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    return Response(403, {"date": moment}, FORBIDDEN.body)


@pytest.mark.parametrize(
    ("options", "response", "result"),
    [
        (Options(), HANDLED, (Exit.BAD_INPUT, "there is no service to call")),
        (Options(url=URL, region="us-east-1"), HANDLED,
         (Exit.BAD_INPUT, "signed for us-east-1, but the URL is in eu-central-1")),
        (Options(url=URL), Response(200, {}, b"<html>"), (Exit.BAD_INPUT, "not a records API")),
        (Options(url=URL), dated(-600), (Exit.REFUSED, " s ahead of the service")),
        (Options(url=URL), FORBIDDEN, (Exit.REFUSED, "may use no operation: Forbidden (403)")),
        (Options(url=URL, auth=Auth.NONE), FORBIDDEN,
         (Exit.REFUSED, "the service takes no requests without credentials")),
        (Options(url=URL), Response(503, {"x-request-id": "q"}, b"{}"),
         (Exit.UNAVAILABLE, "no answer to list, get, create")),
        (Options(url=URL, profile="absent"), HANDLED, (Exit.REFUSED, "absent")),
    ],
)  # fmt: skip
def test_the_first_problem_ends_the_checks(
    options: Options,
    response: Response,
    result: tuple[Exit, str],
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    respond(monkeypatch, calls, lambda *_: response)
    with pytest.raises(Failure) as failure:
        checked(options)
    code, cause = result
    assert failure.value.code == code
    assert cause in failure.value.cause
    assert "doctor" not in failure.value.remedy


@pytest.mark.usefixtures("calls")
def test_a_proxy_is_checked_in_place_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    reports = checked(Options(url=URL))
    assert reports["proxy"] == "HTTPS_PROXY is proxy:3128"
    assert reports["name"] == "proxy is 192.0.2.1"
    assert reports["connection"].startswith("port 3128,")
    assert "TLS" not in reports
    assert "secret" not in json.dumps(reports)


@pytest.mark.parametrize(
    ("function", "error", "remedy"),
    [
        ("socket.getaddrinfo", socket.gaierror(-2, "Name or service not known"), "check the host"),
        ("socket.create_connection", TimeoutError("timed out"), "check the URL and the network"),
        ("ssl.create_default_context", ssl.SSLCertVerificationError("expired"), "SSL_CERT_FILE"),
    ],
)
@pytest.mark.usefixtures("calls")
def test_the_network_is_checked_first(
    function: str, error: OSError, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(function, fail)
    with pytest.raises(Failure, match=str(error.args[-1])) as failure:
        checked(Options(url=URL))
    assert failure.value.code == Exit.UNAVAILABLE
    assert remedy in failure.value.remedy
    assert "doctor" not in failure.value.remedy


@pytest.mark.usefixtures("calls")
def test_token_is_described_but_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    token = jwt(iss="https://idp", sub="me", scope="records/read", exp=time.time() + 60)
    monkeypatch.setenv(tokens.TOKEN, token)
    reports = checked(Options(url=URL))
    assert reports["credentials"] == (
        "bearer token, issuer https://idp, subject me, scope records/read"
    )
    assert token not in json.dumps(reports)
    assert "region" not in reports
    monkeypatch.setenv(tokens.TOKEN, jwt(exp=100))
    with pytest.raises(Failure, match="the token expired at 1970-01-01 00:01:40 UTC"):
        checked(Options(url=URL))
