"""Writes tell the truth: retries, conflicts and races, over real HTTP and with clients that really run at once."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from e2e.talk import TABLE, at_once, created, listed, problem, stored, unique
from lib.client import Answer, Caller

Aws = Callable[..., Any]


def keyed(caller: Caller, key: str, body: object) -> Answer:
    return caller.call("POST", body=body, headers={"Idempotency-Key": key})


def replayed(answer: Answer) -> bool:
    assert answer.status == 201, answer
    return answer.headers.get("idempotency-replayed") == "true"


def expire(dynamodb: Any, record_id: str) -> None:  # noqa: ANN401 (a boto3 client)
    """Let an item's time run out, as it would have in a day or a year; nothing has removed it yet."""
    dynamodb.update_item(
        TableName=TABLE,
        Key={"recordID": {"S": record_id}},
        UpdateExpression="SET expiresAt = :past",
        ConditionExpression="attribute_exists(recordID)",
        ExpressionAttributeValues={":past": {"N": "1700000000"}},
    )


def test_a_repeated_create_is_the_same_create(writer: Caller, reader: Caller) -> None:
    key, kind = unique("key"), unique()
    body = {"type": kind, "status": "new", "attributes": {"n": 1, "list": [1.5, {"a": 1, "b": 2}]}}
    first, again = keyed(writer, key, body), keyed(writer, key, body)
    assert (replayed(first), replayed(again)) == (False, True)
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert again.headers["location"] == first.headers["location"]
    # The order of members and the spelling of numbers are not what a body says.
    spelled = f'{{"attributes":{{"list":[15e-1,{{"b":2.0,"a":1}}],"n":1.0}},"status":"new","type":"{kind}"}}'
    assert replayed(keyed(writer, key, spelled.encode()))
    # A replay tells the present, not the past.
    path = f"/{first.json()['recordID']}"
    changed = writer.call("PATCH", path, body={"status": "changed"})
    late = keyed(writer, key, body)
    assert replayed(late)
    assert (late.body, late.headers["etag"]) == (changed.body, changed.headers["etag"])
    # And one that comes after the deletion does not bring the record back.
    assert writer.call("DELETE", path).status == 204
    problem(keyed(writer, key, body), 410, "record-deleted")
    problem(reader.call("GET", path), 404, "record-not-found")
    assert listed(reader, type=kind) == []


def test_a_key_that_came_with_another_body_is_refused(writer: Caller, aws: Aws) -> None:
    key, kind = unique("key"), unique()
    record = keyed(writer, key, {"type": kind, "status": "new"}).json()
    problem(keyed(writer, key, {"type": kind, "status": "other"}), 422, "idempotency-key-reused")
    assert len(stored(aws("dynamodb"), kind)) == 1
    # Also when the record is gone.
    assert writer.call("DELETE", f"/{record['recordID']}").status == 204
    problem(keyed(writer, key, {"type": kind, "status": "other"}), 422, "idempotency-key-reused")


def test_a_key_is_free_again_when_its_record_or_tombstone_has_expired(
    writer: Caller, reader: Caller, aws: Aws
) -> None:
    key, kind = unique("key"), unique()
    body = {"type": kind, "status": "new"}
    first = keyed(writer, key, body)
    record_id = first.json()["recordID"]
    assert writer.call("DELETE", f"/{record_id}").status == 204
    expire(aws("dynamodb"), record_id)
    second = keyed(writer, key, body)
    assert not replayed(second)
    assert second.json()["recordID"] == record_id
    assert (
        second.headers["etag"] != first.headers["etag"]
    )  # a re-created id never matches an old tag
    expire(aws("dynamodb"), record_id)
    problem(reader.call("GET", f"/{record_id}"), 404, "record-not-found")
    problem(writer.call("PATCH", f"/{record_id}", body={"status": "x"}), 404, "record-not-found")
    problem(writer.call("DELETE", f"/{record_id}"), 404, "record-not-found")
    assert listed(reader, type=kind) == []
    assert not replayed(keyed(writer, key, body))


def test_one_key_of_two_callers_makes_two_records(
    writer: Caller, other_writer: Caller, aws: Aws
) -> None:
    key, kind = unique("key"), unique()
    answers = [
        keyed(caller, key, {"type": kind, "status": "new"}) for caller in (writer, other_writer)
    ]
    assert [replayed(answer) for answer in answers] == [False, False]
    assert len(stored(aws("dynamodb"), kind)) == 2


def test_sessions_of_one_role_are_one_caller(
    writer_sessions: tuple[Caller, Caller], aws: Aws
) -> None:
    key, kind = unique("key"), unique()
    first, again = (
        keyed(session, key, {"type": kind, "status": "new"}) for session in writer_sessions
    )
    assert (replayed(first), replayed(again)) == (False, True)
    assert len(stored(aws("dynamodb"), kind)) == 1
    # Idempotency forgets the session; the record does not.
    assert first.json()["submittedBy"].endswith("/session-one")


def test_twelve_clients_racing_on_one_key_leave_one_record(writer: Caller, aws: Aws) -> None:
    key, kind = unique("key"), unique()
    answers = at_once([partial(keyed, writer, key, {"type": kind, "status": "new"})] * 12)
    assert sorted(replayed(answer) for answer in answers) == [False] + [True] * 11
    assert (
        len({answer.body for answer in answers})
        == len({answer.headers["etag"] for answer in answers})
        == 1
    )
    assert len(stored(aws("dynamodb"), kind)) == 1


def test_twelve_clients_without_a_key_leave_twelve_records(writer: Caller, aws: Aws) -> None:
    kind = unique()
    answers = at_once([partial(writer.call, "POST", body={"type": kind, "status": "new"})] * 12)
    assert len({answer.json()["recordID"] for answer in answers}) == 12
    assert len(stored(aws("dynamodb"), kind)) == 12


def test_an_update_of_a_state_that_has_passed_is_refused(writer: Caller, reader: Caller) -> None:
    record, old = created(writer)
    path = f"/{record['recordID']}"
    current = writer.call("PATCH", path, body={"status": "second"}, headers={"If-Match": old})
    assert current.status == 200
    tag = current.headers["etag"]
    for stale in (old, f"W/{tag}", '"1-000000000000"', f"{old}, W/{tag}"):
        for method, body in (("PATCH", {"status": "third"}), ("DELETE", None)):
            answer = writer.call(method, path, body=body, headers={"If-Match": stale})
            problem(answer, 412, "precondition-failed")
            assert answer.headers["etag"] == tag
    read = reader.call("GET", path)
    assert (read.body, read.headers["etag"]) == (current.body, tag)
    assert (
        writer.call(
            "PATCH", path, body={"status": "third"}, headers={"If-Match": f"{old}, {tag}"}
        ).status
        == 200
    )
    assert writer.call("DELETE", path, headers={"If-Match": "*"}).status == 204
    problem(writer.call("DELETE", path, headers={"If-Match": "*"}), 404, "record-not-found")


def test_eight_clients_that_update_with_if_match_lose_nothing(writer: Caller) -> None:
    clients, rounds = 8, 3
    record, _ = created(writer, attributes={"count": 0})
    path = f"/{record['recordID']}"

    def count() -> int:
        refusals = 0
        for _ in range(rounds):
            while True:
                read = writer.call("GET", path)
                patch = {"attributes": {"count": read.json()["attributes"]["count"] + 1}}
                answer = writer.call(
                    "PATCH", path, body=patch, headers={"If-Match": read.headers["etag"]}
                )
                if answer.status == 200:
                    break
                problem(answer, 412, "precondition-failed")
                refusals += 1
        return refusals

    refusals = at_once([count] * clients)
    final = writer.call("GET", path).json()
    assert final["attributes"] == {"count": clients * rounds}
    assert final["version"] == 1 + clients * rounds
    assert sum(refusals) > 0, "nobody ever came second: this was no race"


def test_eight_clients_that_update_without_if_match_lose_nothing_either(writer: Caller) -> None:
    record, _ = created(writer)
    path = f"/{record['recordID']}"
    patches: list[dict[str, Any]] = [
        {"attributes": {f"of-{number}": {"done": True}}} for number in range(8)
    ]
    answers = at_once([partial(writer.call, "PATCH", path, body=patch) for patch in patches])
    assert [answer.status for answer in answers] == [200] * 8
    assert sorted(answer.json()["version"] for answer in answers) == list(range(2, 10))
    final = writer.call("GET", path).json()
    assert final["version"] == 9
    assert final["attributes"] == {f"of-{number}": {"done": True} for number in range(8)}


def test_of_eight_clients_that_delete_one_does(writer: Caller) -> None:
    record, tag = created(writer)
    call = partial(writer.call, "DELETE", f"/{record['recordID']}", headers={"If-Match": tag})
    assert sorted(answer.status for answer in at_once([call] * 8)) == [204] + [404] * 7


@pytest.fixture(scope="module")
def other_writer(new_user: Callable[..., Caller], aws: Aws) -> Caller:
    """Another user than `writer` with the same policy."""
    return new_user(policy_arn=writer_policy(aws))


def writer_policy(aws: Aws) -> str:
    """Return the ARN of the module's writer policy, as the user `writer` holds it."""
    (policy,) = aws("iam").list_attached_user_policies(UserName="records-local-writer")[
        "AttachedPolicies"
    ]
    return str(policy["PolicyArn"])


@pytest.fixture(scope="module")
def writer_sessions(writer: Caller, aws: Aws) -> tuple[Caller, Caller]:
    """Two sessions of one role that holds the writer policy."""
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
        made = aws("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)["Credentials"]
        keys = made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
        return Caller(writer.url, writer.region, *keys)

    return session("session-one"), session("session-two")
