"""Requests as API Gateway delivers them to the function (HTTP API, payload format 2.0, IAM)."""

from typing import Any

_HOST = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
_USER_AGENT = "python-requests/2.32.3"


def event(
    route_key: str, *, record_id: str = "", query: str = "", body: str | None = None
) -> dict[str, Any]:
    """Return a request for a route. Its query parameters must not need to be encoded."""
    method, _, path = route_key.partition(" ")
    path = path.replace("{recordID}", record_id)
    request: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": _headers(len(body or "")),
        "requestContext": _context(route_key, method, path),
        "isBase64Encoded": False,
    }
    if query:
        request["queryStringParameters"] = dict(pair.split("=", 1) for pair in query.split("&"))
    if "{recordID}" in route_key:
        request["pathParameters"] = {"recordID": record_id}
    if body:
        request["body"] = body
    return request


def _headers(content_length: int) -> dict[str, str]:
    return {
        "accept": "application/json",
        "authorization": f"AWS4-HMAC-SHA256 Credential=AKIA{'A' * 180}",
        "content-length": str(content_length),
        "content-type": "application/json",
        "host": _HOST,
        "user-agent": _USER_AGENT,
        "x-amz-date": "20260131T093000Z",
        "x-amzn-trace-id": "Root=1-697dcb88-4f0f6ee3104c1b2f2f6f8d17",
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _context(route_key: str, method: str, path: str) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": _HOST.partition(".")[0],
        "authorizer": {
            "iam": {
                "accessKey": "ASIAEXAMPLE",
                "accountId": "123456789012",
                "callerId": "AROAEXAMPLE:batch-job-7",
                "userArn": "arn:aws:sts::123456789012:assumed-role/records-writer/batch-job-7",
                "userId": "AROAEXAMPLE:batch-job-7",
            }
        },
        "domainName": _HOST,
        "http": {
            "method": method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": "192.0.2.7",
            "userAgent": _USER_AGENT,
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": route_key,
        "stage": "$default",
        "time": "31/Jan/2026:09:30:00 +0000",
        "timeEpoch": 1769851800000,
    }
