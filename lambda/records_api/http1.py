"""Read HTTP/1.1 responses (RFC 9112).

DynamoDB's responses have one plain form, which is read here. http.client reads every other form;
it is not imported before, because that takes longer than most requests.
"""

import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

# A final status with a body, and up to 100 headers that each take one line (sections 4 and 5).
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (a grammar rule, not a secret)
PLAIN_HEAD = re.compile(
    rf"HTTP/1\.1 ([2-5][0-9][0-9])(?: [^\r\n\0]*)?(?:\r\n{TOKEN}:[^\r\n\0]*){{1,100}}"
)
PLAIN_LENGTH = re.compile("[0-9]{1,9}")
STATUS_WITHOUT_BODY = (204, 304)
END_OF_HEAD = b"\r\n\r\n"
# What a TLS record holds. A head that is longer is not plain.
READ_BYTES = 16384


class Response(NamedTuple):
    """An HTTP response. `headers` has names in lower case. `is_last` ends the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    is_last: bool = False


class Source(Protocol):
    """Where a response comes from, such as a connection."""

    def receive(self, most: int) -> bytes:
        """Return at least one and at most `most` bytes, or none at the end."""

    def receive_into(self, buffer: Any) -> int:
        """Receive bytes into `buffer` and return their number, 0 at the end."""


class Head(NamedTuple):
    """The status and the headers of a plain response, and the length of its body."""

    status: int
    headers: dict[str, str]
    length: int


def read(source: Source) -> Response:
    """Return the response to a POST request.

    Raises ValueError or OSError if it is malformed or incomplete, and the errors of `source`.
    """
    received = _until_end_of_head(source)
    start, _, body = received.partition(END_OF_HEAD)
    head = _plain_head(start.decode("latin-1"))
    if head is None or len(body) > head.length:
        return _read_any_form(received, source)
    return Response(head.status, head.headers, _complete(body, head.length, source))


def _until_end_of_head(source: Source) -> bytes:
    """Return what the source has, up to the first bytes that complete a plain head."""
    received = more = source.receive(READ_BYTES)
    while more and END_OF_HEAD not in received and len(received) < READ_BYTES:
        more = source.receive(READ_BYTES)
        received += more
    return received


def _complete(body: bytes, length: int, source: Source) -> bytes | bytearray:
    """Return the whole body, of which `body` was received. Raises ConnectionError."""
    if len(body) == length:
        return body
    content = bytearray(length)
    content[: len(body)] = body
    missing = memoryview(content)[len(body) :]
    while missing:
        if not (count := source.receive_into(missing)):
            raise ConnectionError(f"the response ended {len(missing)} bytes early")
        missing = missing[count:]
    return content


def _plain_head(text: str) -> Head | None:
    """Return the head of a plain response, or None if it has another form."""
    plain = PLAIN_HEAD.fullmatch(text)
    if not plain or (status := int(plain[1])) in STATUS_WITHOUT_BODY:
        return None
    lines = text.split("\r\n")[1:]
    parts = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip(" \t") for name, _, value in parts}
    length = PLAIN_LENGTH.fullmatch(headers.get("content-length", ""))
    is_plain = (
        length
        and len(headers) == len(lines)
        and "transfer-encoding" not in headers
        and headers.get("connection", "keep-alive").lower() == "keep-alive"
    )
    return Head(status, headers, int(length[0])) if length and is_plain else None


class _Stream(io.RawIOBase):
    """What was received, followed by the rest of a source.

    http.client.HTTPResponse accepts it in place of a socket, of which it only calls `makefile`.
    """

    def __init__(self, received: bytes, source: Source) -> None:
        self._received = received
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._received:
            return self._source.receive_into(buffer)
        count = min(len(buffer), len(self._received))
        buffer[:count], self._received = self._received[:count], self._received[count:]
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader of this stream."""
        return io.BufferedReader(self)


def _read_any_form(received: bytes, source: Source) -> Response:
    """Return a response in any form, such as with a chunked body."""
    from http.client import HTTPException, HTTPResponse  # noqa: PLC0415 (see the module)

    # Closed explicitly, because the garbage collector would print a warning to the log.
    stream: Any = _Stream(received, source)
    with HTTPResponse(stream, method="POST") as parser:
        try:
            parser.begin()
            body = parser.read()
        except HTTPException as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        # Of a repeated header, the first counts.
        headers = {name.lower(): value for name, value in reversed(parser.headers.items())}
        return Response(parser.status, headers, body, is_last=parser.will_close)
