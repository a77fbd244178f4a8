"""Fixtures of the wire tests: credentials, certificates, fault servers, counts of faults."""

import ipaddress
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contract.fault_server import Exchange, FaultServer, Step
from records_api import connection, dynamodb

REGION = "eu-west-3"
# By key ID. Some tests change the credentials between attempts.
SECRETS = {"AKIDEXAMPLE": "first/secret+", "AKIDRENEWED": "second/secret+"}

# Longer than any delay on a busy machine, so that only a hung test reaches it.
GENEROUS_SECONDS = 30.0
TALLY = "wire"
COMPARED = "compared with botocore"
USAGES = (
    "content_commitment",
    "crl_sign",
    "data_encipherment",
    "decipher_only",
    "digital_signature",
    "encipher_only",
    "key_agreement",
    "key_cert_sign",
    "key_encipherment",
)


class Authority(NamedTuple):
    """A certificate authority for this run: the file of its certificate, and its key."""

    file: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often each fault was injected, and the outcomes of the calls."""
    counts: Counter[tuple[str, str]] = Counter()
    # Setups and teardowns are reports without a category; a teardown's has the test's counts.
    for report in terminalreporter.getreports(""):
        for name, counted in report.user_properties if report.when == "teardown" else ():
            if name == TALLY:
                kind, outcome, number = counted
                counts[kind, outcome] += number
    if not counts:
        return
    outcomes: Counter[str] = Counter()
    for (kind, outcome), number in counts.items():
        outcomes[outcome if kind != COMPARED else COMPARED] += number
    kinds = sorted({kind for kind, _ in counts})
    terminalreporter.section(
        "wire client" if terminalreporter.verbosity > 0 else "wire client (-v: kind by kind)"
    )
    if terminalreporter.verbosity > 0:
        for kind in kinds:
            by_outcome = {
                outcome: number
                for (each, outcome), number in sorted(counts.items())
                if each == kind
            }
            text = ", ".join(f"{outcome} {number}" for outcome, number in by_outcome.items())
            terminalreporter.line(f"{sum(by_outcome.values()):6}  {kind}: {text}")
    terminalreporter.line(
        f"{len(kinds)} kinds: " + ", ".join(f"{name} {outcomes[name]}" for name in sorted(outcomes))
    )


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Count for the summary: `tally(kind, number, outcome)`."""

    def count(kind: str, number: int, outcome: str) -> None:
        request.node.user_properties.append((TALLY, (kind, outcome, number)))

    return count


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the three variables that Lambda sets."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["AKIDEXAMPLE"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a token==")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between attempts to milliseconds."""
    monkeypatch.setattr(dynamodb, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(dynamodb, "LONGEST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def generous_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set time limits that no attempt exceeds, even on a busy machine."""
    monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", GENEROUS_SECONDS)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", GENEROUS_SECONDS)


@pytest.fixture
def short_attempts(
    monkeypatch: pytest.MonkeyPatch,
    generous_limits: None,  # noqa: ARG001 (a fixture that only acts)
) -> Callable[[Step], Step]:
    """Return a function that makes attempts short until the step is reached."""

    def until(step: Step) -> Step:
        def reached(exchange: Exchange) -> None:
            monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", GENEROUS_SECONDS)
            step(exchange)

        monkeypatch.setattr(dynamodb, "ATTEMPT_SECONDS", 0.4)
        return reached

    return until


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Start fault servers. At the end, compare the signatures of all requests with botocore's."""
    started: list[FaultServer] = []
    with ExitStack() as stack:

        def start(
            default: Step, *, tls: ssl.SSLContext | None = None, listening: bool = True
        ) -> FaultServer:
            started.append(stack.enter_context(FaultServer(default, tls=tls, listening=listening)))
            return started[-1]

        yield start
    for server in started:
        assert server.problems == []
        for request in server.requests:
            assert request.headers["authorization"] == request.signature_of(
                SECRETS[request.key_id], REGION
            )
            assert "accept-encoding" not in request.headers


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _authority(folder: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(
        _builder(name, key).issuer_name(_named(name)), key, key, is_authority=True
    )
    file = folder / f"{name}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(file, certificate, key)


def _builder(name: str, key: ec.EllipticCurvePrivateKey, days: int = 1) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
    )


def _signed(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    """Sign with the extensions that X509_STRICT requires (the default from Python 3.13)."""
    usage = dict.fromkeys(USAGES, False)
    usage["key_cert_sign" if is_authority else "digital_signature"] = True
    return (
        builder.add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=None), critical=True
        )
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


def _context(
    folder: Path, authority: Authority, name: str, alternative: x509.GeneralName, days: int = 1
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, key, days).issuer_name(authority.certificate.subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + _signed(builder, key, authority.key).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that the client trusts with the fixture `trusted`."""
    return _authority(tmp_path_factory.mktemp("authority"), "trusted")


@pytest.fixture(scope="session")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority with a name that the client loads before all others."""
    return _authority(tmp_path_factory.mktemp("amazon"), "Amazon Root CA 0 of the tests")


@pytest.fixture(scope="session")
def certificates(
    authority: Authority, amazon: Authority, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ssl.SSLContext]:
    """Return server TLS contexts by certificate, such as good, expired or untrusted."""
    folder = tmp_path_factory.mktemp("certificates")
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    other = _authority(folder, "other")
    return {
        "good": _context(folder, authority, "good", here),
        "amazon": _context(folder, amazon, "amazon", here),
        "wrong-host": _context(folder, authority, "wrong-host", x509.DNSName("elsewhere.example")),
        "expired": _context(folder, authority, "expired", here, days=-1),
        "untrusted": _context(folder, other, "untrusted", here),
    }


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the client trust `authority`, by OpenSSL's environment variable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))


@pytest.fixture(params=["tcp", "tls"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    """Run each test over plain TCP and over TLS."""
    request.getfixturevalue("trusted")
    certificates: dict[str, ssl.SSLContext] = request.getfixturevalue("certificates")
    return certificates["good"] if request.param == "tls" else None
