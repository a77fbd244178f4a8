"""Bearer tokens: which ones API Gateway accepts, and how the function reads their claims."""

import json
import re
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import playwright
import pytest

from e2e.instances import AUDIENCE, READ, WRITE, Instance, Instances, new_key, signed
from e2e.support import assert_problem, log_lines, send_with_token, stored_items, unique, wait_for
from lib import documents
from lib.client import Caller, Response, send
from lib.paths import ROOT

Aws = Callable[..., object]
Make = Callable[[Instances], str]


def create(extra_instances: Instances, token: str, kind: str, key: str | None = None) -> Response:
    body = json.dumps({"type": kind, "status": "new"}).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return send(
        "POST",
        extra_instances.tokens.url,
        body,
        headers | ({"idempotency-key": key} if key else {}),
    )


def test_valid_token_reads_and_writes(extra_instances: Instances) -> None:
    call = partial(send_with_token, extra_instances.tokens.url, extra_instances.token())
    response = call("POST", body={"type": unique(), "status": "new"})
    assert response.status == 201
    record = response.json()
    assert record["submittedBy"] == f"{extra_instances.issuer}#tester"
    path = f"/{record['recordID']}"
    assert call("GET", path).json() == record
    assert call("GET", f"?type={record['type']}").json() == {"records": [record]}
    assert call("PATCH", path, body={"status": "changed"}).json()["version"] == 2
    # By default the module has no route for `delete`, with or without a token.
    assert (
        call("DELETE", path).status,
        send("DELETE", f"{extra_instances.tokens.url}{path}", b"", {}).status,
    ) == (404, 404)


def altered(extra_instances: Instances) -> str:
    """Return a token whose claims were changed after signing."""
    header, _, signature = extra_instances.token().split(".")
    claims = json.dumps(extra_instances.claims({"sub": "another"})).encode()
    return f"{header}.{urlsafe_b64encode(claims).decode().rstrip('=')}.{signature}"


UNAUTHORIZED: dict[str, Make] = {
    "no token": lambda _: "",
    "text": lambda _: "a.b.c",
    "expired": lambda extra_instances: extra_instances.token(exp=int(time.time()) - 60),
    "not yet valid": lambda extra_instances: extra_instances.token(nbf=int(time.time()) + 120),
    "issued in the future": lambda extra_instances: extra_instances.token(
        iat=int(time.time()) + 120
    ),
    "wrong audience": lambda extra_instances: extra_instances.token(aud="elsewhere"),
    "wrong audiences": lambda extra_instances: extra_instances.token(
        aud=["elsewhere", f"{AUDIENCE}/"]
    ),
    "no audience": lambda extra_instances: extra_instances.token(aud=None),
    "wrong issuer": lambda extra_instances: extra_instances.token(iss=f"{extra_instances.issuer}/"),
    "no issuer": lambda extra_instances: extra_instances.token(iss=None),
    "wrong key": lambda extra_instances: signed(extra_instances.claims({}), new_key()),
    "unknown key": lambda extra_instances: signed(
        extra_instances.claims({}), extra_instances.private_key, key_id="another"
    ),
    # "Control access to HTTP APIs with JWT authorizers": `kid` must match the key in `jwks_uri`.
    "no key ID": lambda extra_instances: signed(
        extra_instances.claims({}), extra_instances.private_key, key_id=None
    ),
    "altered claims": altered,
    "alg=none": lambda extra_instances: signed(extra_instances.claims({}), "", algorithm="none"),
    "secret instead of a key": lambda extra_instances: signed(
        extra_instances.claims({}), "x" * 32, algorithm="HS256"
    ),
}


@pytest.mark.parametrize("make", UNAUTHORIZED.values(), ids=UNAUTHORIZED)
def test_invalid_token_is_rejected(extra_instances: Instances, aws: Aws, make: Make) -> None:
    kind, token = unique(), make(extra_instances)
    responses = [
        create(extra_instances, token, kind),
        send_with_token(extra_instances.tokens.url, token),
    ]
    assert [response.status for response in responses] == [401, 401]
    assert all("x-request-id" not in response.headers for response in responses)
    assert stored_items(aws("dynamodb"), kind, extra_instances.tokens.table) == []


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
def test_scopes_allow_their_operations_only(
    extra_instances: Instances, aws: Aws, claims: dict[str, object], reads: int, writes: int
) -> None:
    kind, token = unique(), extra_instances.token(**claims)
    assert (
        send_with_token(extra_instances.tokens.url, token).status,
        create(extra_instances, token, kind).status,
    ) == (
        reads,
        writes,
    )
    assert len(stored_items(aws("dynamodb"), kind, extra_instances.tokens.table)) == (writes == 201)


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"sub": "ünï 🎉"}, "ünï 🎉"),
        ({"sub": 42}, "42"),
        ({"sub": None, "client_id": "a-machine"}, "a-machine"),
        ({"aud": ["elsewhere", AUDIENCE], "roles": [{"a": None}], "n": 1.5, "e": []}, "tester"),
    ],
    ids=str,
)
def test_submitter_is_issuer_and_subject(
    extra_instances: Instances, claims: dict[str, object], subject: str
) -> None:
    response = create(extra_instances, extra_instances.token(**claims), unique())
    assert response.status == 201, response
    assert response.json()["submittedBy"] == f"{extra_instances.issuer}#{subject}"


def test_token_without_a_subject_is_rejected(extra_instances: Instances, aws: Aws) -> None:
    kind, token = unique(), extra_instances.token(sub=None)
    assert_problem(create(extra_instances, token, kind), 403, "no-identity")
    assert_problem(send_with_token(extra_instances.tokens.url, token), 403, "no-identity")
    assert stored_items(aws("dynamodb"), kind, extra_instances.tokens.table) == []


def test_key_belongs_to_issuer_and_subject(extra_instances: Instances, aws: Aws) -> None:
    kind, key = unique(), unique("key")
    responses = [
        create(extra_instances, extra_instances.token(sub="one"), kind, key),
        # A new token of the same subject.
        create(
            extra_instances,
            extra_instances.token(sub="one", jti="another", client_id="elsewhere"),
            kind,
            key,
        ),
        create(extra_instances, extra_instances.token(sub="two"), kind, key),
    ]
    assert [response.headers.get("idempotency-replayed") for response in responses] == [
        None,
        "true",
        None,
    ]
    assert len(stored_items(aws("dynamodb"), kind, extra_instances.tokens.table)) == 2


def test_caller_is_logged_and_token_is_not(extra_instances: Instances, aws: Aws) -> None:
    began, subject = time.time(), unique("subject")
    token = extra_instances.token(sub=subject)
    response = send_with_token(extra_instances.tokens.url, token)

    def request_lines() -> list[dict[str, object]]:
        every = log_lines(aws("logs"), began, extra_instances.tokens.log_group)
        assert token.rpartition(".")[2] not in json.dumps(every)
        return [line for line in every if line.get("requestId") == response.headers["x-request-id"]]

    assert [line["caller"] for line in wait_for(request_lines)] == [
        f"{extra_instances.issuer}#{subject}"
    ]


def test_sample_of_a_page_in_a_browser_works(extra_instances: Instances) -> None:
    """Node's `fetch` sends no preflight requests; test_both_ways.py covers these."""
    page = ROOT / "docs/network.md"
    [sample] = [block.text for block in documents.blocks(page) if block.language == "js"]
    url, token = json.dumps(extra_instances.tokens.url), json.dumps(extra_instances.token())
    text, count = re.subn('^const url = ".*";$', f"const url = {url};", sample, flags=re.MULTILINE)
    assert count == 1
    text += f"\nexample({token}).then((result) => console.log(JSON.stringify(result)));\n"
    node = Path(playwright.__file__).parent / "driver/node"  # in its wheel
    done = subprocess.run([node, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["created"]["submittedBy"] == f"{extra_instances.issuer}#tester"
    assert result["created"] in result["page"]["records"]


def test_signature_and_token_are_not_interchangeable(
    extra_instances: Instances, reader: Caller
) -> None:
    assert replace(reader, url=extra_instances.tokens.url).call("GET").status == 401
    assert (
        send_with_token(
            reader.url, extra_instances.token(), "POST", body={"type": "x", "status": "x"}
        ).status
        != 201
    )


def test_instances_share_no_records(
    extra_instances: Instances, open_instance: Instance, writer: Caller, reader: Caller, aws: Aws
) -> None:
    kind = unique()
    record = create(extra_instances, extra_instances.token(), kind).json()
    assert_problem(reader.call("GET", f"/{record['recordID']}"), 404, "record-not-found")
    assert_problem(
        send("GET", f"{open_instance.url}/{record['recordID']}", b"", {}), 404, "record-not-found"
    )
    assert writer.call("GET", query={"type": kind}).json() == {"records": []}
    assert [
        len(stored_items(aws("dynamodb"), kind, table))
        for table in (extra_instances.tokens.table, "records-local")
    ] == [1, 0]
