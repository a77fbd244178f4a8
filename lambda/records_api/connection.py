"""A persistent HTTP/1.1 connection to one server.

Every step has a `limit`, a time in seconds of time.monotonic(), and raises TimeoutError after it.
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from . import http1, trust

# For name resolution and the TCP connection together, and again for the TLS handshake.
CONNECT_SECONDS = 1.0
# After Lambda freezes an environment, its socket may be closed by the server. Only the wall clock
# shows how long the environment was frozen.
IDLE_SECONDS = 10.0
# A `struct linger` for which close() discards unsent data and resets the connection. Source: the
# manual page socket(7), SO_LINGER.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

# As socket.getaddrinfo returns them.
Address = tuple[Any, Any, int, str, Any]


class Connection:
    """A connection for use by one thread.

    Call `open`, `send` and `receive` for each request. Call `close` after an error. If `tls` does
    not know the issuer of the server's certificate, the context that `fallback` returns is used
    from then on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        fallback: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self.host = host
        self._port = port
        self._tls = tls
        self._fallback = fallback
        self._socket: socket.socket | None = None
        self._last_used = 0.0
        self._is_answered = True

    def open(self, limit: float) -> None:
        """Connect, unless the existing connection can be reused."""
        if self._socket and not self._is_reusable(self._socket):
            self.close()
        if self._socket:
            return
        try:
            self._connect(limit)
        except ssl.SSLCertVerificationError as error:
            if not self._fallback or error.verify_code not in trust.UNKNOWN_ISSUER:
                raise
            self.close()
            self._tls, self._fallback = self._fallback(), None
            self._connect(limit)  # Nothing was sent on the first connection.

    def send(self, request: bytes, limit: float) -> None:
        """Send a request."""
        self._is_answered = False
        connection, unsent = self._opened(), memoryview(request)
        while unsent:
            connection.settimeout(_remaining(limit))
            unsent = unsent[connection.send(unsent) :]

    def receive(self, limit: float) -> http1.Response:
        """Return the response to a POST request. Raises the errors of `http1.read`."""
        response = http1.read(_TimedSource(self._opened(), limit))
        self._last_used, self._is_answered = time.time(), True
        if response.is_last:
            self.close()
        return response

    def close(self) -> None:
        """Close the connection. `open` makes a new one.

        Without a complete response to the last request, the connection is reset, so that bytes of
        the request that are still on their way do not arrive after a retry.
        """
        if self._socket:
            if not self._is_answered:
                with suppress(OSError):  # The server may have ended the connection.
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._socket.close()
        self._socket, self._is_answered = None, True

    def _connect(self, limit: float) -> None:
        self._socket = _connect(self.host, self._port, _earlier(limit, CONNECT_SECONDS))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            self._socket.settimeout(_remaining(_earlier(limit, CONNECT_SECONDS)))
            self._socket = self._tls.wrap_socket(self._socket, server_hostname=self.host.encode())

    def _opened(self) -> socket.socket:
        if not self._socket:
            raise ConnectionError("the connection is closed")
        return self._socket

    def _is_reusable(self, connection: socket.socket) -> bool:
        """Return whether an open connection was used recently and has nothing to read.

        Unread data is either the end of the connection, or an unsolicited response, which would be
        taken for the response to the next request.
        """
        is_fresh = 0 <= time.time() - self._last_used <= IDLE_SECONDS
        return is_fresh and not select.select([connection], [], [], 0)[0]


class _TimedSource:
    """Receives from a socket until `limit`, even if the server keeps sending single bytes."""

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self._connection = connection
        self._limit = limit

    def receive(self, most: int) -> bytes:
        self._connection.settimeout(_remaining(self._limit))
        return self._connection.recv(most)

    def receive_into(self, buffer: Any) -> int:
        self._connection.settimeout(_remaining(self._limit))
        return self._connection.recv_into(buffer)


def _connect(host: str, port: int, limit: float) -> socket.socket:
    """Return a connection to the first address of the host that accepts one.

    The remaining time is divided equally among the remaining addresses.
    """
    addresses = _resolve(host, port, limit)
    while True:
        wait = _remaining(limit) / len(addresses)
        try:
            return _connected(addresses.pop(0), wait)
        except OSError:
            if not addresses:
                raise


def _resolve(host: str, port: int, limit: float) -> list[Address]:
    """Return the addresses of a host.

    Names are resolved in a thread, because getaddrinfo has no timeout.
    """
    with suppress(socket.gaierror):
        return _addresses(host, port, socket.AI_NUMERICHOST)
    results: list[list[Address] | OSError] = []

    def look_up() -> None:
        try:
            results.append(_addresses(host, port))
        except OSError as error:
            results.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(_remaining(limit))
    if not results:
        raise TimeoutError(f"the name {host} was not resolved in time")
    if isinstance(results[0], OSError):
        raise results[0]
    return results[0]


def _addresses(host: str, port: int, flags: int = 0) -> list[Address]:
    # As bytes, because a name in a str imports the IDNA codec, which takes longer than a request.
    return socket.getaddrinfo(host.encode(), port, type=socket.SOCK_STREAM, flags=flags)


def _connected(address: Address, seconds: float) -> socket.socket:
    """Return a connection to an address, made in at most `seconds`."""
    family, kind, protocol, _, name = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.settimeout(seconds)
        connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def _earlier(limit: float, seconds: float) -> float:
    """Return the earlier of `limit` and `seconds` from now."""
    return min(limit, time.monotonic() + seconds)


def _remaining(limit: float) -> float:
    """Return the seconds until `limit`. Raises TimeoutError if it has passed."""
    remaining = limit - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the server did not respond in time")
    return remaining
