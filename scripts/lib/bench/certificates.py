"""A chain of certificates like that of AWS: root, intermediate and server certificate."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

# AWS's servers have certificates of Amazon's roots ("Amazon Trust Services", repository). A client
# that selects these by name must also select this one, or it would be measured in its fallback.
ROOT_NAME = "Amazon Root CA 0 of scripts/bench"
_ORGANIZATION = "Amazon"
_VALIDITY = timedelta(days=2)


class Chain(NamedTuple):
    """Files in PEM.

    `server` holds the key and the certificates that the server sends; `root` the root certificate;
    `bundle` the system's roots and this one, as on a computer that trusts it.
    """

    server: Path
    root: Path
    bundle: Path


class _Issued(NamedTuple):
    """A certificate and its private key."""

    certificate: "x509.Certificate"
    key: "RSAPrivateKey"


def create(folder: Path, system: Path, host: str) -> Chain:
    """Write a chain for `host` to `folder`. `system` is the bundle of the system's roots."""
    from cryptography.hazmat.primitives import serialization

    root = _issue(ROOT_NAME, None)
    intermediate = _issue("Intermediate of scripts/bench", root, path_length=0)
    server = _issue(host, intermediate, host=host)

    pem = serialization.Encoding.PEM
    root_text = root.certificate.public_bytes(pem)
    private = server.key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = Chain(folder / "server.pem", folder / "root.pem", folder / "bundle.pem")
    chain.server.write_bytes(
        private + server.certificate.public_bytes(pem) + intermediate.certificate.public_bytes(pem)
    )
    chain.root.write_bytes(root_text)
    chain.bundle.write_bytes(system.read_bytes() + b"\n" + root_text)
    return chain


def _issue(
    name: str, issuer: _Issued | None, *, path_length: int | None = None, host: str | None = None
) -> _Issued:
    """Return a certificate that `issuer` signed, or that is self-signed.

    It is a server certificate for `host`, or, without one, that of an authority.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signing_key = issuer.key if issuer else key
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else _subject(name),
        _subject(name),
        key.public_key(),
        x509.random_serial_number(),
        now - _VALIDITY,
        now + _VALIDITY,
    )
    key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
    constraints = x509.BasicConstraints(ca=host is None, path_length=path_length)
    builder = (
        builder.add_extension(constraints, critical=True)
        .add_extension(key_id, critical=False)
        .add_extension(signer, critical=False)
        .add_extension(_usage(authority=host is None), critical=True)
    )
    if host is not None:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    return _Issued(builder.sign(signing_key, hashes.SHA256()), key)


def _subject(name: str) -> "x509.Name":
    from cryptography import x509

    attributes = {
        x509.NameOID.ORGANIZATION_NAME: _ORGANIZATION,
        x509.NameOID.COMMON_NAME: name,
    }
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes.items()])


def _usage(*, authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=not authority,
        data_encipherment=False, key_agreement=False, key_cert_sign=authority,
        crl_sign=authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip
