"""Reads lists page by page."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from records_cli import jsontext
from records_cli.call import send
from records_cli.client import Caller
from records_cli.failure import Failure

PAGE = 1000  # the largest page


class Page(NamedTuple):
    """A page of records; `following` is the cursor of the next one, or None after the last."""

    records: list[dict[str, Any]]
    following: str | None


def pages(caller: Caller, query: Mapping[str, str], limit: int | None) -> Iterator[Page]:
    """Yield at least one page, until `limit` records or the end; None stands for all records.

    Raises Failure if a request fails; after the first page, it says how to continue.
    """
    count, cursor = 0, query.get("cursor")
    while True:
        size = PAGE if limit is None else min(PAGE, limit - count)
        page_query = {**query, "limit": str(size)} | ({"cursor": cursor} if cursor else {})
        page = _page(caller, page_query)
        cursor = page.get("next")
        count += len(page["records"])
        yield Page(page["records"], cursor)
        if cursor is None or count == limit:
            return


def _page(caller: Caller, query: Mapping[str, str]) -> dict[str, Any]:
    try:
        page: dict[str, Any] = jsontext.parse(send(caller, "GET", query=query).body)
    except Failure as failure:
        if "cursor" not in query:
            raise
        details = [*failure.details, f"to continue: --cursor {query['cursor']}"]
        raise Failure(failure.cause, failure.remedy, failure.code, details=details) from failure
    except ValueError as error:
        raise Failure("the response is not JSON", "check the URL: records doctor") from error
    return page
