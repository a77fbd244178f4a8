"""An HTTP server on loopback that injects faults: one step of a script for each request.

A step receives the exchange. It can read the request, respond, wait, or close the connection.
"""

import functools
import json
import select
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# No step waits longer than this for the client.
LONGEST_STEP_SECONDS = 5.0
# Close with a reset: SO_LINGER with a timeout of zero (socket(7)).
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A received request, with header names in lower case."""

    connection: int
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        return self.headers["x-amz-target"].partition(".")[2]

    @property
    def payload(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def key_id(self) -> str:
        return self.headers["authorization"].partition("Credential=")[2].partition("/")[0]

    def signature_of(self, secret: str, region: str) -> str:
        """Return the Authorization header that botocore computes for this request and its date."""
        signer: Any = SigV4Auth(Credentials(self.key_id, secret), "dynamodb", region)
        signed = {
            name: text
            for name, text in self.headers.items()
            if name not in ("authorization", "content-length")
        }
        request = AWSRequest(
            "POST", f"http://{self.headers['host']}/", headers=signed, data=self.body
        )
        request.context["timestamp"] = self.headers["x-amz-date"]
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(text, request))
        return str(request.headers["Authorization"])


class Exchange:
    """One request on a connection, which may be unread, and the response to it."""

    def __init__(self, server: "FaultServer", connection: socket.socket, number: int) -> None:
        self.server = server
        self.number = number
        self.is_open = True
        self._connection = connection

    def read(self) -> Request:
        """Read the request and add it to the requests of the server."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._received()
        head, _, rest = received.partition(b"\r\n\r\n")
        line, *fields = head.decode("ascii").split("\r\n")
        headers = {
            name.lower(): text.strip()
            for name, _, text in (field.partition(":") for field in fields)
        }
        body = bytearray(rest)
        while len(body) < int(headers["content-length"]):
            body += self._received()
        if (
            line != "POST / HTTP/1.1"
            or len(fields) != len(headers)
            or len(body) != int(headers["content-length"])
        ):
            self.server.problems.append(f"not one well-formed request: {received!r}")
        request = Request(self.number, headers, bytes(body))
        self.server.requests.append(request)
        return request

    def peeked_operation(self) -> str:
        """Return the operation of the request without reading it. Plain TCP only."""
        limit = time.monotonic() + LONGEST_STEP_SECONDS
        while time.monotonic() < limit:
            head = self._connection.recv(65536, socket.MSG_PEEK)
            if not head:
                raise ConnectionError("the client closed the connection during a request")
            if b"\r\n\r\n" in head:
                return (
                    head.partition(b"x-amz-target: DynamoDB_20120810.")[2].split(b"\r")[0].decode()
                )
            time.sleep(0.001)
        raise ConnectionError("the head of the request did not arrive")

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def drip(self, content: bytes, pause: float = 0.02) -> None:
        """Send byte by byte until the server ends."""
        for place in range(len(content)):
            if self.server.is_ended.wait(pause):
                return
            self.send(content[place : place + 1])

    def reset(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def is_reset_by_client(self) -> bool:
        """Read until the client ends the connection; return whether it did so with a reset."""
        self._connection.settimeout(LONGEST_STEP_SECONDS)
        try:
            while socket.socket.recv(self._connection, 65536):  # below TLS
                pass
        except ConnectionResetError:
            return True
        return False

    def close(self) -> None:
        self.is_open = False
        self._connection.close()

    def wait_until_closed(self) -> bool:
        """Wait until the client closes its end; return whether it did. Discard what it sends."""
        limit = time.monotonic() + LONGEST_STEP_SECONDS
        while time.monotonic() < limit and not self.server.is_ended.wait(0.01):
            if not _peeked(self._connection):
                return True
            if select.select([self._connection], [], [], 0)[0]:
                socket.socket.recv(self._connection, 65536)
        return False

    def _received(self) -> bytes:
        received = self._connection.recv(65536)
        if not received:
            raise ConnectionError("the client closed the connection during a request")
        return received


Step = Callable[[Exchange], None]


class FaultServer:
    """Runs the steps of `script`, then `default` for all requests; one thread per connection."""

    def __init__(
        self, default: Step, *, tls: ssl.SSLContext | None = None, listening: bool = True
    ) -> None:
        self.default = default
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.handshakes_failed = 0
        self.connections = 0
        self.is_ended = threading.Event()
        self._script: deque[Step] = deque()
        self._tls = tls
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        if listening:
            self.listen()

    def listen(self) -> None:
        """Accept connections, which are refused before this call."""
        self._listener.listen(64)
        self._start(self._accept)

    def script(self, *steps: Step) -> None:
        self._script.extend(steps)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_ended.set()
        # Wakes accept(), and every recv() of a connection.
        for each in (self._listener, *self._open):
            _shut(each)
        for thread in self._threads:
            thread.join(LONGEST_STEP_SECONDS + 1)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.is_ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.append(connection)
                number = self.connections
            self._start(functools.partial(self._serve, connection, number))

    def _serve(self, connection: socket.socket, number: int) -> None:
        if self._tls:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:
                self.handshakes_failed += 1
                connection.close()
                return
            self._open.append(connection)
        exchange = Exchange(self, connection, number)
        try:
            while (
                exchange.is_open
                and not self.is_ended.is_set()
                and _peeked(connection, LONGEST_STEP_SECONDS)
            ):
                with self._lock:
                    step = self._script.popleft() if self._script else self.default
                step(exchange)
        except OSError:
            pass  # many steps make the client close the connection
        except Exception as error:  # noqa: BLE001 (the fixture reports it)
            self.problems.append(repr(error))
        exchange.close()


def message(
    content: object, *, status: str = "200 OK", crc: str | None = "right", extra: Iterable[str] = ()
) -> bytes:
    """Return a response of DynamoDB.

    `content`: bytes, or a value that is sent as JSON. `crc`: the checksum; None omits the header.
    """
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body)}",
        *extra,
    ]
    if crc is not None:
        lines.append(f"x-amz-crc32: {zlib.crc32(body) if crc == 'right' else crc}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body


def error(code: str, status: str = "400 Bad Request", **more: object) -> bytes:
    """Return an error response of DynamoDB."""
    return message(
        {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "a message", **more},
        status=status,
    )


def cancellation(*codes: str) -> bytes:
    """Return the error for a canceled transaction, with a reason for each of its items."""
    reasons = [
        {"Code": code} if code == "None" else {"Code": code, "Message": f"message of {code}"}
        for code in codes
    ]
    return error("TransactionCanceledException", CancellationReasons=reasons)


def responds(*contents: bytes) -> Step:
    """Read the request and send `contents`."""

    def step(exchange: Exchange) -> None:
        exchange.read()
        for content in contents:
            exchange.send(content)

    return step


def responds_and_closes(content: bytes, *, reset: bool = False) -> Step:
    """Read the request, send `content`, and close the connection without `Connection: close`."""

    def step(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(content)
        if reset:
            # Give the client time to read: a reset discards data in transit.
            time.sleep(0.05)
            exchange.reset()
        else:
            exchange.close()

    return step


def resets_before_reading(exchange: Exchange) -> None:
    exchange.reset()


def resets_after_reading(exchange: Exchange) -> None:
    exchange.read()
    exchange.reset()


def closes_after_reading(exchange: Exchange) -> None:
    exchange.read()
    exchange.close()


def is_silent(exchange: Exchange) -> None:
    exchange.read()
    exchange.wait_until_closed()
    exchange.close()


def drips(content: bytes, after: int = 0) -> Step:
    """Read the request, send `after` bytes at once, and the rest byte by byte, too slowly."""

    def step(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(content[:after])
        exchange.drip(content[after:])
        exchange.close()

    return step


def _peeked(connection: socket.socket, seconds: float = 0.0) -> bool:
    """Return whether the connection is open; with `seconds`, whether data arrives in that time.

    It reads the socket below TLS, so that both kinds of connections behave alike.
    """
    try:
        if not select.select([connection], [], [], seconds)[0]:
            return not seconds
        return bool(socket.socket.recv(connection, 1, socket.MSG_PEEK))
    except (OSError, ValueError):
        return False


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
