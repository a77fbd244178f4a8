"""Cells of CSV files, in which formulas are harmless."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from records_cli import columns as of
from records_cli import jsontext

BOM = "\ufeff"
# Spreadsheets evaluate cells that begin with these characters (OWASP ASVS 5, requirement 1.2.10,
# and OWASP, "CSV Injection": tab, line breaks and the full-width forms).
_FORMULA = "[=+\\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]"
# Apostrophes count too, so that the guard can be taken off again without loss.
_GUARDED, _NEEDS_GUARD = re.compile(f"'+{_FORMULA}"), re.compile(f"'*{_FORMULA}")

Record = Mapping[str, Any]


def guard(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula: with an apostrophe before it."""
    return f"'{text}" if _NEEDS_GUARD.match(text) else text


def unguard(text: str) -> str:
    """Return the text before `guard`."""
    return text[1:] if _GUARDED.match(text) else text


def cell(value: Any, *, guarded: bool) -> str:
    """Return the text of a JSON value (see `columns.text`); `guarded` applies `guard` to strings.

    A JSON number such as -1 is no formula.
    """
    shown = of.text(value)
    is_string = isinstance(value, str) and not isinstance(value, jsontext.Number)
    return guard(shown) if guarded and is_string else shown


def rows(records: Iterable[Record], columns: Sequence[str], *, guarded: bool) -> str:
    """Return records as lines of a CSV file (RFC 4180), without the header."""
    lines = [[cell(of.value(each, name), guarded=guarded) for name in columns] for each in records]
    return _lines(lines)


def header(columns: Sequence[str], *, guarded: bool, bom: bool) -> str:
    """Return the first line of a CSV file, after a byte order mark if `bom` is set."""
    names = [cell(column, guarded=guarded) for column in columns]
    return f"{BOM if bom else ''}{_lines([names])}"


def _lines(cells: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(cells)
    return text.getvalue()
