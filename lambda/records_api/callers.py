"""Who calls, as the authorizer of a route says."""

import re
from collections.abc import Mapping
from typing import Any

from .fields import MAX_LENGTHS
from .records import Caller

# The userId of a role's session ends in the session's name, which does not outlive the session. A
# federated user's is `account:name`, so no other colon ends a principal ("IAM policy elements:
# Variables and tags", principal key values; "IAM identifiers", unique ID prefixes).
ROLE_SESSION = re.compile("(AROA[0-9A-Z]+):")


class NoIdentity(Exception):
    """The authorizer did not identify the caller."""


def caller(event: Mapping[str, Any], auth_mode: str) -> Caller:
    """Return who calls, as the route's authorizer says.

    Raises NoIdentity: a request that nobody can be held to account for is refused.
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
    """Return a claim as text. Some issuers send numbers; anything else identifies nobody."""
    return str(claim) if isinstance(claim, str | int) and not isinstance(claim, bool) else ""
