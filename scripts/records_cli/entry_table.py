"""Prints history entries, as a table for people or as JSON for programs."""

import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from records_cli.call import print_answer

if TYPE_CHECKING:
    from records_cli.client import Response


class Output(StrEnum):
    """The form of the output."""

    TABLE = "table"
    JSON = "json"


def print_entries(answer: "Response", name: str, output: Output) -> None:
    """Print a page of entries, and in a table's case its cursor to standard error."""
    from http import HTTPStatus  # noqa: PLC0415 (--help does not need it)

    from records_cli import jsontext  # noqa: PLC0415 (--help does not need it)

    if output is Output.JSON or answer.status != HTTPStatus.OK:
        print_answer(answer)
        return
    page = jsontext.parse(answer.body)
    _print_table(page[name])
    if "caughtUp" in page:
        print(f"caughtUp: {jsontext.canonical(page['caughtUp'])}", file=sys.stderr)
    if "next" in page:
        print(f"next: {page['next']}", file=sys.stderr)


def _print_table(entries: Iterable[dict[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415 (--help does not need it)
    from rich.table import Table  # noqa: PLC0415 (--help does not need it)

    columns = ("recordID", "version", "change", "changedAt", "changedBy", "requestId", "content")
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for entry in entries:
        cells = [str(entry.get(column) or "-") for column in columns[:-1]]
        table.add_row(*cells, _content(entry))
    # Programs read the output without line breaks inside a row.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 1_000
    console.print(table)


def _content(entry: dict[str, Any]) -> str:
    """Return what a table shows of the record after a change."""
    record = entry.get("record")
    if record is None:
        text = next((name for name in ("redacted", "omitted") if name in entry), "deleted")
    else:
        text = " ".join(str(record.get(name, "-")) for name in ("type", "status", "message"))
    notes = []
    if "redactedVersions" in entry:
        versions = ", ".join(map(str, entry["redactedVersions"]))
        notes.append(f"redacted: {versions}; {entry.get('reason')}")
    if entry.get("settled") is False:
        notes.append("not settled")
    return "; ".join([text, *notes])
