"""The rows of a file to import: NDJSON or CSV, parsed to the fields of a record.

Each row comes with the number of its first line. A row that can't be read is a Malformed, and the
rows after it follow.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from records_cli import csvcells, jsontext
from records_cli.failure import Failure

ATTRIBUTES = "attributes"
_UTF8_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = "is not UTF-8"
_SAVE_AS_UTF8 = "save it as UTF-8 (in Excel: CSV UTF-8)"

Fields = dict[str, Any]


class Malformed(ValueError):
    """A row that can't be read; the text says what is wrong with it."""


Row = tuple[int, Fields | Malformed]


def ndjson(file: IO[bytes]) -> Iterator[Row]:
    """Yield the rows of an NDJSON file: one JSON object per line; blank lines are skipped."""
    for number, raw in enumerate(file, start=1):
        line = (raw.removeprefix(_UTF8_BOM) if number == 1 else raw).strip()
        if not line:
            continue
        try:
            yield number, _object(line)
        except Malformed as problem:
            yield number, problem


def parse(text: str) -> Any:
    """Return strict JSON parsed, with each number as a Number. Raises Malformed."""
    try:
        return json.loads(
            text,
            parse_int=jsontext.Number,
            parse_float=jsontext.Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_members,
        )
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"is not JSON: {error.msg} at character {error.pos + 1}") from None


def _object(line: bytes) -> Fields:
    try:
        value = parse(line.decode())
    except UnicodeDecodeError:
        raise Malformed(_NOT_UTF8) from None
    if isinstance(value, list):
        raise Malformed("is a JSON array; NDJSON has one object per line: jq -c '.[]' FILE")
    if not isinstance(value, dict):
        raise Malformed("is not a JSON object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> Fields:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"has the member {repeated!r} more than once")
    return members


def _refuse_constant(name: str) -> None:
    raise Malformed(f"is not JSON: {name}")


def csv_rows(
    file: IO[bytes],
    *,
    delimiter: str = ",",
    guarded: bool = True,
    json_cells: bool = False,
    check: Callable[[Sequence[str]], None] = lambda _: None,
) -> Iterator[Row]:
    """Yield the rows of a CSV file (RFC 4180) whose first line names the columns.

    Empty cells are absent fields, and empty lines are skipped. `guarded` takes off what the export
    adds to cells that look like formulas. `json_cells` parses the cells of all columns but those of
    text fields as JSON where they are JSON. `check` is called with the columns first; it raises
    Failure, and so does a header that can't be used.
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    columns = _columns(reader, delimiter)
    check(columns)
    while True:
        first_line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            yield first_line, Malformed(f"is not CSV: {error}")
            continue
        if not cells:
            continue
        try:
            yield first_line, _fields(columns, cells, guarded=guarded, json_cells=json_cells)
        except Malformed as problem:
            yield first_line, problem
    text.detach()


def _columns(reader: Iterator[list[str]], delimiter: str) -> list[str]:
    """Return the names in the header. Raises Failure if they can't be used."""
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise Failure(f"line 1 is not CSV: {error}", "name the columns in line 1") from error
    if not all(map(_is_unicode, columns)) or any("\0" in name for name in columns):
        raise Failure("line 1 is not UTF-8", _SAVE_AS_UTF8)
    if not all(columns) or not columns:
        number = columns.index("") + 1 if columns else 1
        raise Failure(f"column {number} has no name in line 1", "name each column in line 1")
    for name in columns:
        if columns.count(name) > 1:
            raise Failure(f"line 1 has the column {name!r} twice", "give each column its own name")
    if len(columns) == 1 and (other := next((each for each in ";\t|" if each in columns[0]), "")):
        cause = f"line 1 has only one column with the delimiter {delimiter!r}"
        raise Failure(cause, f"add --delimiter {other!r}")
    return columns


def _fields(
    columns: Sequence[str], cells: Sequence[str], *, guarded: bool, json_cells: bool
) -> Fields:
    if len(cells) != len(columns):
        raise Malformed(f"has {len(cells)} cells, but line 1 has {len(columns)} columns")
    fields: Fields = {}
    for column, raw in zip(columns, cells, strict=True):
        if not _is_unicode(raw):
            raise Malformed(f"{_NOT_UTF8} in column {column!r}; {_SAVE_AS_UTF8}")
        if raw == "":
            continue
        text = csvcells.unguard(raw) if guarded else raw
        if column == ATTRIBUTES:
            _merge(fields, _attributes(text))
        elif column.startswith(f"{ATTRIBUTES}."):
            *outer, name = column.split(".")[1:]
            nested = {name: _json_or_text(text) if json_cells else text}
            for each in reversed(outer):
                nested = {each: nested}
            _merge(fields, nested)
        else:
            fields[column] = text
    return fields


def _attributes(text: str) -> Fields:
    try:
        value = parse(text)
    except Malformed as problem:
        raise Malformed(f"column '{ATTRIBUTES}' {problem}") from None
    if not isinstance(value, dict):
        raise Malformed(f"column '{ATTRIBUTES}' is not a JSON object")
    return value


def _json_or_text(text: str) -> Any:
    try:
        return parse(text)
    except Malformed:
        return text


def _merge(fields: Fields, attributes: Fields) -> None:
    """Merge members into the attributes of `fields`. Raises Malformed where both have a value."""
    pending = [(fields.setdefault(ATTRIBUTES, {}), attributes, ATTRIBUTES)]
    for target, source, path in pending:
        for name, value in source.items():
            place = f"{path}.{name}"
            if name not in target:
                target[name] = value
            elif isinstance(target[name], dict) and isinstance(value, dict):
                pending.append((target[name], value, place))
            else:
                raise Malformed(f"sets {place} in two columns")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
