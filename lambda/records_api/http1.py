"""Read HTTP/1.1 responses (RFC 9112).

DynamoDB's responses have one plain form, which is read here. http.client reads every other form;
it is not imported before, because that takes longer than most requests.
"""

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


class Stream(Protocol):
    """What a connection receives, as an io.RawIOBase."""

    def readinto(self, buffer: Any) -> int:
        """Read bytes into `buffer` and return their number, 0 at the end."""

    def unread(self, received: bytes) -> None:
        """Let the next reads return `received` again."""


class Head(NamedTuple):
    """The status and the headers of a plain response, and the length of its body."""

    status: int
    headers: dict[str, str]
    length: int


def read(stream: Stream) -> Response:
    """Return the response to a POST request.

    Raises ValueError or OSError if it is malformed or incomplete, and the errors of `stream`.
    """
    received = _until_end_of_head(stream)
    start, _, body = received.partition(END_OF_HEAD)
    head = _plain_head(start.decode("latin-1"))
    if head is None or len(body) > head.length:
        stream.unread(received)
        return _read_any_form(stream)
    content = bytearray(head.length)
    content[: len(body)] = body
    unread = memoryview(content)[len(body) :]
    while unread:
        if not (count := stream.readinto(unread)):
            raise ConnectionError(f"the response ended {len(unread)} bytes early")
        unread = unread[count:]
    return Response(head.status, head.headers, content)


def _until_end_of_head(stream: Stream) -> bytes:
    """Return what the stream has, up to the first read that completes a plain head."""
    received, buffer = b"", bytearray(READ_BYTES)
    while END_OF_HEAD not in received and len(received) < READ_BYTES:
        if not (count := stream.readinto(buffer)):
            break
        received += buffer[:count]
    return received


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


def _read_any_form(stream: Any) -> Response:
    """Return a response in any form, such as with a chunked body."""
    from http.client import HTTPException, HTTPResponse  # noqa: PLC0415 (see the module)

    # Closed explicitly, because the garbage collector would print a warning to the log.
    with HTTPResponse(stream, method="POST") as parser:
        try:
            parser.begin()
            body = parser.read()
        except HTTPException as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error
        # Of a repeated header, the first counts.
        headers = {name.lower(): value for name, value in reversed(parser.headers.items())}
        return Response(parser.status, headers, body, is_last=parser.will_close)
