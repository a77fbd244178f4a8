"""Open access (auth.mode NONE), and what the choices of an instance come to: operations, indexes, retention."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from e2e.instances import Instance
from e2e.talk import places, stored, unique
from lib.client import Answer, send


def post(instance: Instance, **headers: str) -> Callable[..., Answer]:
    def call(**fields: object) -> Answer:
        body = json.dumps({"type": "test", "status": "new", **fields}).encode()
        return send("POST", instance.url, body, {"content-type": "application/json", **headers})

    return call


def listed(instance: Instance, query: str) -> Any:  # noqa: ANN401 (JSON)
    answer = send("GET", f"{instance.url}?{query}", b"", {})
    assert answer.status == 200, answer
    return answer.json()["records"]


def test_without_identities_the_submitter_is_whoever_the_body_says(open_instance: Instance) -> None:
    kind = unique()
    named = post(open_instance)(type=kind, submittedBy="backup@host-7").json()
    unnamed = post(open_instance)(type=kind).json()
    assert (named["submittedBy"], unnamed["submittedBy"]) == ("backup@host-7", "anonymous")
    # `submittedBy` and `status` have no index here: the question is answered all the same.
    assert listed(open_instance, f"type={kind}&submittedBy=backup%40host-7") == [named]
    started = named["createdAt"][:19]
    assert named in listed(open_instance, f"submittedBy=backup%40host-7&createdAfter={started}Z")


@pytest.mark.parametrize("name", ["", "x" * 513, 7, None])
def test_a_submitter_is_checked(open_instance: Instance, name: object) -> None:
    assert places(post(open_instance)(submittedBy=name)) == ["/submittedBy"]


def test_everybody_is_one_caller_to_an_idempotency_key(open_instance: Instance) -> None:
    create = post(open_instance, **{"idempotency-key": unique("key")})
    assert [create().headers.get("idempotency-replayed") for _ in range(2)] == [None, "true"]


def test_records_are_kept_as_long_as_the_instance_says(
    open_instance: Instance, aws: Callable[..., Any]
) -> None:
    kind = unique()
    created = datetime.fromisoformat(post(open_instance)(type=kind).json()["createdAt"]).timestamp()
    (item,) = stored(aws("dynamodb"), kind, open_instance.table)
    assert int(item["expiresAt"]["N"]) == int(created) + 30 * 86400
    assert int(item["expiresAt"]["N"]) > time.time()
