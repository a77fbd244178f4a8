"""The formats of lists."""

import sys
from enum import StrEnum
from typing import TypeVar


class Format(StrEnum):
    """The format of a list of records."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    IDS = "ids"


class EntryFormat(StrEnum):
    """The format of a list of history entries."""

    TABLE = "table"
    JSON = "json"


F = TypeVar("F", Format, EntryFormat)


def chosen(output: F | None, kind: type[F]) -> F:
    """Return the format: by default a table on a terminal, and JSON in a pipe or file."""
    return output or kind("table" if sys.stdout.isatty() else "json")
