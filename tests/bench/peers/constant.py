"""Peer 5, the floor: a handler that imports json and returns a constant."""

import json

BODY = json.dumps({"records": []})


def handler(event, context):
    """Return a constant."""
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": BODY}
