"""A proxy in front of the emulator's DynamoDB that makes some of the calls fail.

The faults follow from a seed. `counts` holds how often each fault occurred, `seconds` how long the
emulator has taken to respond, in all.
"""

import http.client
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Faults per 1,000 calls. The names say what the function sees.
RATES = {
    "reset before the call": 10,
    "reset after the call": 15,
    "no response after the call": 2,
    "no response, the call arrives late": 2,
    "throttled": 20,
    "transaction conflict": 20,
    "transaction in progress": 3,
    "internal error before the call": 10,
    "internal error after the call": 10,
    "slow response": 10,
}
# Longer than an attempt of the wire client may take.
SILENCE_SECONDS = 3.5
_RESET = struct.pack("ii", 1, 0)  # linger for no time: socket(7), SO_LINGER
_WRITE = "DynamoDB_20120810.TransactWriteItems"


class Proxy(ThreadingHTTPServer):
    """Forwards calls to the endpoint `target`, except for those that fail."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, target: str, seed: str, rates: Mapping[str, int] = RATES) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        url = urlsplit(target)
        self.target = (url.hostname or "", url.port or 80)
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self._rates = rates
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the proxy's endpoint URL."""
        return f"http://127.0.0.1:{self.server_port}"

    def next_fault(self, operation: str) -> str | None:
        """Return the fault for the next call, or None."""
        with self._lock:
            faults, rates = list(self._rates), list(self._rates.values())
            drawn = self._random.choices([*faults, None], [*rates, 1000 - sum(rates)])[0]
            is_for_transactions = drawn is not None and drawn.startswith("transaction")
            if drawn is None or (is_for_transactions and operation != _WRITE):
                return None
            self.counts[drawn] += 1
            return drawn

    def add_seconds(self, seconds: float) -> None:
        """Count the time of a call."""
        with self._lock:
            self.seconds += seconds

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that closed the connection, which faults make them do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def do_POST(self) -> None:
        """Forward the call, or fail."""
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = self.server.next_fault(self.headers["x-amz-target"])
        act = {
            None: self._forward,
            "reset before the call": lambda _: self._reset(),
            "reset after the call": self._forward_and_reset,
            "no response after the call": self._forward_in_silence,
            "no response, the call arrives late": self._forward_late,
            "throttled": lambda _: self._refuse("ProvisionedThroughputExceededException"),
            "transaction conflict": lambda _: self._refuse(
                "TransactionCanceledException",
                CancellationReasons=[{"Code": "TransactionConflict"}, {"Code": "None"}],
            ),
            "transaction in progress": lambda _: self._refuse("TransactionInProgressException"),
            "internal error before the call": lambda _: self._refuse("InternalServerError", 500),
            "internal error after the call": self._forward_and_fail,
            "slow response": self._forward_slowly,
        }
        try:
            act[fault](body)
        except (OSError, http.client.HTTPException):
            self._reset()  # the emulator is stopped for a moment

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (inherited)
        """Log nothing."""

    def setup(self) -> None:
        """Prepare the connection to the emulator that belongs to this one.

        A new one for each call would exhaust the emulator's files, which are closed too late.
        """
        super().setup()
        self._upstream = http.client.HTTPConnection(*self.server.target, timeout=60)

    def finish(self) -> None:
        """Close both connections."""
        self._upstream.close()
        super().finish()

    def _call(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        started = time.monotonic()
        try:
            self._upstream.request("POST", "/", body, dict(self.headers))
            response = self._upstream.getresponse()
            headers = {
                name: value
                for name, value in response.getheaders()
                if name.lower() in ("content-type", "x-amz-crc32")
            }
            return response.status, headers, response.read()
        except (OSError, http.client.HTTPException):
            self._upstream.close()  # the next call opens it again
            raise
        finally:
            self.server.add_seconds(time.monotonic() - started)

    def _respond(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._begin(status, headers, body)
        self.wfile.write(body)

    def _begin(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()

    def _refuse(self, code: str, status: int = 400, **members: object) -> None:
        content = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}
        body = json.dumps(content | members).encode()
        self._respond(status, {"content-type": "application/x-amz-json-1.0"}, body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()

    def _forward(self, body: bytes) -> None:
        self._respond(*self._call(body))

    def _forward_and_reset(self, body: bytes) -> None:
        self._call(body)
        self._reset()

    def _forward_in_silence(self, body: bytes) -> None:
        self._call(body)
        time.sleep(SILENCE_SECONDS)
        self._reset()

    def _forward_late(self, body: bytes) -> None:
        time.sleep(SILENCE_SECONDS)
        self._call(body)
        self._reset()

    def _forward_and_fail(self, body: bytes) -> None:
        self._call(body)
        self._refuse("InternalServerError", 500)

    def _forward_slowly(self, body: bytes) -> None:
        status, headers, content = self._call(body)
        self._begin(status, headers, content)
        for start in range(0, len(content), 200):
            self.wfile.write(content[start : start + 200])
            time.sleep(0.02)
