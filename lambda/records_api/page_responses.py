"""HTTP responses with a page of records or of history entries."""

import zlib
from base64 import b64encode
from http import HTTPStatus
from urllib.parse import quote, urlencode

from . import cursor, history, store
from .entries import Reached
from .itemtext import record_json
from .jsontext import to_json
from .parameters import CHANGES, HistoryRequest, ListRequest
from .responses import MAX_CONTENT_BYTES, Response, escaped_bytes, response
from .store import Item

# Responses up to this size are not compressed.
GZIP_FROM_BYTES = 1024
GZIP_LEVEL = 3
# The window size, plus 16 to select the gzip format (Python Library Reference, zlib).
GZIP_WBITS = 31


class Page:
    """The items of a page as JSON texts, up to the size limit of a Lambda response.

    Each method adds an item and returns True, or returns False if the page has no room for it. An
    item that is larger than any response is omitted.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._most_bytes = 0  # an upper bound
        self._bytes, self._measured = 0, 0  # of the first `_measured` texts

    def add_record(self, item: Item) -> bool:
        """Add a record."""
        return self._add(record_json(item))

    def add_entry(self, item: Item) -> bool:
        """Add an entry of a history, or a settled one of the change feed."""
        return self._add(history.to_text(store.decode(item)))

    def add_unsettled(self, item: Item) -> bool:
        """Add an entry of the change feed that is not settled."""
        return self._add(history.to_text(store.decode(item), settled=False))

    def _add(self, text: str) -> bool:
        # Escaping takes long, and most pages are far below the limit.
        most_bytes = self._most_bytes + _most_escaped_bytes(text)
        if most_bytes > MAX_CONTENT_BYTES:
            size = escaped_bytes(text)
            if size > MAX_CONTENT_BYTES:
                return True
            self._bytes += sum(map(escaped_bytes, self.texts[self._measured :]))
            self._measured = len(self.texts)
            most_bytes = self._bytes + size
            if most_bytes > MAX_CONTENT_BYTES:
                return False
        self.texts.append(text)
        self._most_bytes = most_bytes
        return True


def list_response(
    request: ListRequest,
    page: Page,
    last_key: cursor.ItemKey | None,
    request_id: str,
    *,
    gzip: bool,
) -> Response:
    """Return the response for a page of records.

    `last_key` is the key to continue after, or None on the last page. `gzip` allows compression.
    """
    following = None if last_key is None else cursor.encode(last_key, to_json(list(request.query)))
    return _with_link("records", page, following, request.parameters, request_id, gzip=gzip)


def history_response(
    request: HistoryRequest, page: Page, version: int | None, request_id: str, *, gzip: bool
) -> Response:
    """Return the response for a page of a record's history.

    `version` is the one to continue after, or None on the last page. `gzip` allows compression.
    """
    following = None if version is None else cursor.encode_place(str(version), request.query)
    return _with_link("history", page, following, request.parameters, request_id, gzip=gzip)


def changes_response(page: Page, reached: Reached, request_id: str, *, gzip: bool) -> Response:
    """Return the response for a page of the change feed; there is always a place to continue after.

    `reached` is where the settled changes of the page ended. `gzip` allows compression.
    """
    following = cursor.encode_place(reached.place, CHANGES)
    members = f',"next":"{following}","caughtUp":{to_json(reached.is_end)}'
    return _response("changes", page, members, request_id, {}, gzip=gzip)


def _most_escaped_bytes(text: str) -> int:
    """Return an upper bound of `escaped_bytes(text)`, for JSON text.

    In ASCII, quotation marks and backslashes become two characters; DEL becomes six. Of all others,
    those beyond U+FFFF become most: two escapes of six characters.
    """
    return (2 if text.isascii() and "\x7f" not in text else 12) * len(text) + 2


def _with_link(
    name: str,
    page: Page,
    following: str | None,
    parameters: dict[str, str],
    request_id: str,
    *,
    gzip: bool,
) -> Response:
    """Return the response for a page, with the cursor and the link of the `following` one."""
    if following is None:
        return _response(name, page, "", request_id, {}, gzip=gzip)
    # Sorted and with %20, as SigV4 requires: some clients sign the query string unchanged.
    query = urlencode(sorted((parameters | {"cursor": following}).items()), quote_via=quote)
    headers = {"link": f'<?{query}>; rel="next"'}
    return _response(name, page, f',"next":"{following}"', request_id, headers, gzip=gzip)


def _response(
    name: str, page: Page, members: str, request_id: str, headers: dict[str, str], *, gzip: bool
) -> Response:
    """Return the response for a page. `members` is JSON text that follows the items."""
    content = f'{{"{name}":[{",".join(page.texts)}]{members}}}'
    plain = response(HTTPStatus.OK, request_id, content, vary="Accept-Encoding", **headers)
    return _compressed(plain) if gzip else plain


def _compressed(plain: Response) -> Response:
    """Return a response compressed with gzip, or unchanged if it is short or would not shrink."""
    content = plain["body"].encode()
    if len(content) <= GZIP_FROM_BYTES:
        return plain
    encoded = b64encode(zlib.compress(content, GZIP_LEVEL, wbits=GZIP_WBITS)).decode()
    if len(encoded) >= len(content):
        return plain
    headers = plain["headers"] | {"content-encoding": "gzip"}
    return plain | {"headers": headers, "body": encoded, "isBase64Encoded": True}
