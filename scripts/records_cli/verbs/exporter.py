"""The verb export."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.call import Role, connect
from records_cli.choices import FileFormat
from records_cli.terminal import notices, progress
from records_cli.verbs import filters
from records_cli.verbs.files import STREAM, FormatOption, Guard, format_of, resumable
from records_cli.verbs.filters import Order

if TYPE_CHECKING:
    from records_cli.client import Caller
    from records_cli.exporting import Encode, Pages


def export(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="New file, or - for standard output.")
    ],
    type_: filters.Type = None,
    status: filters.Status = None,
    submitted_by: filters.SubmittedBy = None,
    since: filters.Since = None,
    until: filters.Until = None,
    created_after: filters.CreatedAfter = None,
    created_before: filters.CreatedBefore = None,
    order: Annotated[Order, typer.Option("--order", help="Oldest or newest first.")] = Order.ASC,
    format_: FormatOption = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="NAMES",
            help="CSV: columns, separated by commas, such as createdAt,status,attributes.host"
            " (default: all fields, with attributes as JSON).",
        ),
    ] = None,
    guard: Guard = True,
    bom: Annotated[
        bool, typer.Option("--bom", help="CSV: begin with a byte order mark, as Excel needs it.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file when the export is complete.")
    ] = False,
) -> None:
    """Write all records that match the filters to a file, oldest first.

    If the export is interrupted, even by a crash, run the same command again: it continues. FILE
    appears when it is complete; until then, the records are in FILE.part. The number of records
    and the SHA-256 of the file are printed at the end.

    \b
    Examples:
      records export all.ndjson
      records export failed.csv --status failed --columns createdAt,type,attributes.host --bom
      records export - | jq .type
    """
    from records_cli import exporting

    chosen = format_of(file, format_)
    if chosen is not FileFormat.CSV and (columns or bom):
        raise typer.BadParameter("--columns and --bom are options of CSV")
    names = filters.column_names(columns) or None
    options = filters.options(
        type_, status, submitted_by, since, until, created_after, created_before
    )
    query = filters.query(options) | {"order": order.value}
    caller = connect(context, Role.READER)
    encode = _encode(chosen, names, guarded=guard, bom=bom)
    settings: dict[str, Any] = {"service": caller.url, "order": order.value, **options}
    settings["format"] = chosen.value
    if chosen is FileFormat.CSV:
        settings |= {"columns": names, "formula guard": guard, "byte order mark": bom}
    with progress() as show, ExitStack() as resources:
        source = exporting.Source(_pages(caller), encode, show)
        if file == STREAM:
            summary = exporting.to_stream(sys.stdout.buffer, query, source)
        else:
            resources.enter_context(resumable())
            summary = exporting.to_file(Path(file), settings, query, source, overwrite=overwrite)
    name, out = ("standard output", sys.stderr) if file == STREAM else (file, sys.stdout)
    print(f"{name}: {summary.records:,} records, SHA-256 {summary.sha256}", file=out)


def _pages(caller: "Caller") -> "Pages":
    from records_cli import attempts, listing

    def read(
        query: dict[str, str], cursor: str | None
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        query, notice = query | {"limit": str(listing.PAGE)}, notices()
        while True:
            page_query = query | ({"cursor": cursor} if cursor else {})
            page = listing.read(caller, page_query, attempts.ATTEMPTS, notice)
            cursor = page.get("next")
            yield page["records"], cursor
            if cursor is None:
                return

    return read


def _encode(
    format_: FileFormat, columns: list[str] | None, *, guarded: bool, bom: bool
) -> "Encode":
    from records_cli import columns as of
    from records_cli import csvcells, jsontext

    names = columns or of.RECORD

    def as_ndjson(records: Sequence[Any], _is_first: bool) -> bytes:
        return "".join(f"{jsontext.compact(each)}\n" for each in records).encode()

    def as_csv(records: Sequence[Any], is_first: bool) -> bytes:
        header = csvcells.header(names, guarded=guarded, bom=bom) if is_first else ""
        return f"{header}{csvcells.rows(records, names, guarded=guarded)}".encode()

    return as_csv if format_ is FileFormat.CSV else as_ndjson
