"""AWS Signature Version 4 for requests to DynamoDB."""

import functools
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import NamedTuple


class Credentials(NamedTuple):
    """AWS credentials for signing requests."""

    key_id: str
    secret: str
    session_token: str | None


def date_time() -> str:
    """Return the current time as it stands in `x-amz-date`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def authorization(
    headers: Mapping[str, str], body: bytes, credentials: Credentials, region: str
) -> str:
    """Return the Authorization header of a DynamoDB request, which is a POST to `/`.

    `headers` must have lower-case names and include `x-amz-date`; all of them are signed. Source:
    AWS IAM User Guide, "Create a signed AWS API request".
    """
    date_time = headers["x-amz-date"]
    fields = sorted(headers.items())
    names = ";".join([name for name, _ in fields])
    lines = "".join([f"{name}:{' '.join(text.split())}\n" for name, text in fields])
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{date_time[:8]}/{region}/dynamodb/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    string_to_sign = f"AWS4-HMAC-SHA256\n{date_time}\n{scope}\n{digest}"
    key = _signing_key(credentials.secret, scope)
    signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    return (
        f"AWS4-HMAC-SHA256 Credential={credentials.key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )


@functools.lru_cache(maxsize=1)
def _signing_key(secret: str, scope: str) -> bytes:
    """Return the key for signatures in `scope`. It changes every day, and with the credentials."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
