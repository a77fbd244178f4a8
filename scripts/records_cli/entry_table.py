"""Prints history entries, as a table for people or as JSON for programs."""

import sys
from typing import Any

from records_cli import jsontext
from records_cli.call import print_answer
from records_cli.client import Response
from records_cli.columns import TableWriter, text
from records_cli.formats import EntryFormat

COLUMNS = ("recordID", "version", "change", "changedAt", "changedBy", "requestId", "content")


def print_entries(answer: Response, name: str, output: EntryFormat) -> None:
    """Print a page of entries, and in a table's case its cursor to standard error."""
    if output is EntryFormat.JSON:
        print_answer(answer)
        return
    page = jsontext.parse(answer.body)
    TableWriter(COLUMNS).write(map(row, page[name]))
    if "caughtUp" in page:
        print(f"caughtUp: {jsontext.canonical(page['caughtUp'])}", file=sys.stderr)
    if "next" in page:
        print(f"next: {page['next']}", file=sys.stderr)


def row(entry: dict[str, Any]) -> list[str]:
    """Return the cells of an entry in a table with these COLUMNS."""
    cells = [text(entry.get(column)) or "-" for column in COLUMNS[:-1]]
    return [*cells, _content(entry)]


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
