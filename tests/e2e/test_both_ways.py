"""One instance for signatures and for bearer tokens: callers of two kinds, pages in browsers."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from e2e.instances import DOMAIN, ORIGIN, Instances
from e2e.support import log_lines, send_with_token, stored_items, unique, wait_for
from lib.client import Caller, Response, send
from lib.stack import Stack

Aws = Callable[..., Any]


class Callers(NamedTuple):
    """A user with the writer policy of the instance, and the URL and the token of a person."""

    user: Caller
    url: str
    token: str
    subject: str

    def create(self, *, signed: bool, key: str, body: object) -> Response:
        """Create a record as one of the two."""
        if signed:
            return self.user.call("POST", body=body, headers={"idempotency-key": key})
        return send_with_token(self.url, self.token, "POST", body=body, idempotency_key=key)


@pytest.fixture
def callers(extra_instances: Instances, new_user: Callable[..., Caller]) -> Callers:
    instance, subject = extra_instances.tokens, unique("person")
    user = replace(new_user(policy_arn=instance.writer_policy), url=instance.url_of_signers)
    return Callers(user, instance.url, extra_instances.token(sub=subject), subject)


def test_both_kinds_of_callers_share_the_records(callers: Callers) -> None:
    kind = unique()
    record = callers.create(signed=True, key="k", body={"type": kind, "status": "new"}).json()
    path = f"/{record['recordID']}"
    assert send_with_token(callers.url, callers.token, path=path).json() == record
    changed = send_with_token(callers.url, callers.token, "PATCH", path, {"status": "done"})
    assert changed.status == 200
    assert changed.json()["updatedBy"].endswith(f"#{callers.subject}")
    assert callers.user.call("GET", path).json() == changed.json()


def test_kinds_of_callers_have_names_and_keys_apart(
    callers: Callers, extra_instances: Instances, aws: Aws
) -> None:
    """The same key and the same body: a replay for the same caller, another record for another."""
    kind, key = unique(), unique("key")
    body = {"type": kind, "status": "new"}
    responses = [
        callers.create(signed=signed, key=key, body=body) for signed in (True, False, True, False)
    ]
    assert [response.status for response in responses] == [201] * 4
    assert [response.headers.get("idempotency-replayed") for response in responses] == [
        None, None, "true", "true",
    ]  # fmt: skip
    by_user, by_person = (response.json()["submittedBy"] for response in responses[:2])
    assert by_user.startswith("arn:aws:iam::000000000000:user/")
    assert by_person == f"{extra_instances.issuer}#{callers.subject}"
    assert responses[0].json()["recordID"] != responses[1].json()["recordID"]
    items = stored_items(aws("dynamodb"), kind, extra_instances.tokens.table)
    assert sorted(item["submittedBy"]["S"] for item in items) == sorted([by_user, by_person])


def test_each_api_accepts_one_kind_of_caller(callers: Callers) -> None:
    assert replace(callers.user, url=callers.url).call("GET").status == 401
    assert send_with_token(callers.user.url, callers.token).status == 403
    assert send("GET", callers.user.url, b"", {}).status == 403
    assert send("GET", callers.url, b"", {}).status == 401


def test_log_names_callers_of_both_kinds(
    callers: Callers, extra_instances: Instances, aws: Aws
) -> None:
    began = time.time()
    responses = [callers.user.call("GET"), send_with_token(callers.url, callers.token)]
    requests = [response.headers["x-request-id"] for response in responses]

    def names() -> list[str]:
        lines = log_lines(aws("logs"), began, extra_instances.tokens.log_group)
        by_request = {line.get("requestId"): str(line.get("caller")) for line in lines}
        is_complete = by_request.keys() >= set(requests)
        return [by_request[request] for request in requests] if is_complete else []

    by_user, by_person = wait_for(names)
    assert by_user.startswith("arn:aws:iam::000000000000:user/")
    assert by_person == f"{extra_instances.issuer}#{callers.subject}"


@pytest.mark.parametrize("api", ["url", "url_of_signers"])
def test_preflight_is_answered_without_credentials(extra_instances: Instances, api: str) -> None:
    url = getattr(extra_instances.tokens, api)
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,content-type,if-match",
    }
    response = send("OPTIONS", f"{url}/some-id", b"", headers)
    assert response.status == 204
    assert "x-request-id" not in response.headers  # from API Gateway, not from the function
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in response.headers
    methods = response.headers["access-control-allow-methods"].split(",")
    assert sorted(methods) == ["GET", "PATCH", "POST"]
    allowed = set(response.headers["access-control-allow-headers"].split(","))
    assert {"authorization", "content-type", "if-match"} <= allowed
    assert ("x-amz-date" in allowed) == (api == "url_of_signers")
    denied = send("OPTIONS", url, b"", headers | {"origin": "https://evil.example.com"})
    assert "access-control-allow-origin" not in denied.headers


def test_page_may_read_the_headers_that_it_needs(callers: Callers) -> None:
    response = send(
        "GET",
        f"{callers.url}?limit=1",
        b"",
        {"authorization": f"Bearer {callers.token}", "origin": ORIGIN},
    )
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    exposed = response.headers["access-control-expose-headers"].split(",")
    assert {"etag", "link", "retry-after", "x-request-id"} <= set(exposed)


def test_instance_without_cors_refuses_pages(reader: Caller) -> None:
    headers = {"origin": ORIGIN, "access-control-request-method": "GET"}
    response = send("OPTIONS", reader.url, b"", headers)
    assert response.status != 204
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["records", "jwt/records"])
def test_domain_serves_both_apis(callers: Callers, stack: Stack, path: str) -> None:
    """The emulator finds a custom domain by the header Host; it has no TLS and no DNS."""
    if path == "records":
        headers = callers.user.sign("GET", f"http://{DOMAIN}/{path}", b"", {})
    else:
        headers = {"authorization": f"Bearer {callers.token}"}
    response = send("GET", f"{stack.url}/{path}", b"", headers | {"host": DOMAIN})
    assert response.status == 200, response
    assert "records" in response.json()
    unauthorized = send("GET", f"{stack.url}/{path}", b"", {"host": DOMAIN})
    assert unauthorized.status == (403 if path == "records" else 401)
