"""Prints records as a table, JSON, NDJSON, CSV or IDs, while they arrive."""

import csv
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from records_cli import columns as of
from records_cli import jsontext
from records_cli.formats import Format
from records_cli.terminal import print_json

Record = dict[str, Any]


class RecordWriter:
    """Prints pages of records in one format, with some columns only if these are passed."""

    def __init__(self, output: Format, columns: Sequence[str] = ()) -> None:
        self._output = output
        self._columns = columns
        self._count = 0
        defaults = of.TABLE if output is Format.TABLE else of.RECORD
        self._table = of.TableWriter(columns or defaults, () if columns else of.DISPENSABLE)
        self._cells = columns or defaults
        self._csv = csv.writer(sys.stdout, lineterminator="\n")

    def write(self, records: Iterable[Record]) -> None:
        """Print the records of a page."""
        match self._output:
            case Format.TABLE:
                self._table.write(map(self._table_row, records))
            case Format.CSV:
                self._begin_csv()
                self._csv.writerows(map(self._row, records))
            case Format.IDS:
                for record in records:
                    print(record["recordID"])
            case Format.NDJSON:
                for record in records:
                    print_json(jsontext.compact(self._selected(record)))
            case Format.JSON:
                for record in records:
                    self._write_element(record)

    def end(self, cursor: str | None) -> None:
        """Print what ends the output; `cursor` is that of the next page, if there is more."""
        if self._output is not Format.JSON:
            return
        if not self._count:
            print('{\n  "records": [', end="")
        end = "\n  ]" if self._count else "]"
        print(f'{end},\n  "next": {jsontext.canonical(cursor)}\n}}' if cursor else f"{end}\n}}")

    def _begin_csv(self) -> None:
        if not self._count:
            self._csv.writerow(self._cells)
        self._count += 1

    def _write_element(self, record: Record) -> None:
        begin = ",\n" if self._count else '{\n  "records": [\n'
        print(begin, end="")
        print_json(f"    {jsontext.pretty(self._selected(record), '    ')}", end="")
        self._count += 1

    def _row(self, record: Record) -> list[str]:
        return [of.text(of.value(record, column)) for column in self._cells]

    def _table_row(self, record: Record) -> list[str]:
        row = self._row(record)
        return list(map(of.short, row)) if sys.stdout.isatty() else row

    def _selected(self, record: Record) -> Record:
        """Return the chosen columns of a record, or the whole record."""
        if not self._columns:
            return record
        return {column: of.value(record, column) for column in self._columns}
