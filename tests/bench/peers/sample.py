"""Peer 1, the common sample: a table resource, a scan, json.dumps with a default."""

import base64
import json
import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    """Handle the three routes of the benchmark."""
    route = event["routeKey"]
    if route == "GET /records":
        limit = int((event.get("queryStringParameters") or {}).get("limit", "100"))
        return answer(200, {"records": table.scan(Limit=limit)["Items"]})
    if route == "GET /records/{recordID}":
        key = {"recordID": event["pathParameters"]["recordID"]}
        item = table.get_item(Key=key).get("Item")
        return answer(200, item) if item else answer(404, {"message": "Not found"})
    if route == "POST /records":
        now = datetime.now(UTC).isoformat()
        record = json.loads(event["body"], parse_float=Decimal)
        record |= {"recordID": str(uuid.uuid4()), "createdAt": now}
        table.put_item(Item=record)
        return answer(201, record)
    return answer(404, {"message": "Not found"})


def answer(status, content):
    """Return a response of API Gateway's payload format 2.0."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(content, default=as_text),
    }


def as_text(value):
    """Return a number as text, and a binary value as base64."""
    return str(value) if isinstance(value, Decimal) else base64.b64encode(value.value).decode()
