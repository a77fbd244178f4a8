"""Peer 2: a boto3 client, a Query of the same index, and boto3's codec."""

import json
from decimal import Decimal

import records_table


def handler(event, context):
    """Handle the three routes of the benchmark."""
    route = event["routeKey"]
    if route == "GET /records":
        parameters = event.get("queryStringParameters") or {}
        limit = min(int(parameters.get("limit", "100")), 1000)
        records, cursor = records_table.page(limit, parameters.get("cursor"))
        return answer(200, {"records": records, "next": cursor})
    if route == "GET /records/{recordID}":
        record = records_table.get(event["pathParameters"]["recordID"])
        return answer(200, record) if record else answer(404, {"message": "Not found"})
    if route == "POST /records":
        caller = event["requestContext"]["authorizer"]["iam"]["userArn"]
        body = json.loads(event["body"], parse_float=Decimal)
        return answer(201, records_table.create(body, caller))
    return answer(404, {"message": "Not found"})


def answer(status, content):
    """Return a response of API Gateway's payload format 2.0."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(content, default=records_table.plain),
    }
