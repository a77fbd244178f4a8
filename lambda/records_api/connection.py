"""A kept-alive HTTP/1.1 connection to one server. Every step ends by a time limit (seconds of time.monotonic())."""

import http.client
import io
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from email.message import Message
from typing import Any, NamedTuple

# The longest for finding and reaching the server, and once more for the TLS handshake.
CONNECT_SECONDS = 1.0
# A frozen environment thaws with a socket its peer closed long ago; the wall clock goes on while it is frozen.
IDLE_SECONDS = 10.0

Address = tuple[str, int]


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Message
    body: bytes


class Connection:
    """A connection for one thread: `open`, `send`, `receive`, and again. After an error it must be closed."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.host = host
        self._port = port
        self._tls = tls
        self._socket: socket.socket | None = None
        self._last_used = 0.0

    def open(self, limit: float) -> None:
        """Connect, unless the connection that was kept can take a request."""
        if self._socket and not self._is_fit(self._socket):
            self.close()
        if not self._socket:
            self._socket = _connect(self.host, self._port, _sooner(limit, CONNECT_SECONDS))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                self._socket.settimeout(_remaining(_sooner(limit, CONNECT_SECONDS)))
                self._socket = self._tls.wrap_socket(self._socket, server_hostname=self.host)

    def send(self, request: bytes, limit: float) -> None:
        """Send a request."""
        connection, unsent = self._opened(), memoryview(request)
        while unsent:
            connection.settimeout(_remaining(limit))
            unsent = unsent[connection.send(unsent) :]

    def receive(self, limit: float) -> Answer:
        """Return the answer to a POST request."""
        stream: Any = _Stream(self._opened(), limit)
        # Closed here: of one left half read the garbage collector complains on standard error, among log lines.
        with http.client.HTTPResponse(stream, method="POST") as response:
            response.begin()
            answer = Answer(response.status, response.headers, response.read())
        self._last_used = time.time()
        if response.will_close:
            self.close()
        return answer

    def close(self) -> None:
        """Drop the connection; `open` makes another."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _opened(self) -> socket.socket:
        if not self._socket:
            raise ConnectionError("the connection is closed")
        return self._socket

    def _is_fit(self, connection: socket.socket) -> bool:
        """Return whether a kept connection can take a request: used lately, and nothing to read from it.

        What there is to read is its end, or an answer nobody asked for, which the next request would take for its own.
        """
        is_fresh = 0 <= time.time() - self._last_used <= IDLE_SECONDS
        return is_fresh and not select.select([connection], [], [], 0)[0]


class _Stream(io.RawIOBase):
    """Reads from a socket; each read ends by `limit`, so a server that sends byte after byte can't exceed it."""

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_remaining(self._limit))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader: the one thing that HTTPResponse wants of its socket."""
        return io.BufferedReader(self)


def _connect(host: str, port: int, limit: float) -> socket.socket:
    """Return a connection to the first of the host's addresses that takes it; each has its share of the time."""
    addresses = _resolve(host, port, limit)
    while True:
        wait = _remaining(limit) / len(addresses)
        try:
            return socket.create_connection(addresses.pop(0), wait)
        except OSError:
            if not addresses:
                raise


def _resolve(host: str, port: int, limit: float) -> list[Address]:
    """Return the host's addresses. Names are looked up in a thread, because getaddrinfo takes no time limit."""
    with suppress(socket.gaierror):
        return _addresses(host, port, socket.AI_NUMERICHOST)
    found: list[list[Address] | OSError] = []

    def look_up() -> None:
        try:
            found.append(_addresses(host, port))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_remaining(limit))
    if not found:
        raise TimeoutError(f"the name {host} was not resolved in time")
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]


def _addresses(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(str(address[0]), int(address[1])) for *_, address in found]


def _sooner(limit: float, seconds: float) -> float:
    return min(limit, time.monotonic() + seconds)


def _remaining(limit: float) -> float:
    remaining = limit - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("no answer in time")
    return remaining
