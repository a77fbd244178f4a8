"""Reads whole collections of the API page by page, with retries."""

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

from records_cli import attempts, problems, terminal
from records_cli.chains import Entry, Record
from records_cli.client import Response
from records_cli.jsontext import parse

PAGE = "1000"  # the largest page
_ATTEMPTS = 6
_notice = terminal.notices()


class Api(Protocol):
    """The part of `client.Caller` that is used here. Paths begin after the stage."""

    def get(self, path: str, query: Mapping[str, str]) -> Response:
        """Send a GET request and return the response. Raises OSError when there is none."""


def history(api: Api, record_id: str) -> Iterator[Entry]:
    """Yield a record's entries, oldest first; none if the API knows neither them nor the record."""
    query = {"order": "asc", "limit": PAGE}
    for page in _pages(api, f"/records/{quote(record_id, safe='')}/history", query):
        yield from page["history"]


def record(api: Api, record_id: str) -> Record | None:
    """Return a record, or None if there is none."""
    body: Record | None = _get(api, f"/records/{quote(record_id, safe='')}", {})
    return body


def records(api: Api) -> Iterator[list[Record]]:
    """Yield all listed records in pages, newest first."""
    for page in _pages(api, "/records", {"limit": PAGE}):
        yield page["records"]


def changes(api: Api) -> Iterator[list[Entry]]:
    """Yield the feed in pages, oldest first, to its current end.

    Entries that are not settled come with the last page only: the cursor does not pass them, so
    earlier pages would repeat them.
    """
    query = {"limit": PAGE, "unsettled": "true"}
    while True:
        page = _get(api, "/changes", query) or {}
        is_last = page["caughtUp"]
        yield [
            each for each in page["changes"] if is_last or each.get("settled", True) is not False
        ]
        if is_last:
            return
        query["cursor"] = page["next"]


def _pages(api: Api, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    while (page := _get(api, path, query)) is not None:
        yield page
        if "next" not in page:
            return
        query = query | {"cursor": page["next"]}


def _get(api: Api, path: str, query: Mapping[str, str]) -> Any:
    """Return the body of a response; None if it is 404.

    Raises Failure if there is no response, or for any other error status, after retries where
    another attempt may succeed.
    """
    try:
        response = attempts.send(
            lambda: api.get(path, query), attempts=_ATTEMPTS, wait=time.sleep, notice=_notice
        )
    except OSError as error:
        raise problems.no_response(error, "GET", f"the API ({path})") from error
    if response.status == HTTPStatus.OK:
        return parse(response.body)
    if response.status == HTTPStatus.NOT_FOUND and b"urn:records-api:" in response.body:
        return None
    raise problems.failure(response, "GET")
