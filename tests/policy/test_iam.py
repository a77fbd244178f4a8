"""The evaluator against the examples of the IAM User Guide, most from "Condition operators"."""

from collections.abc import Sequence
from typing import Any

import pytest

from policy.iam import Context, Decision, Request, Unsupported, decide, is_allowed

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
USER = f"arn:aws:iam::{ACCOUNT}:user/alice"
OUTSIDER = f"arn:aws:iam::{OTHER_ACCOUNT}:user/mallory"
OBJECT = "arn:aws:s3:::bucket/object"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"

Statement = dict[str, Any]


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**elements: Any) -> Statement:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}


def deny(**elements: Any) -> Statement:
    return {**allow(**elements), "Effect": "Deny"}


def request(context: Context | None = None, principal: str = USER, **changes: str) -> Request:
    named = {"action": "s3:GetObject", "resource": OBJECT, **changes}
    return Request(principal, named["action"], named["resource"], context or {})


def matches(
    operator: str, values: str | Sequence[str], key_in_request: str | Sequence[str] | None
) -> bool:
    """Return whether a condition on the key `k` matches a request; None leaves the key out."""
    policy = document(allow(Condition={operator: {"k": values}}))
    context = {} if key_in_request is None else {"K": key_in_request}  # key names ignore case
    return decide(policy, request(context), has_principals=False) is Decision.ALLOW


TOPIC = "arn:aws:sns:us-west-2:123456789012:TOPIC-ID"


@pytest.mark.parametrize(
    ("operator", "values", "key_in_request", "expected"),
    [
        # Positive operators: a missing key does not match.
        ("StringEquals", "iamuser-admin", "iamuser-admin", True),
        ("StringEquals", "iamuser-admin", "IAMUSER-ADMIN", False),
        ("StringEquals", "iamuser-admin", None, False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEqualsIgnoreCase", "Admin", "aDMIN", True),
        ("StringLike", "t1.*", "t1.micro", True),
        ("StringLike", "t?.micro", "t1.micro", True),
        ("StringLike", "t1.*", "m2.micro", False),
        ("StringLike", "*", None, False),
        ("Bool", "false", "false", True),
        ("Bool", "false", "true", False),
        ("Bool", "false", None, False),
        ("ArnEquals", TOPIC, TOPIC, True),
        ("ArnEquals", TOPIC, TOPIC.replace("123456789012", "777788889999"), False),
        ("ArnEquals", TOPIC, None, False),
        ("ArnEquals", "arn:aws:sns:*:123456789012:*", TOPIC, True),
        # Negated operators: a missing key matches, IfExists or not; several values are NOR.
        ("StringNotEquals", "hr", "hr", False),
        ("StringNotEquals", "hr", "it", True),
        ("StringNotEquals", "hr", None, True),
        ("StringNotEquals", ["hr", "it"], "it", False),
        ("StringNotEquals", ["hr", "it"], "finance", True),
        ("StringNotEqualsIgnoreCase", "HR", "hr", False),
        ("StringNotLike", "t1.*", "t1.micro", False),
        ("StringNotLike", "t1.*", None, True),
        ("ArnNotEquals", TOPIC, TOPIC, False),
        ("ArnNotLike", TOPIC, None, True),
        ("StringNotEqualsIfExists", "hr", None, True),
        ("StringNotEqualsIfExists", "hr", "hr", False),
        # IfExists: a missing key matches.
        ("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], "t1.micro", True),
        ("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], "m2.micro", False),
        ("StringLikeIfExists", ["t1.*", "t2.*", "m3.*"], None, True),
        ("BoolIfExists", "false", None, True),
        # Null: whether the key is missing.
        ("Null", "false", "2026-11-24T00:00:00Z", True),
        ("Null", "false", None, False),
        ("Null", "true", None, True),
        ("Null", "true", "2026-11-24T00:00:00Z", False),
        # Keys with several values.
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a", "b"], None, True),
        ("ForAllValues:StringNotEquals", ["a"], ["b", "c"], True),
        ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a"], None, False),
    ],
)
def test_condition_operators(
    operator: str,
    values: str | list[str],
    key_in_request: str | list[str] | None,
    *,
    expected: bool,
) -> None:
    assert matches(operator, values, key_in_request) is expected


def test_operators_and_keys_are_combined_with_and() -> None:
    condition = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    policy = document(allow(Condition=condition))
    complete = {"a": "1", "b": "2", "c": "true"}
    assert decide(policy, request(complete), has_principals=False) is Decision.ALLOW
    for key in complete:
        changed = {**complete, key: "other"}
        assert decide(policy, request(changed), has_principals=False) is Decision.NONE


def test_explicit_deny_overrides_allow() -> None:
    everything = document(allow())
    assert is_allowed(request(), ACCOUNT, identity_policies=[everything])
    assert not is_allowed(request(), ACCOUNT, identity_policies=[document(allow(), deny())])
    assert not is_allowed(request(), ACCOUNT, identity_policies=[everything, document(deny())])
    assert not is_allowed(request(), ACCOUNT, document(deny(Principal="*")), [everything])
    assert not is_allowed(request(), ACCOUNT)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"Action": "s3:Get*"}, True),
        ({"Action": "S3:getobject"}, True),
        ({"Action": ["s3:Put*", "s3:Delete*"]}, False),
        ({"Resource": "arn:aws:s3:::bucket/*"}, True),
        ({"Resource": "arn:aws:s3:::bucket/Obj*"}, False),
        ({"Resource": "arn:aws:s3:::bucket"}, False),
    ],
)
def test_actions_and_resources(elements: Statement, *, expected: bool) -> None:
    policy = document(allow(**elements))
    assert is_allowed(request(), ACCOUNT, identity_policies=[policy]) is expected
    ((name, value),) = elements.items()
    rest = {key: "*" for key in ("Action", "Resource") if key != name}
    inverse = document({"Effect": "Allow", f"Not{name}": value, **rest})
    assert is_allowed(request(), ACCOUNT, identity_policies=[inverse]) is not expected


@pytest.mark.parametrize(
    ("principal", "caller", "expected"),
    [
        ("*", "sns.amazonaws.com", Decision.ALLOW),
        ({"AWS": "*"}, OUTSIDER, Decision.ALLOW),
        ({"AWS": [USER]}, USER, Decision.ALLOW),
        ({"AWS": [USER]}, OUTSIDER, Decision.NONE),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, USER, Decision.DELEGATE),
        ({"AWS": ACCOUNT}, USER, Decision.DELEGATE),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, OUTSIDER, Decision.NONE),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "sns.amazonaws.com", Decision.NONE),
        ({"AWS": [ACCOUNT, USER]}, USER, Decision.ALLOW),
        (
            {"Service": ["sqs.amazonaws.com", "sns.amazonaws.com"]},
            "sns.amazonaws.com",
            Decision.ALLOW,
        ),
        ({"Service": "sns.amazonaws.com"}, "lambda.amazonaws.com", Decision.NONE),
    ],
)
def test_principals(principal: Any, caller: str, expected: Decision) -> None:
    policy = document(allow(Principal=principal))
    assert decide(policy, request(principal=caller), has_principals=True) is expected


def test_one_of_two_policies_suffices_within_an_account() -> None:
    bucket_policy = document(allow(Principal={"AWS": USER}))
    assert is_allowed(request(), ACCOUNT, bucket_policy)
    assert is_allowed(request(), ACCOUNT, None, [document(allow())])


def test_other_accounts_need_both_policies() -> None:
    outsider = request(principal=OUTSIDER)
    bucket_policy = document(allow(Principal={"AWS": OTHER_ACCOUNT}))
    assert is_allowed(outsider, ACCOUNT, bucket_policy, [document(allow())])
    assert not is_allowed(outsider, ACCOUNT, bucket_policy)
    assert not is_allowed(outsider, ACCOUNT, None, [document(allow())])


def test_key_policy_must_delegate_to_identity_policies() -> None:
    decrypt = request(action="kms:Decrypt", resource=KEY)
    delegated = document(allow(Principal={"AWS": ACCOUNT}))
    assert is_allowed(decrypt, ACCOUNT, delegated, [document(allow())])
    assert not is_allowed(decrypt, ACCOUNT, delegated)
    assert not is_allowed(decrypt, ACCOUNT, None, [document(allow())])


@pytest.mark.parametrize(
    ("elements", "has_principals", "message"),
    [
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, False, "IpAddress"),
        ({"Condition": {"NullIfExists": {"k": "true"}}}, False, "NullIfExists"),
        ({"Condition": {"ForSomeValues:StringEquals": {"k": "v"}}}, False, "ForSomeValues"),
        ({"Condition": {"Null": {"k": "no"}}}, False, "Null with"),
        ({"Condition": {"StringEquals": {"k": "${aws:username}"}}}, False, "policy variable"),
        ({"Condition": {"Bool": {"k": False}}}, False, "is not a string"),
        ({"NotPrincipal": "*"}, False, "NotPrincipal"),
        ({"Principal": "*"}, False, "must not have it"),
        ({}, True, "needs Principal"),
        ({"Principal": "everybody"}, True, "everybody"),
        ({"Principal": {"Federated": "accounts.google.com"}}, True, "Federated"),
        ({"Principal": {"AWS": "arn:aws:iam::*:root"}}, True, "wildcard in Principal"),
        ({"NotAction": "s3:*"}, False, "exactly one of Action and NotAction"),
        ({"Resource": "bucket/*"}, False, "is not an ARN"),
        ({"Condition": {"ArnLike": {"k": "arn:aws:sns:*:topic"}}}, False, "is not an ARN"),
        ({"Effect": "allow"}, False, "Effect"),
    ],
)
def test_unsupported_elements_raise(
    elements: Statement, *, has_principals: bool, message: str
) -> None:
    with pytest.raises(Unsupported, match=message):
        decide(document(allow(**elements)), request({"k": "v"}), has_principals=has_principals)


def test_several_values_need_a_set_operator() -> None:
    with pytest.raises(Unsupported, match="use ForAllValues or ForAnyValue"):
        matches("StringEquals", "a", ["a", "b"])


def test_only_the_current_language_version_is_accepted() -> None:
    with pytest.raises(Unsupported, match="2008-10-17"):
        decide({**document(), "Version": "2008-10-17"}, request(), has_principals=False)
