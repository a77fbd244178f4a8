"""The floor plus one TLS request: connect, send a fixed Query, parse the answer, return a constant.

It trusts one root, does not sign and has no timeouts, retries or error handling: less than any
service can do.
"""

import json
import os
import socket
import ssl

BODY = json.dumps({"records": []})
QUERY = json.dumps({"TableName": os.environ["TABLE_NAME"], "Limit": 100}).encode()
_, _, HOST = os.environ["AWS_ENDPOINT_URL_DYNAMODB"].rpartition("/")
NAME, _, PORT = HOST.partition(":")
REQUEST = (
    f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/x-amz-json-1.0\r\n"
    f"X-Amz-Target: DynamoDB_20120810.Query\r\nContent-Length: {len(QUERY)}\r\n\r\n"
).encode() + QUERY
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.load_verify_locations(cafile=os.environ["BENCHMARK_ROOT"])
connections = []


def handler(event, context):
    """Return a constant after one request to DynamoDB."""
    if not connections:
        connection = socket.create_connection((NAME, int(PORT)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections.append(TLS.wrap_socket(connection, server_hostname=NAME))
    connections[0].sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connections[0].recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    parts = [body]
    while (length := length - len(parts[-1])) > 0:
        parts.append(connections[0].recv(65536))
    json.loads(b"".join(parts))
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": BODY}
