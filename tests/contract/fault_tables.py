"""The two tables behind a fault server, and the faults that affect writes.

moto evaluates conditions and expressions. This adds what it lacks: tokens of transactions,
conflicts, transactions in progress, lost responses, and requests that arrive late. Requests
are applied one at a time, as DynamoDB's isolation allows. Sources: Amazon DynamoDB API Reference,
"TransactWriteItems"; Amazon DynamoDB Developer Guide, "Amazon DynamoDB Transactions: How it works".
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import requests
from moto import mock_aws

from campaign import tables as definitions
from contract import fault_server as faults
from contract.fault_server import Exchange, Request, Step, cancellation, error, message, responds
from records_api import attributes, store

REGION = "eu-west-3"
RECORDS, HISTORY = "records", "records-history"
WRITES = ("PutItem", "DeleteItem", "TransactWriteItems")
# "A client request token is valid for 10 minutes after the first request that uses it is
# completed."
TOKEN_SECONDS = 600.0
# The largest ClientRequestToken.
TOKEN_LENGTH = 36

Item = dict[str, Any]


class Tables:
    """Both tables, and server steps that apply requests before or after faults.

    `faults` are the steps of the next writes, one each; later writes use `staying`, if it is set.
    Other requests are applied. `applied` counts the transactions that succeeded.
    """

    def __init__(self) -> None:
        self.faults: deque[Step] = deque()
        self.staying: Step | None = None
        self.applied = 0
        self.late: list[Request] = []
        self._lock = threading.RLock()
        self._seconds_later = 0.0
        self._tokens: dict[str, tuple[bytes, float]] = {}
        self._in_progress: dict[str, int] = {}
        self._cancellations = 0

    def records(self) -> list[Item]:
        """Return every item of the records table."""
        return self._scan(RECORDS)

    def entries(self) -> list[Item]:
        """Return every item of the history table, sorted by record and version."""
        entries = self._scan(HISTORY)
        return sorted(entries, key=lambda entry: (entry["recordID"], entry["version"]))

    def clear(self) -> None:
        """Delete all items and faults."""
        self.faults.clear()
        self.staying = None
        self.late.clear()
        for name, keys in ((RECORDS, ["recordID"]), (HISTORY, ["recordID", "version"])):
            for item in self._call("Scan", {"TableName": name})["Items"]:
                key = {each: item[each] for each in keys}
                self._call("DeleteItem", {"TableName": name, "Key": key})
        self.applied = 0

    def apply_item(self, operation: str, name: str, content: Item) -> None:
        """Put this item, or delete the item with this key, as another program."""
        member = "Key" if operation == "DeleteItem" else "Item"
        self._call(operation, {"TableName": name, member: store.encode(content)})

    def forget_tokens(self) -> None:
        """Advance the clock until all tokens of transactions have expired."""
        self._seconds_later += TOKEN_SECONDS

    # Steps

    def serve(self, exchange: Exchange) -> None:
        """Run the next fault for a write; apply any other request."""
        step: Step | None = None
        if exchange.peeked_operation() in WRITES:
            with self._lock:
                step = self.faults.popleft() if self.faults else self.staying
        (step or self.apply_and_respond)(exchange)

    def apply_and_respond(self, exchange: Exchange) -> None:
        """Apply the request and respond; then apply the delayed requests."""
        exchange.send(self.apply(exchange.read()))
        self.arrive()

    def arrive(self) -> None:
        """Apply the delayed requests, without responses."""
        with self._lock:
            while self.late:
                self.apply(self.late.pop())

    def loses(self, fault: Callable[[Exchange, bytes], None]) -> Step:
        """Apply the request, and damage or lose the response."""

        def step(exchange: Exchange) -> None:
            fault(exchange, self.apply(exchange.read()))

        return step

    def holds_up(self, exchange: Exchange) -> None:
        """Close the connection and apply the request after the next one."""
        self.late.append(exchange.read())
        exchange.close()

    def starts(self, times: int) -> Step:
        """Close the connection; the transaction is in progress for `times` more attempts."""

        def step(exchange: Exchange) -> None:
            request = exchange.read()
            self._in_progress[request.payload["ClientRequestToken"]] = times
            exchange.close()

        return step

    def complete(self, request: Request) -> None:
        """Complete a transaction that is in progress."""
        self._in_progress.clear()
        self.apply(request)

    def after(self, act: Callable[[], object], step: Step | None = None) -> Step:
        """Run `act`, the change of another client, before the step."""

        def both(exchange: Exchange) -> None:
            act()
            (step or self.apply_and_respond)(exchange)

        return both

    # Responses of DynamoDB

    def apply(self, request: Request) -> bytes:
        """Apply a request and return the response."""
        with self._lock:
            token = request.payload.get("ClientRequestToken")
            rejection = self._rejection(token, request) if token else None
            if rejection:
                return rejection
            response = _moto(request.operation, request.body)
            if response.status_code != requests.codes.ok:
                return self._error(response)
            if token:
                self._tokens[token] = (request.body, self._now())
            self.applied += request.operation in WRITES
            return message(response.content)

    def _rejection(self, token: str, request: Request) -> bytes | None:
        """Return the response that an earlier use of the token requires, or None.

        A token of a canceled transaction counts as new. AWS does not document this; it is the
        harder case.
        """
        if not 1 <= len(token) <= TOKEN_LENGTH:
            return error("ValidationException")
        if self._in_progress.get(token, 0) > 0:
            self._in_progress[token] -= 1
            return error("TransactionInProgressException")
        body, completed = self._tokens.get(token, (b"", -TOKEN_SECONDS))
        if self._now() - completed >= TOKEN_SECONDS:
            return None
        return (
            message({}) if body == request.body else error("IdempotentParameterMismatchException")
        )

    def _error(self, response: requests.Response) -> bytes:
        """Return moto's error with one reason only, as DynamoDB need not name all of them."""
        content = response.json()
        reasons = content.get("CancellationReasons", [])
        failed = [place for place, reason in enumerate(reasons) if reason["Code"] != "None"]
        if failed:
            self._cancellations += 1
            named = failed[self._cancellations % len(failed)]
            for place in failed:
                if place != named:
                    reasons[place] = {"Code": "None"}
        return message(content, status=f"{response.status_code} Bad Request")

    def _now(self) -> float:
        return time.monotonic() + self._seconds_later

    def _scan(self, name: str) -> list[Item]:
        return [
            {attribute: attributes.decode(value) for attribute, value in item.items()}
            for item in self._call("Scan", {"TableName": name})["Items"]
        ]

    def _call(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            response = _moto(operation, json.dumps(payload).encode())
        response.raise_for_status()
        content: dict[str, Any] = response.json()
        return content


def conflicts(exchange: Exchange) -> None:
    """Reject the write because of another transaction on one of its items."""
    request = exchange.read()
    count = len(request.payload["TransactItems"])
    exchange.send(cancellation("TransactionConflict", *["None"] * (count - 1)))


@contextmanager
def tables() -> Iterator[Tables]:
    """Create both tables in moto, as modules/records-api does."""
    with mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}}):
        client: Any = boto3.client(
            "dynamodb", REGION, aws_access_key_id="a", aws_secret_access_key="b"
        )
        definitions.create(client, RECORDS, HISTORY)
        try:
            yield Tables()
        finally:
            # Within another mock, moto keeps tables until that one ends.
            for name in (RECORDS, HISTORY):
                client.delete_table(TableName=name)


def _moto(operation: str, body: bytes) -> requests.Response:
    """Send a request to moto."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/dynamodb/aws4_request",
    }
    url = f"https://dynamodb.{REGION}.amazonaws.com/"
    return requests.post(url, data=body, headers=headers, timeout=60)


# What happens to the response to a write that succeeded.


def _then(act: Callable[[Exchange], None]) -> Callable[[Exchange, bytes], None]:
    return lambda exchange, _: act(exchange)


def _sends(
    change: Callable[[bytes], bytes], *, is_last: bool = True
) -> Callable[[Exchange, bytes], None]:
    def fault(exchange: Exchange, content: bytes) -> None:
        exchange.send(change(content))
        if is_last:
            exchange.close()

    return fault


def _waits(exchange: Exchange) -> None:
    exchange.wait_until_closed()
    exchange.close()


LOST = {
    "reset": _then(Exchange.reset),
    "closed": _then(Exchange.close),
    "half of it sent": _sends(lambda content: content[: len(content) // 2]),
    "one letter changed": _sends(lambda content: content[:-1] + b"]", is_last=False),
    "garbage": _sends(lambda content: bytes(reversed(content))),
    "500 in its place": _sends(
        lambda _: error("InternalServerError", "500 Internal Server Error"), is_last=False
    ),
    "a page of HTML in its place": _sends(
        lambda _: message(b"<html>", status="502 Bad Gateway", crc=None)
    ),
    "too late": _then(_waits),
}
# Faults of a write that is not applied, although the client cannot know.
NEVER: dict[str, Step] = {
    "reset, the request unread": faults.resets_before_reading,
    "reset, the request read": faults.resets_after_reading,
    "500": responds(error("InternalServerError", "500 Internal Server Error")),
    "503": responds(error("ServiceUnavailable", "503 Service Unavailable")),
    "silence": faults.is_silent,
}
# Responses to a write that was not applied and can be retried.
REJECTED: dict[str, Step] = {
    "conflict": conflicts,
    "throttled": responds(error("ThrottlingException")),
    "throttled item": responds(cancellation("None", "ThrottlingError")),
}
# The kinds above that take the whole time of an attempt.
SLOW = ("too late", "silence")


def kinds(tables: Tables) -> dict[str, Step]:
    """Return every fault of a write, by name."""
    faults_ = {
        f"applied, then the response lost: {name}": tables.loses(fault)
        for name, fault in LOST.items()
    }
    faults_ |= {f"never applied: {name}": step for name, step in NEVER.items()}
    faults_ |= {f"rejected: {name}": step for name, step in REJECTED.items()}
    return faults_ | {"applied after the retry": tables.holds_up, "in progress": tables.starts(2)}
