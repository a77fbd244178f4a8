"""Bodies that are meant to exhaust the function: rejected, with little memory and a small response.

API Gateway is not needed to see that; tests/e2e/test_security.py sends some of them through it.
"""

import json
import tracemalloc
from typing import Any

import pytest

from contract import service
from contract.hostile_bodies import BOMBS, LIMIT
from contract.openapi_cases import valid_request
from contract.responses import service_errors
from records_api import api, handler
from unit.support import Context, event

# Measured on Python 3.11: at most 3.2 MB ("deep and wide") and 109 kB ("long name above many
# errors"). The function has at least 128 MB.
MAX_MEMORY_BYTES = 4_000_000
MAX_RESPONSE_BYTES = 120_000
CASES = [("create", bomb) for bomb in BOMBS] + [("restore", "many unknown fields")]


def no_call(operation: str, *_: Any) -> dict[str, Any]:
    raise AssertionError(f"{operation} was called")


@pytest.mark.parametrize(("operation", "bomb"), CASES)
def test_hostile_body_takes_little_memory_and_space(operation: str, bomb: str) -> None:
    body, valid = BOMBS[bomb], valid_request(operation)
    assert len(body) <= LIMIT == api.MAX_BODY_BYTES
    request = event(valid.route_key, record_id=valid.record_id, body=body, content_type=api.JSON)
    tracemalloc.start()
    try:
        response = handler.serve(service.app(no_call), request, Context(service.REQUEST_ID))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response["statusCode"] == 400
    headers, content = response["headers"], json.loads(response["body"])
    assert not service_errors(operation, 400, headers, content)
    assert len(response["body"].encode()) < MAX_RESPONSE_BYTES
    assert peak < MAX_MEMORY_BYTES
