"""Identify the caller of a request from the data that the route's authorizer provides."""

import re
from collections.abc import Mapping
from typing import Any

from .fields import MAX_LENGTHS
from .records import Caller

# The userId of a role session is `<role ID>:<session name>`. The session name is dropped, because
# an idempotency key must work in later sessions of the same role. A federated user's userId is
# `<account>:<name>` and is kept whole. Sources: AWS IAM User Guide, "IAM policy elements: Variables
# and tags" (principal key values) and "IAM identifiers" (unique ID prefixes).
ROLE_SESSION = re.compile("(AROA[0-9A-Z]+):")


class NoIdentity(Exception):
    """The authorizer did not identify the caller."""


def caller(event: Mapping[str, Any], auth_mode: str) -> Caller:
    """Return the caller of a request.

    `auth_mode` is "IAM", "JWT" or "NONE". Raises NoIdentity if the authorizer's data is incomplete
    or the identity is longer than a record can store.
    """
    if auth_mode == "NONE":
        return Caller("anonymous", "anonymous")
    authorizer = event["requestContext"].get("authorizer") or {}
    if auth_mode == "IAM":
        iam = authorizer.get("iam") or {}
        identity, account, user = (
            _text(iam.get(name)) for name in ("userArn", "accountId", "userId")
        )
        session = ROLE_SESSION.match(user)
        principal = session[1] if session else user
        namespace = f"{account}/{principal}" if account and principal else ""
    else:
        claims = (authorizer.get("jwt") or {}).get("claims") or {}
        issuer, subject = (
            _text(claims.get("iss")),
            _text(claims.get("sub")) or _text(claims.get("client_id")),
        )
        identity = namespace = f"{issuer}#{subject}" if issuer and subject else ""
    if not identity or not namespace or len(identity) > MAX_LENGTHS["submittedBy"]:
        raise NoIdentity
    return Caller(identity, namespace)


def _text(claim: Any) -> str:
    """Return a claim as text; some issuers send numbers. Any other type counts as missing."""
    return str(claim) if isinstance(claim, str | int) and not isinstance(claim, bool) else ""
