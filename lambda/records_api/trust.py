"""Which certificate authorities the client trusts.

Loading all root certificates of the system takes most of the first request of a cold start, and
AWS's servers need one of a few. So only these are loaded first.
"""

import ssl
from binascii import a2b_base64

# In the subject of the certificates. Source: Amazon Trust Services, "Repository" (root
# certification authorities).
AMAZON = (b"Amazon Root CA ", b"Starfield Services Root Certificate Authority")
# OpenSSL's X509_V_ERR_... codes for an issuer that is not found, or is self-signed (manual page
# X509_STORE_CTX_get_error(3)).
UNKNOWN_ISSUER = frozenset({2, 18, 19, 20})
BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def amazon() -> ssl.SSLContext | None:
    """Return a context that trusts Amazon's roots of the system's bundle, or None without them."""
    path = ssl.get_default_verify_paths().cafile
    try:
        with open(path or "", "rb") as bundle:
            texts = bundle.read().split(BEGIN)[1:]
        roots = [a2b_base64(text.partition(END)[0]) for text in texts]
        selected = [root for root in roots if any(name in root for name in AMAZON)]
        return ssl.create_default_context(cadata=b"".join(selected)) if selected else None
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return None


def system() -> ssl.SSLContext:
    """Return a context that trusts all roots of the system."""
    return ssl.create_default_context()
