"""Bearer tokens: what API Gateway lets through, and what the function makes of the claims it gets.

The instance is one of three on the same emulator, each with a table, a key and an API of its own.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from e2e.instances import AUDIENCE, READ, WRITE, Instance, Instances, new_key, signed
from e2e.talk import bearer, lines, problem, soon, stored, unique
from lib.client import Answer, Caller, send

Aws = Callable[..., object]
Make = Callable[[Instances], str]


def create(beside: Instances, token: str, kind: str, key: str | None = None) -> Answer:
    body = json.dumps({"type": kind, "status": "new"}).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return send(
        "POST", beside.tokens.url, body, headers | ({"idempotency-key": key} if key else {})
    )


def test_a_good_token_reads_and_writes(beside: Instances) -> None:
    call = partial(bearer, beside.tokens.url, beside.token())
    made = call("POST", body={"type": unique(), "status": "new"})
    assert made.status == 201
    record = made.json()
    assert record["submittedBy"] == f"{beside.issuer}#tester"
    path = f"/{record['recordID']}"
    assert call("GET", path).json() == record
    assert call("GET", f"?type={record['type']}").json() == {"records": [record]}
    assert call("PATCH", path, body={"status": "changed"}).json()["version"] == 2
    # The module's default leaves `delete` out: there is no such route, and that is said before anything else.
    assert (
        call("DELETE", path).status,
        send("DELETE", f"{beside.tokens.url}{path}", b"", {}).status,
    ) == (404, 404)


def altered(beside: Instances) -> str:
    """Return a good token whose claims were changed after signing."""
    header, _, signature = beside.token().split(".")
    claims = json.dumps(beside.claims({"sub": "somebody else"})).encode()
    return f"{header}.{urlsafe_b64encode(claims).decode().rstrip('=')}.{signature}"


UNAUTHORIZED: dict[str, Make] = {
    "no token at all": lambda _: "",
    "no token but text": lambda _: "a.b.c",
    "expired": lambda beside: beside.token(exp=int(time.time()) - 60),
    "not yet valid": lambda beside: beside.token(nbf=int(time.time()) + 120),
    "issued in the future": lambda beside: beside.token(iat=int(time.time()) + 120),
    "wrong audience": lambda beside: beside.token(aud="elsewhere"),
    "wrong audiences": lambda beside: beside.token(aud=["elsewhere", f"{AUDIENCE}/"]),
    "no audience": lambda beside: beside.token(aud=None),
    "wrong issuer": lambda beside: beside.token(iss=f"{beside.issuer}/"),
    "no issuer": lambda beside: beside.token(iss=None),
    "wrong key": lambda beside: signed(beside.claims({}), new_key()),
    "unknown key": lambda beside: signed(beside.claims({}), beside.private_key, key_id="another"),
    "altered claims": altered,
    "alg=none": lambda beside: signed(beside.claims({}), "", algorithm="none"),
    "a secret for a key": lambda beside: signed(beside.claims({}), "x" * 32, algorithm="HS256"),
}


@pytest.mark.parametrize("make", UNAUTHORIZED.values(), ids=UNAUTHORIZED)
def test_a_token_that_is_not_right_is_refused(beside: Instances, aws: Aws, make: Make) -> None:
    kind, token = unique(), make(beside)
    answers = [create(beside, token, kind), bearer(beside.tokens.url, token)]
    assert [answer.status for answer in answers] == [401, 401]
    assert all("x-request-id" not in answer.headers for answer in answers)
    assert stored(aws("dynamodb"), kind, beside.tokens.table) == []


@pytest.mark.parametrize(
    ("claims", "reads", "writes"),
    [
        ({"scope": READ}, 200, 403),
        ({"scope": f"openid  {WRITE} profile"}, 403, 201),
        ({"scope": None, "scp": [READ, WRITE]}, 200, 201),
        ({"scope": None, "scp": f"{READ} {WRITE}"}, 200, 201),
        ({"scope": None}, 403, 403),
        ({"scope": ""}, 403, 403),
        ({"scope": f"{READ}x {WRITE}/all"}, 403, 403),
    ],
    ids=str,
)
def test_a_scope_lets_in_where_it_is_for(
    beside: Instances, aws: Aws, claims: dict[str, object], reads: int, writes: int
) -> None:
    kind, token = unique(), beside.token(**claims)
    assert (bearer(beside.tokens.url, token).status, create(beside, token, kind).status) == (
        reads,
        writes,
    )
    assert len(stored(aws("dynamodb"), kind, beside.tokens.table)) == (writes == 201)


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"sub": "auth0|5f7c8ec7c33c6c004bbafe82"}, "auth0|5f7c8ec7c33c6c004bbafe82"),
        ({"sub": "ünï 🎉"}, "ünï 🎉"),
        ({"sub": 42}, "42"),
        ({"sub": None, "client_id": "a-machine"}, "a-machine"),
        ({"sub": "", "client_id": "a-machine"}, "a-machine"),
        ({"aud": None, "client_id": AUDIENCE}, "tester"),
        (
            {
                "aud": ["elsewhere", AUDIENCE],
                "roles": [{"a": None}],
                "n": 1.5,
                "deep": {"x": [True]},
                "e": [],
            },
            "tester",
        ),
    ],
    ids=str,
)
def test_a_record_names_issuer_and_subject(
    beside: Instances, claims: dict[str, object], subject: str
) -> None:
    answer = create(beside, beside.token(**claims), unique())
    assert answer.status == 201, answer
    assert answer.json()["submittedBy"] == f"{beside.issuer}#{subject}"


@pytest.mark.parametrize(
    "claims", [{"sub": None}, {"sub": ""}, {"sub": "x" * 600}], ids=["none", "empty", "long"]
)
def test_a_token_that_names_nobody_is_refused(
    beside: Instances, aws: Aws, claims: dict[str, object]
) -> None:
    kind, token = unique(), beside.token(**claims)
    problem(create(beside, token, kind), 403, "no-identity")
    problem(bearer(beside.tokens.url, token), 403, "no-identity")
    assert stored(aws("dynamodb"), kind, beside.tokens.table) == []


def test_an_idempotency_key_belongs_to_issuer_and_subject(beside: Instances, aws: Aws) -> None:
    kind, key = unique(), unique("key")
    answers = [
        create(beside, beside.token(sub="one"), kind, key),
        # Another token of the same subject, as a client gets every hour.
        create(beside, beside.token(sub="one", jti="another", client_id="elsewhere"), kind, key),
        create(beside, beside.token(sub="two"), kind, key),
    ]
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [
        None,
        "true",
        None,
    ]
    assert len(stored(aws("dynamodb"), kind, beside.tokens.table)) == 2


def test_a_caller_is_in_the_log_and_its_token_is_not(beside: Instances, aws: Aws) -> None:
    began, subject = time.time(), unique("subject")
    token = beside.token(sub=subject)
    answer = bearer(beside.tokens.url, token)

    def found() -> list[dict[str, object]]:
        every = lines(aws("logs"), began, beside.tokens.log_group)
        assert token.rpartition(".")[2] not in json.dumps(every)
        return [line for line in every if line.get("requestId") == answer.headers["x-request-id"]]

    soon(found)
    assert [line["caller"] for line in found()] == [f"{beside.issuer}#{subject}"]


def test_a_signature_is_no_token_and_a_token_is_no_signature(
    beside: Instances, reader: Caller
) -> None:
    assert replace(reader, url=beside.tokens.url).call("GET").status == 401
    assert (
        bearer(reader.url, beside.token(), "POST", body={"type": "x", "status": "x"}).status != 201
    )


def test_instances_know_nothing_of_each_other(
    beside: Instances, open_instance: Instance, writer: Caller, reader: Caller, aws: Aws
) -> None:
    kind = unique()
    record = create(beside, beside.token(), kind).json()
    problem(reader.call("GET", f"/{record['recordID']}"), 404, "record-not-found")
    problem(
        send("GET", f"{open_instance.url}/{record['recordID']}", b"", {}), 404, "record-not-found"
    )
    assert writer.call("GET", query={"type": kind}).json() == {"records": []}
    assert [
        len(stored(aws("dynamodb"), kind, table))
        for table in (beside.tokens.table, "records-local")
    ] == [1, 0]
