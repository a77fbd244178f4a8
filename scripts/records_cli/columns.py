"""Columns of records, and tables of them for people."""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from records_cli import jsontext
from records_cli.terminal import bold, visible

RECORD = (
    *("recordID", "createdAt", "updatedAt", "updatedBy", "submittedBy"),
    *("type", "status", "message", "attributes", "version"),
)
TABLE = ("recordID", "createdAt", "type", "status", "message")
_NARROWEST = 8
_MILLISECONDS = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$")
_GAP = "  "


def value(record: Mapping[str, Any], column: str) -> Any:
    """Return the value of a column such as `type` or `attributes.x.y`; None if it is absent.

    A member whose name contains dots is found too: the longest name goes first.
    """
    names = column.split(".")
    for end in range(len(names), 0, -1):
        name = ".".join(names[:end])
        if name in record:
            inner, rest = record[name], ".".join(names[end:])
            if not rest:
                return inner
            return value(inner, rest) if isinstance(inner, dict) else None
    return None


def text(cell: Any) -> str:
    """Return a value as text: strings and numbers as they are, nothing for null, else JSON."""
    if cell is None:
        return ""
    return str(cell) if isinstance(cell, str) else jsontext.canonical(cell)


def short(cell: str) -> str:
    """Return a timestamp of the API without milliseconds, and any other text unchanged."""
    return _MILLISECONDS.sub(r"\1Z", cell)


class TableWriter:
    """Prints rows as a table, page by page: the first page decides the widths of the columns."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._widths: list[int] = []

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, before the first ones the names of the columns."""
        lines = [[visible(cell) for cell in row] for row in rows]
        if not self._widths:
            self._widths = _widths([self._columns, *lines], _terminal_width())
            print(bold(self._line(self._columns), sys.stdout))
        for line in lines:
            print(self._line(line))

    def _line(self, cells: Sequence[str]) -> str:
        *first, last = (
            _fitted(cell, width) for cell, width in zip(cells, self._widths, strict=True)
        )
        return _GAP.join([*first, last.rstrip()]).rstrip()


def _terminal_width() -> int | None:
    """Return the number of columns of the terminal; None if the output is not a terminal."""
    if not sys.stdout.isatty():
        return None
    return int(os.environ.get("COLUMNS") or shutil.get_terminal_size().columns)


def _widths(lines: Sequence[Sequence[str]], limit: int | None) -> list[int]:
    """Return the widths of the columns; some are narrowed to stay within `limit`.

    The last column goes first, then the widest. The first column, an ID, is never narrowed: a part
    of an ID is of no use.
    """
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    while limit is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > limit:
        others = range(1, len(widths))
        last = len(widths) - 1
        chosen = (
            last if widths[last] > _NARROWEST else max(others, key=widths.__getitem__, default=0)
        )
        if chosen == 0 or widths[chosen] <= _NARROWEST:
            break
        widths[chosen] -= 1
    return widths


def _width(cell: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if cell.isascii():
        return len(cell)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in cell
    )


def _fitted(cell: str, width: int) -> str:
    if _width(cell) > width and sys.stdout.isatty():
        while _width(cell) >= width:
            cell = cell[:-1]
        cell += "…"
    return cell + " " * (width - _width(cell))
