"""The responses of API Gateway in this process, compared with lambda/openapi.yaml."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection

from contract.responses import operation_of, undocumented
from lib.client import Response
from records_api import api

Exchange = Callable[[HTTPConnection, str, str, bytes, Mapping[str, str]], Response]
# The emulator's path to a stage of an API.
STAGE = re.compile(r"/_aws/execute-api/[^/]+/[^/]+(?=/)")
PAGED = ("list", "history", "changes")


def checked(exchange: Exchange) -> Exchange:
    """Return `exchange`, which then raises AssertionError for what the document lacks.

    Responses from elsewhere than API Gateway are not compared, nor those to a preflight request of
    CORS, which the document does not describe.
    """

    def compared(
        connection: HTTPConnection,
        method: str,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Response:
        response = exchange(connection, method, target, body, headers)
        path, _, _ = target.partition("?")
        if (stage := STAGE.match(path)) and method != "OPTIONS":
            operation = operation_of(method, path.removeprefix(stage.group()))
            sent = as_on_aws(operation, response)
            errors = undocumented(operation, sent.status, sent.headers, sent.body)
            assert not errors, f"not in lambda/openapi.yaml: {errors} ({method} {target}: {sent})"
        return response

    return compared


def as_on_aws(operation: str | None, response: Response) -> Response:
    """Return the response as AWS sends it, where the emulator is known to differ.

    - It refuses a signature or a permission in the format of DynamoDB, API Gateway with a message.
    - It adds a content type to responses without a body.
    - With CORS, its own `vary` takes the place of the function's, which only pages have.
    """
    headers, body = dict(response.headers), response.body
    if response.status == HTTPStatus.FORBIDDEN and headers.pop("x-amzn-errortype", ""):
        del headers["x-amzn-requestid"], headers["x-amz-request-id"]
        headers["content-type"] = api.JSON
        body = json.dumps({"message": response.json()["message"]}).encode()
    if not body:
        headers.pop("content-type", None)
    if "access-control-allow-origin" in headers and headers.get("vary") == "Origin":
        del headers["vary"]
        if operation in PAGED and response.status == HTTPStatus.OK:
            headers["vary"] = "Accept-Encoding"
    return replace(response, headers=headers, body=body)
