"""A chain of certificates like that of AWS: root, intermediate and server certificate."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

# AWS's servers have certificates of Amazon's roots ("Amazon Trust Services", repository). A client
# that selects these by name must also select this one, or it would be measured in its fallback.
ROOT_NAME = "Amazon Root CA 0 of scripts/bench"
_VALIDITY = timedelta(days=2)


class Chain(NamedTuple):
    """Files in PEM.

    `server` holds the key and the certificates that the server sends; `root` the root certificate;
    `bundle` the system's roots and this one, as on a computer that trusts it.
    """

    server: Path
    root: Path
    bundle: Path


def create(folder: Path, system: Path, host: str) -> Chain:
    """Write a chain for `host` to `folder`. `system` is the bundle of the system's roots."""
    from cryptography import x509  # noqa: PLC0415 (installed with the environment)
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    now = datetime.now(UTC)

    def issue(
        name: str,
        issuer: tuple[x509.Certificate, rsa.RSAPrivateKey] | None,
        constraints: x509.BasicConstraints,
    ) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
        """Return a certificate signed by `issuer`, or by itself, and its key."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name(
            [
                x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Amazon"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
            ]
        )
        issuer_name, issuer_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
        builder = (
            x509.CertificateBuilder(issuer_name, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _VALIDITY)
            .not_valid_after(now + _VALIDITY)
            .add_extension(constraints, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                critical=False,
            )
            .add_extension(_usage(authority=constraints.ca), critical=True)
        )
        if not constraints.ca:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(issuer_key, hashes.SHA256()), key

    def _usage(*, authority: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=not authority,
            data_encipherment=False, key_agreement=False, key_cert_sign=authority,
            crl_sign=authority, encipher_only=False, decipher_only=False,
        )  # fmt: skip

    root = issue(ROOT_NAME, None, x509.BasicConstraints(ca=True, path_length=None))
    intermediate = issue(
        "Intermediate of scripts/bench", root, x509.BasicConstraints(ca=True, path_length=0)
    )
    server = issue(host, intermediate, x509.BasicConstraints(ca=False, path_length=None))

    pem = serialization.Encoding.PEM
    root_text = root[0].public_bytes(pem)
    private = server[1].private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = Chain(folder / "server.pem", folder / "root.pem", folder / "bundle.pem")
    chain.server.write_bytes(
        private + server[0].public_bytes(pem) + intermediate[0].public_bytes(pem)
    )
    chain.root.write_bytes(root_text)
    chain.bundle.write_bytes(system.read_bytes() + b"\n" + root_text)
    return chain
