"""The checks of `records doctor`: each finds one reason why calls fail, and says how to fix it."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from records_cli import problems, service, sign_in
from records_cli.app_options import Options, Role
from records_cli.client import Caller, NotSentError, Response, proxy_of
from records_cli.doctor_credentials import check_credentials, credentials, region
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.service import Service

_TIMEOUT_SECONDS = 10
_NO_RECORD = "/records-doctor-no-such-record"
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_RIGHT_URL = "it is the Terraform output records_url"


@dataclass(frozen=True)
class Probe:
    """A request that changes nothing: it names no record, or its body is not valid."""

    operation: str
    role: Role
    method: str
    path: str = ""
    body: object = None
    headers: Mapping[str, str] | None = None


# What a caller needs for the operations of each access level.
_NEEDS = {
    Role.READER: "the reader, writer or auditor policy (token: the scope records/read)",
    Role.WRITER: "the writer policy (token: the scope records/write)",
    Role.AUDITOR: "the auditor policy (token: the scope records/audit)",
}
PROBES = (
    Probe("list", Role.READER, "GET"),
    Probe("get", Role.READER, "GET", _NO_RECORD),
    Probe("create", Role.WRITER, "POST", body={}),
    Probe("update", Role.WRITER, "PATCH", _NO_RECORD, body=[]),
    Probe("delete", Role.WRITER, "DELETE", _NO_RECORD, headers={"If-Match": '"0-000000000000"'}),
    Probe("restore", Role.WRITER, "POST", f"{_NO_RECORD}/restore", body={}),
    Probe("history", Role.AUDITOR, "GET", f"{_NO_RECORD}/history"),
    Probe("changes", Role.AUDITOR, "GET"),
)


def run(options: Options, report: Callable[[str, str], None]) -> None:
    """Make all checks in order; call `report` with the name and the result of each.

    What needs no credentials comes first. Raises Failure at the first check that fails: those after
    it would fail for the same reason.
    """
    known = service.find(options)
    report("service", f"{known.url}, from {known.source}")
    for name, note in _network(known):
        report(name, note)
    unsigned = _unsigned_response(known)
    report("HTTP", f"{unsigned.status} to a request without credentials")
    report("clock", clock(unsigned))
    role = options.role or Role.READER
    caller = sign_in.caller(known, options, role)
    report("credentials", credentials(caller, known, role))
    if isinstance(caller, sign_in.ChainCaller):
        report("region", region(caller))
    first = _sent(caller, PROBES[0])
    if problems.names_no_route(first) and first.status == HTTPStatus.FORBIDDEN:
        raise _no_route(first)
    check_credentials(caller, known, unsigned, first)
    outcomes = {}
    for probe in PROBES:
        outcomes[probe.operation] = outcome = judgment(_sent(caller, probe))
        report(probe.operation, _explained(probe, outcome, known, role))
    _check_outcomes(caller, outcomes, first)
    allowed = ", ".join(name for name, each in outcomes.items() if each == "allowed")
    report("result", f"no problem found: this caller may {allowed}")


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
        raise problems.no_response(reason, "GET", known.url, hint="") from error


def _tls(connection: socket.socket, parts: SplitResult) -> str:
    context = ssl.create_default_context()
    with context.wrap_socket(connection, server_hostname=parts.hostname) as encrypted:
        certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
        return f"{encrypted.version()}, certificate until {certificate.get('notAfter')}"


def _unsigned_response(known: Service) -> Response:
    """Return the response to a request without credentials.

    API Gateway looks for the route first, so it shows whether the path is right. Raises Failure if
    it has none of the routes, or if another service responds.
    """
    caller = sign_in.AnonymousCaller(known.url, "", "", "")
    response = _sent(caller, PROBES[0])
    is_gateway = b'"message"' in response.body and response.status >= HTTPStatus.BAD_REQUEST
    if "x-request-id" not in response.headers and not is_gateway:
        raise Failure(
            f"the server responds with {response.status}, but is not a records API",
            f"check the URL: {_RIGHT_URL}",
            Exit.BAD_INPUT,
        )
    # A deployment can lack operations, but not all of them.
    others = (_sent(caller, probe) for probe in PROBES[1:])
    if problems.names_no_route(response) and all(map(problems.names_no_route, others)):
        raise _no_route(response)
    return response


def _no_route(response: Response) -> Failure:
    return Failure(
        f"API Gateway has no such path: {problems.message(response)} ({response.status})",
        f"check the path, the stage and the ID of the API in the URL: {_RIGHT_URL}",
        Exit.BAD_INPUT,
    )


def _check_outcomes(caller: Caller, outcomes: Mapping[str, str], first: Response) -> None:
    """Raise Failure if no operation is allowed, or if one gave no answer."""
    if set(outcomes.values()) <= {"refused", "disabled"}:
        remedy = "attach the policy in the output reader_policy_arn, writer_policy_arn or"
        remedy = f"{remedy} auditor_policy_arn to this caller"
        if isinstance(caller, sign_in.TokenCaller):
            remedy = "get a token with the scope records/read, records/write or records/audit"
        elif "not authorized to perform" not in problems.message(first):
            # An HTTP API says "Forbidden" for wrong keys and for missing permissions alike.
            remedy = f"if aws sts get-caller-identity fails, correct the keys; otherwise {remedy}"
        text = f"{problems.message(first)} ({first.status})"
        raise Failure(f"this caller may use no operation: {text}", remedy, Exit.REFUSED)
    if "no answer" in outcomes.values():
        names = ", ".join(name for name, each in outcomes.items() if each == "no answer")
        raise Failure(f"no answer to {names}", "try again in a moment", Exit.UNAVAILABLE)


def _sent(caller: Caller, probe: Probe) -> Response:
    try:
        if probe.operation == "changes":
            return caller.get("/changes", {"limit": "1"})
        query = {"limit": "1"} if probe.operation == "list" else {}
        return caller.call(
            probe.method, probe.path, query=query, body=probe.body, headers=probe.headers
        )
    except OSError as error:
        raise problems.no_response(error, "GET", caller.url, hint="") from error


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


def _explained(probe: Probe, outcome: str, known: Service, role: Role) -> str:
    """Return what to print for an outcome. An operation for other callers is not a fault."""
    if outcome == "refused" and known.connection is not None:
        return f"not for the {role}; --as {probe.role} may"
    if outcome == "refused":
        return f"not for this caller: needs {_NEEDS[probe.role]}"
    return "disabled in this deployment" if outcome == "disabled" else outcome
