"""Evaluates IAM policies the way AWS documents it, for the subset of the language used here.

Sources, all in the IAM User Guide: "IAM JSON policy elements: Condition operators" (operators,
`IfExists`, `Null`, missing keys), "Conditions with multiple context keys or values" (AND, OR, NOR),
"Policy evaluation logic" (explicit deny, then allow, then implicit deny). Anything the evaluator
does not know raises `Unsupported`: skipping a part of a policy would make its tests worthless.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_STATEMENT_ELEMENTS = frozenset(
    ("Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)
_ARN_PARTS = 6
# Actions that need an Allow from the resource's own policy, even for principals of the same account
# ("Policy evaluation logic": role trust policies and KMS key policies).
_RESOURCE_POLICY_REQUIRED = ("kms:*", "sts:AssumeRole")

Document = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]


class Unsupported(Exception):
    """The policy uses something that this evaluator does not implement."""


class Decision(Enum):
    """The result of one policy for a request."""

    ALLOW = "allow"
    DELEGATE = "delegate"  # allowed to the whole account: its IAM policies decide
    DENY = "deny"
    NONE = "none"


@dataclass(frozen=True)
class Request:
    """One call: who does what to which resource, and the context keys that AWS sends with it.

    `principal` is the ARN of a user or role, or the name of a service (`sns.amazonaws.com`).
    """

    principal: str
    action: str
    resource: str
    context: Context = field(default_factory=dict)

    @property
    def is_service(self) -> bool:
        """Return whether an AWS service makes this call."""
        return not self.principal.startswith("arn:")

    @property
    def account(self) -> str:
        """Return the account of the principal; empty for a service."""
        return "" if self.is_service else self.principal.split(":")[4]


def is_allowed(
    request: Request,
    owner: str,
    resource_policy: str | Document | None = None,
    identity_policies: Sequence[str | Document] = (),
) -> bool:
    """Return whether AWS allows the request on a resource of the account `owner`."""
    on_resource = (
        Decision.NONE
        if resource_policy is None
        else decide(resource_policy, request, has_principals=True)
    )
    on_identity = [decide(policy, request, has_principals=False) for policy in identity_policies]
    if Decision.DENY in (on_resource, *on_identity):
        return False
    if on_resource is Decision.ALLOW and (request.is_service or request.account == owner):
        return True
    if request.is_service or Decision.ALLOW not in on_identity:
        return False
    needs_resource_policy = request.account != owner or any(
        _matches_text(pattern, request.action) for pattern in _RESOURCE_POLICY_REQUIRED
    )
    return on_resource in {Decision.ALLOW, Decision.DELEGATE} or not needs_resource_policy


def decide(policy: str | Document, request: Request, *, has_principals: bool) -> Decision:
    """Return the decision of one policy. Only resource policies have principals."""
    document = json.loads(policy) if isinstance(policy, str) else policy
    if document.get("Version") != "2012-10-17":
        raise Unsupported(f"Version {document.get('Version')!r}")
    if unknown := set(document) - {"Version", "Id", "Statement"}:
        raise Unsupported(f"policy elements {sorted(unknown)}")
    decisions = {
        _decide_statement(statement, request, has_principals=has_principals)
        for statement in listed(document["Statement"])
    }
    for decision in (Decision.DENY, Decision.ALLOW, Decision.DELEGATE):
        if decision in decisions:
            return decision
    return Decision.NONE


def _decide_statement(statement: Document, request: Request, *, has_principals: bool) -> Decision:
    if unknown := set(statement) - _STATEMENT_ELEMENTS:
        raise Unsupported(f"statement elements {sorted(unknown)}")
    if has_principals != ("Principal" in statement):
        raise Unsupported("a resource policy needs Principal, an identity policy must not have it")
    if statement["Effect"] not in {"Allow", "Deny"}:
        raise Unsupported(f"Effect {statement['Effect']!r}")
    # Every part is evaluated, even after a mismatch, so that unsupported parts always raise.
    principal = (
        _match_principal(statement["Principal"], request) if has_principals else Decision.ALLOW
    )
    matched = (
        _matches_action(statement, request),
        _matches_resource(statement, request),
        _matches_condition(statement.get("Condition", {}), request.context),
    )
    if principal is Decision.NONE or not all(matched):
        return Decision.NONE
    return principal if statement["Effect"] == "Allow" else Decision.DENY


def _match_principal(principal: str | Mapping[str, Any], request: Request) -> Decision:
    """Return ALLOW for a direct match, DELEGATE for a match of the whole account, NONE for none."""
    if principal == "*":
        return Decision.ALLOW
    if isinstance(principal, str):
        raise Unsupported(f"Principal {principal!r}")
    decision = Decision.NONE
    for kind, values in principal.items():
        if kind not in {"AWS", "Service"}:
            raise Unsupported(f"Principal type {kind!r}")
        for value in listed(values):
            if kind == "Service":
                matched = Decision.ALLOW if value == request.principal else Decision.NONE
            else:
                matched = _match_aws_principal(value, request)
            if matched is Decision.ALLOW:
                return matched
            decision = matched if decision is Decision.NONE else decision
    return decision


def _match_aws_principal(value: str, request: Request) -> Decision:
    if value in {"*", request.principal}:
        return Decision.ALLOW
    if "*" in value or "?" in value:
        raise Unsupported(f"wildcard in Principal {value!r}")
    is_account = re.fullmatch(r"[0-9]{12}|arn:[^:]+:iam::[0-9]{12}:root", value)
    if is_account and not request.is_service and request.account in value:
        return Decision.DELEGATE
    return Decision.NONE


def _matches_action(statement: Document, request: Request) -> bool:
    name, patterns = _one_of(statement, "Action", "NotAction")
    matched = any(_matches_text(pattern.lower(), request.action.lower()) for pattern in patterns)
    return matched if name == "Action" else not matched


def _matches_resource(statement: Document, request: Request) -> bool:
    if not {"Resource", "NotResource"} & set(statement):
        if request.action != "sts:AssumeRole":  # only trust policies leave the resource out
            raise Unsupported("a statement without Resource")
        return True
    name, patterns = _one_of(statement, "Resource", "NotResource")
    matched = any(pattern == "*" or _matches_arn(pattern, request.resource) for pattern in patterns)
    return matched if name == "Resource" else not matched


def _one_of(statement: Document, positive: str, negative: str) -> tuple[str, list[str]]:
    present = [name for name in (positive, negative) if name in statement]
    if len(present) != 1:
        raise Unsupported(f"a statement needs exactly one of {positive} and {negative}")
    return present[0], _strings(statement[present[0]])


def _matches_condition(condition: Mapping[str, Any], context: Context) -> bool:
    """Return whether all operators match for all of their keys (logical AND)."""
    # The names of keys are not case-sensitive.
    present = {key.lower(): _strings(value) for key, value in context.items()}
    results = [
        _matches_operator(operator, _strings(values), present.get(key.lower()))
        for operator, keys in condition.items()
        for key, values in keys.items()
    ]
    return all(results)


def _matches_operator(operator: str, patterns: list[str], values: list[str] | None) -> bool:
    if operator == "Null":
        return (values is None) == _is_true(patterns)
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    if base not in _OPERATORS or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        raise Unsupported(f"condition operator {operator!r}")
    matches, negated = _OPERATORS[base]
    if values is None:
        return name != base or quantifier == "ForAllValues" or (negated and not quantifier)
    if not quantifier and len(values) != 1:
        raise Unsupported(
            f"{operator} on a key with several values: use ForAllValues or ForAnyValue"
        )
    # Several values in the policy: OR for a positive operator, NOR for a negated one.
    results = [any(matches(pattern, value) for pattern in patterns) != negated for value in values]
    return any(results) if quantifier == "ForAnyValue" else all(results)


def _is_true(values: list[str]) -> bool:
    if values not in (["true"], ["false"]):
        raise Unsupported(f"Null with {values}")
    return values == ["true"]


def _matches_text(pattern: str, text: str) -> bool:
    regex = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _matches_arn(pattern: str, arn: str) -> bool:
    """Compare the six parts of two ARNs one by one: no wildcard spans two of them."""
    expected, actual = (text.split(":", _ARN_PARTS - 1) for text in (pattern, arn))
    if len(expected) != _ARN_PARTS:
        raise Unsupported(f"{pattern!r} is not an ARN")
    return len(actual) == _ARN_PARTS and all(map(_matches_text, expected, actual))


def _is_equal(pattern: str, value: str) -> bool:
    return pattern == value


def _is_equal_ignoring_case(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


# How an operator compares, and whether it is negated. A missing key matches the negated ones only.
# ArnEquals and ArnLike behave identically.
_OPERATORS: dict[str, tuple[Callable[[str, str], bool], bool]] = {
    "ArnEquals": (_matches_arn, False),
    "ArnLike": (_matches_arn, False),
    "ArnNotEquals": (_matches_arn, True),
    "ArnNotLike": (_matches_arn, True),
    "Bool": (_is_equal_ignoring_case, False),
    "StringEquals": (_is_equal, False),
    "StringEqualsIgnoreCase": (_is_equal_ignoring_case, False),
    "StringLike": (_matches_text, False),
    "StringNotEquals": (_is_equal, True),
    "StringNotEqualsIgnoreCase": (_is_equal_ignoring_case, True),
    "StringNotLike": (_matches_text, True),
}


def listed(value: Any) -> list[Any]:
    """Return a member of a policy, which may be one value or several, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _strings(value: Any) -> list[str]:
    texts = listed(value)
    for text in texts:
        if not isinstance(text, str):
            raise Unsupported(f"{text!r} is not a string")
        if "${" in text:
            raise Unsupported(f"policy variable in {text!r}")
    return texts
