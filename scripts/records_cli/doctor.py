"""The checks of `records doctor`: each finds one reason why calls fail, and says how to fix it."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from records_cli import problems, service, sign_in, tokens
from records_cli.app_options import Options, Role
from records_cli.client import Caller, NotSentError, Response, proxy_of
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.service import Service

_TIMEOUT_SECONDS = 10
_NO_RECORD = "/records-doctor-no-such-record"
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Probe:
    """A request that changes nothing: it names no record, or its body is not valid."""

    operation: str
    needs: str
    method: str
    path: str = ""
    body: object = None
    headers: Mapping[str, str] | None = None


_READER = "the reader, writer or auditor policy (token: the scope records/read)"
_WRITER = "the writer policy (token: the scope records/write)"
_AUDITOR = "the auditor policy (token: the scope records/audit)"
PROBES = (
    Probe("list", _READER, "GET"),
    Probe("get", _READER, "GET", _NO_RECORD),
    Probe("create", _WRITER, "POST", body={}),
    Probe("update", _WRITER, "PATCH", _NO_RECORD, body=[]),
    Probe("delete", _WRITER, "DELETE", _NO_RECORD, headers={"If-Match": '"0-000000000000"'}),
    Probe("restore", _WRITER, "POST", f"{_NO_RECORD}/restore", body={}),
    Probe("history", _AUDITOR, "GET", f"{_NO_RECORD}/history"),
    Probe("changes", _AUDITOR, "GET"),
)


def run(options: Options, report: Callable[[str, str], None]) -> None:
    """Make all checks in order; call `report` with the name and the result of each.

    Raises Failure at the first check that fails: those after it would fail for the same reason.
    """
    known = service.find(options)
    report("service", f"{known.url}, from {known.source}")
    for name, note in _network(known):
        report(name, note)
    caller = sign_in.caller(known, options, Role.READER)
    report("credentials", credentials(caller, known, options.role or Role.READER))
    if isinstance(caller, sign_in.ChainCaller):
        report("region", region(caller))
    response = _first_response(caller)
    report("clock", clock(response))
    outcomes = {}
    for probe in PROBES:
        outcomes[probe.operation] = outcome = judgment(_sent(caller, probe))
        report(probe.operation, _explained(probe, outcome))
    if set(outcomes.values()) <= {"refused", "disabled"}:
        raise problems.failure(response, "GET")
    if "no answer" in outcomes.values():
        names = ", ".join(name for name, each in outcomes.items() if each == "no answer")
        raise Failure(f"no answer to {names}", "try again in a moment", Exit.UNAVAILABLE)


def _network(known: Service) -> Iterator[tuple[str, str]]:
    """Yield the results of the checks of name, connection and TLS. Raises Failure."""
    parts = target = urlsplit(known.url)
    if proxy := proxy_of(target):
        yield "proxy", f"HTTPS_PROXY is {proxy.hostname}:{proxy.port or 80}"
        parts = proxy._replace(scheme="http")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    began = time.monotonic()
    try:
        addresses = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        yield "name", f"{parts.hostname} is {', '.join(sorted({str(a[4][0]) for a in addresses}))}"
        with socket.create_connection((str(parts.hostname), port), _TIMEOUT_SECONDS) as connection:
            yield "connection", f"port {port}, {(time.monotonic() - began) * 1000:.0f} ms"
            if parts.scheme == "https":
                yield "TLS", _tls(connection, parts)
    except OSError as error:
        reason = NotSentError(str(error))
        reason.__cause__ = error
        raise problems.no_response(reason, "GET", known.url) from error


def _tls(connection: socket.socket, parts: SplitResult) -> str:
    context = ssl.create_default_context()
    with context.wrap_socket(connection, server_hostname=parts.hostname) as encrypted:
        certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
        return f"{encrypted.version()}, certificate until {certificate.get('notAfter')}"


def credentials(caller: Caller, known: Service, role: Role) -> str:
    """Return what is known of the credentials, without secrets. Raises Failure if they expired."""
    if isinstance(caller, sign_in.AnonymousCaller):
        return "none"
    if isinstance(caller, sign_in.TokenCaller):
        return _token(caller.token())
    if isinstance(caller, sign_in.ChainCaller):
        with sign_in.explained():
            key = caller.credentials.get_frozen_credentials()
        kind = "temporary" if key.token else "long-term"
        return (
            f"AWS access key {shortened(key.access_key)}, {kind}, from {caller.credentials.method}"
        )
    return f"the {role} of {known.source}"


def shortened(key_id: str) -> str:
    """Return the ends of an access key's ID, enough to recognize it."""
    return f"{key_id[:4]}...{key_id[-4:]}"


def _token(token: str) -> str:
    claims, expiry = tokens.claims(token), tokens.expiry(token)
    if expiry <= time.time():
        moment = datetime.fromtimestamp(expiry, UTC)
        raise Failure(
            f"the token expired at {moment:%Y-%m-%d %H:%M:%S} UTC", "sign in again", Exit.REFUSED
        )
    names = {"issuer": "iss", "subject": "sub", "client": "client_id", "scope": "scope"}
    notes = [f"{name} {claims[claim]}" for name, claim in names.items() if claims.get(claim)]
    return ", ".join(["bearer token", *notes])


def region(caller: Caller) -> str:
    """Return the region that is signed for. Raises Failure if the URL names another one."""
    expected = sign_in.region_of(caller.url)
    if expected not in {None, caller.region}:
        raise Failure(
            f"requests are signed for {caller.region}, but the URL is in {expected}",
            f"omit --region (and the region of the context), or pass --region {expected}",
            Exit.BAD_INPUT,
        )
    return caller.region


def _first_response(caller: Caller) -> Response:
    """Return the response to a list of one record. Raises Failure if another service responds."""
    response = _sent(caller, PROBES[0])
    is_gateway = b'"message"' in response.body and response.status >= HTTPStatus.BAD_REQUEST
    if "x-request-id" not in response.headers and not is_gateway:
        raise Failure(
            f"the server responds with {response.status}, but is not a records API",
            "check the URL: it is the Terraform output records_url",
            Exit.BAD_INPUT,
        )
    return response


def _sent(caller: Caller, probe: Probe) -> Response:
    try:
        if probe.operation == "changes":
            return caller.get("/changes", {"limit": "1"})
        query = {"limit": "1"} if probe.operation == "list" else {}
        return caller.call(
            probe.method, probe.path, query=query, body=probe.body, headers=probe.headers
        )
    except OSError as error:
        raise problems.no_response(error, "GET", caller.url) from error


def clock(response: Response) -> str:
    """Return how the clocks differ. Raises Failure if AWS would refuse signatures for it."""
    skew = problems.clock_skew(response)
    if skew is None:
        return "the response has no Date header to compare with"
    side = "behind" if skew > 0 else "ahead of"
    text = f"{abs(skew):.0f} s {side} the service"
    if abs(skew) > problems.CLOCK_LIMIT_SECONDS:
        raise Failure(
            f"the clock of this machine is {text}", "set the clock: signatures expire", Exit.REFUSED
        )
    return text


def judgment(response: Response) -> str:
    """Return whether an operation is allowed, refused or disabled, or gave no answer."""
    if response.status in _REFUSED:
        return "refused"
    if "x-request-id" in response.headers or response.status < HTTPStatus.MULTIPLE_CHOICES:
        is_failing = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return "no answer" if is_failing else "allowed"
    return "disabled" if response.status == HTTPStatus.NOT_FOUND else "no answer"


def _explained(probe: Probe, outcome: str) -> str:
    if outcome == "refused":
        return f"refused: it needs {probe.needs}"
    return "disabled in this deployment" if outcome == "disabled" else outcome
