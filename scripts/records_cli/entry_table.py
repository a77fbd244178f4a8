"""Prints history entries, as a table for people or as JSON for programs."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from records_cli import jsontext
from records_cli.call import print_answer
from records_cli.client import Response
from records_cli.columns import TableWriter, short, text
from records_cli.formats import EntryFormat

_CHANGE = ("version", "change", "changedAt", "changedBy", "requestId", "content")
HISTORY, FEED = _CHANGE, ("recordID", *_CHANGE)
_DISPENSABLE = ("requestId", "content", "version", "changedBy")  # where there is no room

Entry = dict[str, Any]


def print_entries(answer: Response, name: str, output: EntryFormat) -> None:
    """Print a page of entries, and in a table's case its cursor to standard error.

    `name` is that of the member with the entries: `history` (of one record) or `changes`.
    """
    if output is EntryFormat.JSON:
        print_answer(answer)
        return
    page = jsontext.parse(answer.body)
    table(HISTORY if name == "history" else FEED)(page[name])
    if "caughtUp" in page:
        print(f"caughtUp: {jsontext.canonical(page['caughtUp'])}", file=sys.stderr)
    if "next" in page:
        print(f"next: {page['next']}", file=sys.stderr)


def table(columns: Sequence[str]) -> Callable[[Iterable[Entry]], None]:
    """Return a function that prints entries as rows of a table with these columns."""
    writer = TableWriter(columns, _DISPENSABLE)
    return lambda entries: writer.write([_row(entry, columns) for entry in entries])


def _row(entry: Entry, columns: Sequence[str]) -> list[str]:
    cells = [text(entry.get(column)) or "-" for column in columns[:-1]]
    if sys.stdout.isatty():
        cells = list(map(short, cells))
    return [*cells, _content(entry)]


def _content(entry: Entry) -> str:
    """Return what a table shows of the record after a change."""
    record = entry.get("record")
    if record is None:
        shown = next((name for name in ("redacted", "omitted") if name in entry), "deleted")
    else:
        shown = " ".join(str(record.get(name, "-")) for name in ("type", "status", "message"))
    notes = []
    if "redactedVersions" in entry:
        versions = ", ".join(map(str, entry["redactedVersions"]))
        notes.append(f"redacted: {versions}; {entry.get('reason')}")
    if entry.get("settled") is False:
        notes.append("not settled")
    return "; ".join([shown, *notes])
