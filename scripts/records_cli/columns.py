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
ATTRIBUTE = "attributes."  # begins the column of one attribute
TABLE = ("recordID", "createdAt", "type", "status", "message")
DISPENSABLE = ("message", "status", "type")  # of TABLE, where there is no room
_NARROWEST = 8
_MILLISECONDS = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$")
# Times and UUIDs, of which a part is of no use.
_WHOLE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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
    """Prints rows as a table, page by page: the first page decides the widths of the columns.

    On a terminal that is too narrow, `dispensable` columns are left out, the first ones first.
    """

    def __init__(self, columns: Sequence[str], dispensable: Sequence[str] = ()) -> None:
        self._columns = columns
        self._dispensable = dispensable
        self._shown: list[int] = []  # indexes of columns
        self._widths: list[int] = []

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Print rows, before the first ones the names of the columns."""
        lines = [[visible(cell) for cell in row] for row in rows]
        if not self._widths:
            self._begin(lines, _terminal_width())
        for line in lines:
            print(self._line(line))

    def _begin(self, lines: Sequence[Sequence[str]], limit: int | None) -> None:
        """Choose columns and widths from the first page, and print the names of the columns."""
        left_out: list[str] = []
        for name in (None, *self._dispensable):
            left_out += [name] if name else []
            self._shown = [n for n, each in enumerate(self._columns) if each not in left_out]
            rows = [[line[n] for n in self._shown] for line in (self._columns, *lines)]
            self._widths = _widths(rows, limit)
            if limit is None or _total(self._widths) <= limit:
                break
        if left_out:
            remedy = "use a wider terminal, or -o json"
            print(f"columns without room: {', '.join(left_out)}; {remedy}", file=sys.stderr)
        print(bold(self._line(self._columns), sys.stdout))

    def _line(self, cells: Sequence[str]) -> str:
        *first, last = (
            _fitted(cells[n], width) for n, width in zip(self._shown, self._widths, strict=True)
        )
        return _GAP.join([*first, last.rstrip()]).rstrip()


def _terminal_width() -> int | None:
    """Return the number of columns of the terminal; None if the output is not a terminal."""
    if not sys.stdout.isatty():
        return None
    return int(os.environ.get("COLUMNS") or shutil.get_terminal_size().columns)


def _widths(lines: Sequence[Sequence[str]], limit: int | None) -> list[int]:
    """Return the widths of the columns; some are narrowed to stay within `limit`.

    The last column goes first, then the widest. The first column, an ID, is never narrowed, nor
    are columns with times or UUIDs.
    """
    table = list(zip(*lines, strict=True))
    widths = [max(map(_width, column)) for column in table]
    others = [n for n, column in enumerate(table) if n and not any(map(_WHOLE.fullmatch, column))]
    while limit is not None and others and _total(widths) > limit:
        last = others[-1]
        chosen = last if widths[last] > _NARROWEST else max(others, key=widths.__getitem__)
        if widths[chosen] <= _NARROWEST:
            break
        widths[chosen] -= 1
    return widths


def _total(widths: Sequence[int]) -> int:
    """Return the width of a line."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


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
        is_arn = cell.startswith("arn:")  # its end tells callers apart
        while _width(cell) >= width:
            cell = cell[1:] if is_arn else cell[:-1]
        cell = f"…{cell}" if is_arn else f"{cell}…"
    return cell + " " * (width - _width(cell))
