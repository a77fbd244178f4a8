"""Reads lists page by page."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from records_cli import attempts, jsontext, terminal
from records_cli.call import checked
from records_cli.client import Caller, Response
from records_cli.failure import Failure

PAGE = 1000  # the largest page
_ATTEMPTS = 6  # in a long list


class Page(NamedTuple):
    """A page of records; `following` is the cursor of the next one, or None after the last."""

    records: list[dict[str, Any]]
    following: str | None


def pages(caller: Caller, query: Mapping[str, str], limit: int | None) -> Iterator[Page]:
    """Yield at least one page, until `limit` records or the end; None stands for all records.

    Raises Failure if a request fails; after the first page, it says how to continue.
    """
    count, cursor, notice = 0, query.get("cursor"), terminal.notices()
    while True:
        size = PAGE if limit is None else min(PAGE, limit - count)
        page_query = {**query, "limit": str(size)} | ({"cursor": cursor} if cursor else {})
        try:
            page = read(caller, page_query, _ATTEMPTS if limit is None else 1, notice)
        except Failure as failure:
            if count:
                failure.details += (f"to continue: --cursor {cursor}",)
            raise
        cursor = page.get("next")
        count += len(page["records"])
        yield Page(page["records"], cursor)
        if cursor is None or count == limit:
            return


def read(
    caller: Caller, query: Mapping[str, str], times: int, notice: attempts.Notice
) -> dict[str, Any]:
    """Return a page of records, as `answer` does."""
    return answer(lambda: caller.call("GET", query=query), caller.url, times, notice)


def answer(
    request: Callable[[], Response], url: str, times: float, notice: attempts.Notice
) -> dict[str, Any]:
    """Return the JSON object that a GET of `url` returns, after up to `times` attempts.

    `notice` as in `attempts.send`. Raises Failure.
    """
    response = checked(
        lambda: attempts.send(request, attempts=times, wait=time.sleep, notice=notice), "GET", url
    )
    try:
        page: dict[str, Any] = jsontext.parse(response.body)
    except ValueError as error:
        raise Failure(
            "the response is not JSON", "check the URL: records doctor", is_of_service=True
        ) from error
    return page
