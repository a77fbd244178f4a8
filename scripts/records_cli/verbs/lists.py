"""The verb `records list`."""

import sys
from typing import Annotated

import typer

from records_cli.call import Role, connect, without_none
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.formats import Format, chosen
from records_cli.verbs import filters
from records_cli.verbs.filters import Order


def list_records(
    context: typer.Context,
    type_: filters.Type = None,
    status: filters.Status = None,
    submitted_by: filters.SubmittedBy = None,
    since: filters.Since = None,
    until: filters.Until = None,
    created_after: filters.CreatedAfter = None,
    created_before: filters.CreatedBefore = None,
    order: Annotated[
        Order | None, typer.Option("--order", help="Newest or oldest first. [default: desc]")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Print at most N records.")
    ] = 100,
    all_: Annotated[bool, typer.Option("--all", help="Print all records.")] = False,
    cursor: Annotated[
        str | None,
        typer.Option("--cursor", help="Continue after an earlier call, with the same filters."),
    ] = None,
    output: Annotated[
        Format | None,
        typer.Option(
            "-o", "--output", help="Format. [default: table on a terminal, otherwise json]"
        ),
    ] = None,
    columns: filters.Columns = None,
) -> None:
    """Print records, newest first.

    Times without an offset are local times. The cursor of the next page goes to standard error, and
    into the JSON as "next".

    \b
    Examples:
      records list --since 2h --status failed
      records list --type backup --since yesterday --order asc -o csv
      records list --all -o ndjson > records.ndjson
      records list --columns recordID,status,attributes.host
    """
    from records_cli import listing, terminal
    from records_cli.output import RecordWriter

    selected = filters.options(
        type_, status, submitted_by, since, until, created_after, created_before
    )
    query = filters.query(selected) | without_none({"order": order, "cursor": cursor})
    form = chosen(output, Format)
    writer = RecordWriter(form, _names(columns, form))
    caller, count, page = connect(context, Role.READER), 0, None
    with terminal.progress(shown=all_ and not sys.stdout.isatty()) as progress:
        for page in listing.pages(caller, query, None if all_ else limit):
            writer.write(page.records)
            count += len(page.records)
            progress(f"{count:,} records")
    following = page.following if page else None
    writer.end(following)
    if not count and form is Format.TABLE:
        print("no records match", file=sys.stderr)
    if following is not None and form is not Format.JSON:
        print(f"more: --cursor {following}, or --all", file=sys.stderr)


def _names(columns: str | None, form: Format) -> list[str]:
    names = filters.column_names(columns)
    if names and form is Format.IDS:
        raise Failure("-o ids has no --columns", "use -o csv", Exit.BAD_INPUT)
    return names
