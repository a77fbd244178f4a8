"""The identity of a caller, and the namespace of its idempotency keys."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records_api import callers, ids, records
from unit.support import IAM_USER, event

JWT = {
    "iss": "https://issuer.example/",
    "sub": "user-1",
    "aud": "records",
    "scope": "records/read",
    "exp": "1769851800",
}


def iam(arn: str, user_id: str, account: str = "123456789012") -> dict[str, Any]:
    return {"iam": IAM_USER["iam"] | {"userArn": arn, "userId": user_id, "accountId": account}}


def jwt(**claims: Any) -> dict[str, Any]:
    return {"jwt": {"claims": claims, "scopes": ["records/read"]}}


# Unique IDs of principals, and the part without the session. Source: IAM User Guide, "IAM policy
# elements: Variables and tags", principal key values (aws:userid).
PRINCIPALS = {
    "root user": ("arn:aws:iam::123456789012:root", "123456789012", "123456789012"),
    "IAM user": (
        "arn:aws:iam::123456789012:user/a", "AIDACKCEVSQ6C2EXAMPLE", "AIDACKCEVSQ6C2EXAMPLE",
    ),
    "federated user": (
        "arn:aws:sts::123456789012:federated-user/bob", "123456789012:bob", "123456789012:bob",
    ),
    "federated user named like a role's session": (
        "arn:aws:sts::123456789012:federated-user/AROAX",
        "123456789012:AROAX:y",
        "123456789012:AROAX:y",
    ),
    "assumed role": (
        "arn:aws:sts::123456789012:assumed-role/ops/session-1",
        "AROADBQP57FF2AEXAMPLE:session-1",
        "AROADBQP57FF2AEXAMPLE",
    ),
    "web identity or SAML": (
        "arn:aws:sts::123456789012:assumed-role/sso/a@example.com",
        "AROADBQP57FF2AEXAMPLE:a@example.com",
        "AROADBQP57FF2AEXAMPLE",
    ),
    "role of an EC2 instance": (
        "arn:aws:sts::123456789012:assumed-role/ec2/i-0123456789abcdef0",
        "AROADBQP57FF2AEXAMPLE:i-0123456789abcdef0",
        "AROADBQP57FF2AEXAMPLE",
    ),
    "role's session with a colon": (
        "arn:aws:sts::123456789012:assumed-role/ops/a:b",
        "AROADBQP57FF2AEXAMPLE:a:b",
        "AROADBQP57FF2AEXAMPLE",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PRINCIPALS)
def test_iam_caller_is_account_and_principal(kind: str) -> None:
    arn, user_id, principal = PRINCIPALS[kind]
    request = event(authorizer=iam(arn, user_id))
    expected = records.Caller(arn, f"123456789012/{principal}")
    assert callers.caller(request, {"IAM"}) == expected


def test_principals_have_different_namespaces() -> None:
    users = ["123456789012", "123456789012:bob", "123456789012:eve", "AIDABOB", "AROABOB:1"]
    requests = [event(authorizer=iam("arn", user)) for user in users]
    namespaces = {callers.caller(request, {"IAM"}).namespace for request in requests}
    assert len(namespaces) == len(users)


@pytest.mark.parametrize("authorizer", [None, IAM_USER])
def test_without_authentication_there_is_one_caller(authorizer: dict[str, Any] | None) -> None:
    caller = callers.caller(event(authorizer=authorizer), {"NONE"})
    assert caller == records.Caller("anonymous", "anonymous")


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        (
            {"sub": "user-1", "client_id": "app", "username": "u", "token_use": "access"},
            "user-1",
        ),  # Cognito, a person
        (
            {"sub": "client-9", "client_id": "client-9", "token_use": "access"},
            "client-9",
        ),  # Cognito, a program
        ({"sub": "abc@clients", "azp": "abc", "gty": "client-credentials"}, "abc@clients"),  # Auth0
        ({"sub": "a@example.com", "cid": "0oa", "uid": "00u"}, "a@example.com"),  # Okta
        ({"sub": "s", "oid": "o", "appid": "a", "roles": "[a b]"}, "s"),  # Entra ID
        (
            {"sub": "f:1:u", "azp": "app", "typ": "Bearer", "email_verified": "true"},
            "f:1:u",
        ),  # Keycloak
        ({"client_id": "only-this"}, "only-this"),
        ({"sub": "", "client_id": "only-this"}, "only-this"),
        ({"sub": None, "client_id": "only-this"}, "only-this"),
        ({"sub": ["a"], "client_id": "only-this"}, "only-this"),
        ({"sub": 42}, "42"),
        ({"sub": 0}, "0"),
    ],
)
def test_jwt_caller_is_issuer_and_subject(claims: dict[str, Any], subject: str) -> None:
    identity = f"https://issuer.example/#{subject}"
    request = event(authorizer=jwt(**JWT | {"sub": None} | claims))
    assert callers.caller(request, {"JWT"}) == records.Caller(identity, identity)


@pytest.mark.parametrize(
    ("mode", "authorizer"),
    [
        ("IAM", None),
        ("IAM", {}),
        ("IAM", {"iam": None}),
        ("IAM", {"iam": {}}),
        ("IAM", jwt(**JWT)),
        ("IAM", iam("", "AIDA")),
        ("IAM", iam("arn", "")),
        ("IAM", iam("arn", "AIDA", "")),
        ("IAM", iam("", "anonymous", "")),  # aws:userid of an unsigned request
        ("IAM", iam("a" * 513, "AIDA")),
        ("JWT", None),
        ("JWT", IAM_USER),
        ("JWT", {"jwt": None}),
        ("JWT", {"jwt": {"claims": None, "scopes": None}}),
        ("JWT", jwt()),
        ("JWT", jwt(sub="s")),
        ("JWT", jwt(iss="https://i")),
        ("JWT", jwt(iss=["https://i"], sub="s")),
        ("JWT", jwt(iss="https://i", sub=True)),
        ("JWT", jwt(iss="https://i", sub={"id": "s"})),
        ("JWT", jwt(iss="https://i", sub=1.5)),
        ("JWT", jwt(iss="https://i", sub="s" * 512)),
    ],
)
def test_request_without_an_identity_is_rejected(
    mode: str, authorizer: dict[str, Any] | None
) -> None:
    with pytest.raises(callers.NoIdentity):
        callers.caller(event(authorizer=authorizer), {mode})


BOTH = frozenset({"IAM", "JWT"})


def test_caller_is_read_from_the_event_if_both_kinds_may_call() -> None:
    signed = event(authorizer=iam("arn:aws:iam::123456789012:user/a", "AIDAA"))
    with_token = event(authorizer=jwt(**JWT))
    assert callers.caller(signed, BOTH) == callers.caller(signed, {"IAM"})
    assert callers.caller(with_token, BOTH) == callers.caller(with_token, {"JWT"})


@pytest.mark.parametrize(
    "authorizer",
    [
        None,
        {},
        {"lambda": {"iss": "https://issuer.example/", "sub": "user-1"}},
        IAM_USER | jwt(**JWT),
        {"iam": None, "jwt": {"claims": None}},
        iam("arn", ""),
        jwt(iss="https://i"),
    ],
)
def test_event_without_exactly_one_identity_is_rejected(authorizer: dict[str, Any] | None) -> None:
    with pytest.raises(callers.NoIdentity):
        callers.caller(event(authorizer=authorizer), BOTH)


@given(
    account=st.from_regex(r"\A[0-9]{12}\Z"),
    user_id=st.text(min_size=1, max_size=40),
    issuer=st.from_regex(r"\Ahttps?://[^/?#\s]{1,20}(/[^?#\s]{0,20})?\Z"),
    subject=st.text(min_size=1, max_size=40),
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
)
def test_signed_and_token_callers_share_nothing(
    account: str, user_id: str, issuer: str, subject: str, key: str
) -> None:
    """The formats are those of IAM's ARNs and of the module's variable `auth.issuer`."""
    arn = f"arn:aws:sts::{account}:assumed-role/{user_id}"
    by_signature = callers.caller(event(authorizer=iam(arn, user_id, account)), BOTH)
    by_token = callers.caller(event(authorizer=jwt(iss=issuer, sub=subject)), BOTH)
    assert by_signature.identity != by_token.identity
    assert ids.derived_id(by_signature.namespace, key) != ids.derived_id(by_token.namespace, key)
