"""The records table through a boto3 client, for the peers that differ in their framework only."""

import base64
import json
import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

FIELDS = (
    "recordID",
    "createdAt",
    "updatedAt",
    "submittedBy",
    "type",
    "status",
    "message",
    "attributes",
    "version",
)
TABLE_NAME = os.environ["TABLE_NAME"]

client = boto3.client("dynamodb")
serializer = TypeSerializer()
deserializer = TypeDeserializer()


def page(limit, cursor):
    """Return a page of records, newest first, and the cursor of the next one or None."""
    request = {
        "TableName": TABLE_NAME,
        "IndexName": "byCreated",
        "KeyConditionExpression": "#feed = :feed",
        "FilterExpression": "attribute_not_exists(#expiresAt) OR #expiresAt > :now",
        "ExpressionAttributeNames": {"#feed": "feed", "#expiresAt": "expiresAt"},
        "ExpressionAttributeValues": {
            ":feed": {"S": "records"},
            ":now": {"N": str(int(datetime.now(UTC).timestamp()))},
        },
        "ScanIndexForward": False,
        "Limit": limit,
    }
    if cursor:
        request["ExclusiveStartKey"] = json.loads(base64.urlsafe_b64decode(cursor))
    response = client.query(**request)
    last = response.get("LastEvaluatedKey")
    following = base64.urlsafe_b64encode(json.dumps(last).encode()).decode() if last else None
    return [public(item) for item in response["Items"]], following


def get(record_id):
    """Return the record with this ID, or None."""
    response = client.get_item(
        TableName=TABLE_NAME, Key={"recordID": {"S": record_id}}, ConsistentRead=True
    )
    return public(response["Item"]) if "Item" in response else None


def create(body, caller):
    """Store a new record and return it."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {
        "recordID": str(uuid.uuid4()),
        "createdAt": now,
        "updatedAt": now,
        "submittedBy": caller,
        "type": body["type"],
        "status": body["status"],
        "message": body.get("message"),
        "attributes": body.get("attributes", {}),
        "version": 1,
    }
    stored = record | {"feed": "records", "position": f"{now}#{record['recordID']}"}
    client.put_item(
        TableName=TABLE_NAME,
        Item={name: serializer.serialize(value) for name, value in stored.items()},
        ConditionExpression="attribute_not_exists(recordID)",
    )
    return record


def public(item):
    """Return the fields that callers see of an item."""
    return {name: deserializer.deserialize(item[name]) for name in FIELDS if name in item}


def plain(value):
    """Return a Decimal as int or float, for json.dumps(default=plain)."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
