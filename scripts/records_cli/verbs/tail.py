"""The verb tail."""

import math
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.call import Role, checked, connect
from records_cli.formats import Format, chosen
from records_cli.verbs import filters

if TYPE_CHECKING:
    from records_cli.client import Caller, Response
    from records_cli.tailing import Query, Record

_DEFAULT_COUNT = 10


def tail(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on with new records until Ctrl-C.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--lines",
            metavar="N",
            min=0,
            help="Begin with the last N records. [default: 10, or all with --since]",
        ),
    ] = None,
    changes: Annotated[
        bool,
        typer.Option(
            "--changes",
            help="Every change instead of new records, also of the last minute; for auditors.",
        ),
    ] = False,
    type_: filters.Type = None,
    status: filters.Status = None,
    submitted_by: filters.SubmittedBy = None,
    since: filters.Since = None,
    created_after: filters.CreatedAfter = None,
    output: Annotated[
        Format | None,
        typer.Option(
            "-o", "--output", help="Format. [default: table on a terminal, otherwise ndjson]"
        ),
    ] = None,
    columns: filters.Columns = None,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.1, help="Time between reads.")
    ] = 2.0,
) -> None:
    """Print the last records, oldest first, and with -f also those that are created from now on.

    No record is printed twice. One that appears in the listing late, up to a minute after its
    creation, is printed too. With --changes, the changes of the last minute, or --since, come
    first.

    \b
    Examples:
      records tail -f --type deployment
      records tail -n 100 -o csv
      records tail -f --changes -o ndjson | jq .change
    """
    from records_cli import tailing

    selected = filters.options(type_, status, submitted_by, since, None, created_after, None)
    form = output or chosen(None, Format)
    form = Format.NDJSON if output is None and form is Format.JSON else form
    if form is Format.JSON:
        raise typer.BadParameter("-o json is one document without an end; use -o ndjson")
    if changes:
        _check_changes(selected, form, columns, count)
        caller = connect(context, Role.AUDITOR)
        read = _reader(lambda query: caller.get("/changes", query), caller.url, follow=follow)
        since_ = filters.query(selected).get("createdAfter") or _last_minute(caller)
        new: Any = tailing.NewChanges(read, {"since": since_})
        write = _entry_writer(form)
    else:
        caller = connect(context, Role.READER)
        read = _reader(lambda query: caller.call("GET", query=query), caller.url, follow=follow)
        new = tailing.NewRecords(read, filters.query(selected))
        write = _record_writer(form, columns)
        if count is None and not {"--since", "--created-after"} & selected.keys():
            count = _DEFAULT_COUNT
        write(new.first(count))
    while follow or changes:
        for batch in new.more():
            write(batch)
        if not follow:
            break
        time.sleep(interval)


def _check_changes(
    selected: Mapping[str, str], form: Format, columns: str | None, count: int | None
) -> None:
    """Raise BadParameter for options that the change feed does not have."""
    if selected.keys() - {"--since", "--created-after"} or columns or count is not None:
        raise typer.BadParameter("--changes takes no filters but --since, no --columns and no -n")
    if form not in {Format.TABLE, Format.NDJSON}:
        raise typer.BadParameter("--changes is printed with -o table or -o ndjson")


def _reader(
    request: "Callable[[Query], Response]", url: str, *, follow: bool
) -> "Callable[[Query], Mapping[str, Any]]":
    """Return a function that reads a page; who follows waits for the API as long as it takes."""
    from records_cli import attempts, listing, terminal

    limit, notice = math.inf if follow else attempts.ATTEMPTS, terminal.notices()
    return lambda query: listing.answer(lambda: request(query), url, limit, notice)


def _last_minute(caller: "Caller") -> str:
    """Return the time a minute ago by the clock of the service, if it tells its time."""
    from records_cli import problems, tailing

    now = datetime.now(UTC)
    query = {"since": tailing.timestamp(now), "limit": "1"}
    response = checked(lambda: caller.get("/changes", query), "GET", caller.url)
    skew = timedelta(seconds=problems.clock_skew(response) or 0)
    return tailing.timestamp(now + skew - tailing.LATE)


def _record_writer(form: Format, columns: str | None) -> "Callable[[list[Record]], None]":
    from records_cli.output import RecordWriter

    return _flushing(RecordWriter(form, filters.column_names(columns)).write)


def _entry_writer(form: Format) -> "Callable[[list[Record]], None]":
    from records_cli import entry_table, jsontext
    from records_cli.terminal import print_json

    table = entry_table.table(entry_table.FEED)

    def write(entries: "list[Record]") -> None:
        if form is Format.TABLE:
            table(entries)
        else:
            for entry in entries:
                print_json(jsontext.compact(entry))

    return _flushing(write)


def _flushing(write: "Callable[[list[Record]], None]") -> "Callable[[list[Record]], None]":
    """Return `write` for readers that wait. It leaves out empty pages, so the first decides."""

    def flushed(batch: "list[Record]") -> None:
        if batch:
            write(batch)
            sys.stdout.flush()

    return flushed
