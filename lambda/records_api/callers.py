"""Identify the caller of a request from the data that the route's authorizer provides."""

import re
from collections.abc import Collection, Mapping
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


def caller(event: Mapping[str, Any], auth_modes: Collection[str]) -> Caller:
    """Return the caller of a request.

    `auth_modes` are the accepted kinds of identity: "IAM", "JWT" or both, or "NONE" alone. Which of
    them a request has is read from its event. Identities and namespaces of the two kinds differ: an
    ARN begins with "arn:" and an account with a digit, but an issuer is a URL. Raises NoIdentity if
    the event has no identity of an accepted kind, or more than one; if the authorizer's data is
    incomplete; or if the identity is longer than a record can store.
    """
    if "NONE" in auth_modes:
        return Caller("anonymous", "anonymous")
    authorizer = event["requestContext"].get("authorizer") or {}
    iam, jwt = authorizer.get("iam"), authorizer.get("jwt")
    if iam and not jwt and "IAM" in auth_modes:
        return _checked(_iam_caller(iam))
    if jwt and not iam and "JWT" in auth_modes:
        return _checked(_jwt_caller(jwt.get("claims") or {}))
    raise NoIdentity


def _iam_caller(iam: Mapping[str, Any]) -> Caller:
    """Return the caller that signed; an incomplete one has an empty identity or namespace."""
    identity, account, user = [_text(iam.get(name)) for name in ("userArn", "accountId", "userId")]
    session = ROLE_SESSION.match(user)
    principal = session[1] if session else user
    return Caller(identity, f"{account}/{principal}" if account and principal else "")


def _jwt_caller(claims: Mapping[str, Any]) -> Caller:
    """Return the caller with these claims; an incomplete one has an empty identity."""
    issuer = _text(claims.get("iss"))
    subject = _text(claims.get("sub")) or _text(claims.get("client_id"))
    identity = f"{issuer}#{subject}" if issuer and subject else ""
    return Caller(identity, identity)


def _checked(candidate: Caller) -> Caller:
    """Return `candidate` if it is complete and not too long to store. Raises NoIdentity."""
    is_complete = candidate.identity and candidate.namespace
    if not is_complete or len(candidate.identity) > MAX_LENGTHS["submittedBy"]:
        raise NoIdentity
    return candidate


def _text(claim: Any) -> str:
    """Return a claim as text; some issuers send numbers. Any other type counts as missing."""
    return str(claim) if type(claim) in (str, int) else ""
