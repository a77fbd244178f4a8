"""An instance with auth.mode "NONE", one filter index and a retention period."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from e2e.instances import Instance
from e2e.support import stored_items, unique
from lib.client import send


def create(instance: Instance, **fields: object) -> Any:
    body = json.dumps({"type": "test", "status": "new", **fields}).encode()
    response = send("POST", instance.url, body, {"content-type": "application/json"})
    assert response.status == 201, response
    return response.json()


def listed(instance: Instance, query: str) -> Any:
    response = send("GET", f"{instance.url}?{query}", b"", {})
    assert response.status == 200, response
    return response.json()["records"]


def test_body_names_the_submitter(open_instance: Instance) -> None:
    kind = unique()
    named = create(open_instance, type=kind, submittedBy="backup@host-7")
    unnamed = create(open_instance, type=kind)
    assert (named["submittedBy"], unnamed["submittedBy"]) == ("backup@host-7", "anonymous")
    # `submittedBy` has no index in this instance, and the filter applies all the same.
    assert listed(open_instance, f"type={kind}&submittedBy=backup%40host-7") == [named]
    started = named["createdAt"][:19]
    assert named in listed(open_instance, f"submittedBy=backup%40host-7&createdAfter={started}Z")


def test_records_expire_after_the_retention_period(
    open_instance: Instance, aws: Callable[..., Any]
) -> None:
    kind = unique()
    created = datetime.fromisoformat(create(open_instance, type=kind)["createdAt"]).timestamp()
    (item,) = stored_items(aws("dynamodb"), kind, open_instance.table)
    assert int(item["expiresAt"]["N"]) == int(created) + 30 * 86400
    assert int(item["expiresAt"]["N"]) > time.time()
