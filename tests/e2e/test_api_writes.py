"""Idempotency keys and concurrent writes with real identities and clients."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from e2e.support import assert_problem, created, run_concurrently, stored_items, unique
from lib.client import Caller, Response

Aws = Callable[..., Any]


def create_with_key(caller: Caller, key: str, body: object) -> Response:
    return caller.call("POST", body=body, headers={"Idempotency-Key": key})


def is_replay(response: Response) -> bool:
    assert response.status == 201, response
    return response.headers.get("idempotency-replayed") == "true"


def test_repeated_create_returns_the_current_record(writer: Caller) -> None:
    key, body = unique("key"), {"type": unique(), "status": "new"}
    first, again = create_with_key(writer, key, body), create_with_key(writer, key, body)
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert again.headers["location"] == first.headers["location"]
    path = f"/{first.json()['recordID']}"
    changed = writer.call("PATCH", path, body={"status": "changed"})
    late = create_with_key(writer, key, body)
    assert is_replay(late)
    assert (late.body, late.headers["etag"]) == (changed.body, changed.headers["etag"])
    assert writer.call("DELETE", path).status == 204
    assert_problem(create_with_key(writer, key, body), 410, "record-deleted")


def test_key_belongs_to_its_caller(writer: Caller, other_writer: Caller, aws: Aws) -> None:
    key, kind = unique("key"), unique()
    body = {"type": kind, "status": "new"}
    responses = [create_with_key(caller, key, body) for caller in (writer, other_writer)]
    assert [is_replay(response) for response in responses] == [False, False]
    assert len(stored_items(aws("dynamodb"), kind)) == 2


def test_sessions_of_one_role_share_their_keys(
    writer_sessions: tuple[Caller, Caller], aws: Aws
) -> None:
    key, kind = unique("key"), unique()
    body = {"type": kind, "status": "new"}
    first, again = (create_with_key(session, key, body) for session in writer_sessions)
    assert (is_replay(first), is_replay(again)) == (False, True)
    assert len(stored_items(aws("dynamodb"), kind)) == 1
    assert first.json()["submittedBy"].endswith("/session-one")


def test_concurrent_updates_without_if_match_are_all_kept(writer: Caller) -> None:
    record, _ = created(writer)
    path = f"/{record['recordID']}"
    patches: list[dict[str, Any]] = [
        {"attributes": {f"client-{number}": {"done": True}}} for number in range(8)
    ]
    calls = [partial(writer.call, "PATCH", path, body=patch) for patch in patches]
    responses = run_concurrently(calls)
    assert [response.status for response in responses] == [200] * 8
    assert sorted(response.json()["version"] for response in responses) == list(range(2, 10))
    final = writer.call("GET", path).json()
    assert final["version"] == 9
    assert final["attributes"] == {f"client-{number}": {"done": True} for number in range(8)}


@pytest.fixture(scope="module")
def other_writer(new_user: Callable[..., Caller], aws: Aws) -> Caller:
    """Another user than `writer` with the same policy."""
    return new_user(policy_arn=writer_policy(aws))


def writer_policy(aws: Aws) -> str:
    """Return the ARN of the module's writer policy, as the user `writer` has it."""
    (policy,) = aws("iam").list_attached_user_policies(UserName="records-local-writer")[
        "AttachedPolicies"
    ]
    return str(policy["PolicyArn"])


@pytest.fixture(scope="module")
def writer_sessions(writer: Caller, aws: Aws) -> tuple[Caller, Caller]:
    """Two sessions of one role that has the writer policy."""
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
    }
    name = unique("role")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    aws("iam").attach_role_policy(RoleName=name, PolicyArn=writer_policy(aws))

    def session(name: str) -> Caller:
        assumed = aws("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        keys = assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]
        return Caller(writer.url, writer.region, *keys)

    return session("session-one"), session("session-two")
