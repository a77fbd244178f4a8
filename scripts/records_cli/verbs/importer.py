"""The verb import."""

import errno
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from records_cli.call import Role, connect
from records_cli.choices import Duplicates, Extra, FileFormat
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.terminal import notices, progress
from records_cli.verbs.files import CONTINUE, STREAM, FormatOption, Guard, format_of, resumable

if TYPE_CHECKING:
    from records_cli.client import Caller
    from records_cli.importing import Counts, Failed
    from records_cli.preparing import Prepared, Settings
    from records_cli.refusals import Refusals


def import_(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="NDJSON or CSV file, or - for stdin.")
    ],
    format_: FormatOption = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="COLUMN",
            help="Column that identifies a row, such as id or attributes.ticket (default: the"
            " whole row). The same row creates one record, however often it is imported.",
        ),
    ] = None,
    duplicates: Annotated[
        Duplicates,
        typer.Option(
            "--duplicates",
            help="Rows that are equal to an earlier row: skip them, create a record for each,"
            " or refuse them.",
        ),
    ] = Duplicates.SKIP,
    extra: Annotated[
        Extra,
        typer.Option(
            "--extra",
            help="Columns that callers can't set, such as createdAt: refuse the row, add them to"
            " attributes, or drop them.",
        ),
    ] = Extra.REFUSE,
    json_cells: Annotated[
        bool,
        typer.Option(
            "--json-cells",
            help="CSV: numbers, true, false, null, lists and objects in attributes.* are JSON, not"
            " text.",
        ),
    ] = False,
    delimiter: Annotated[
        str, typer.Option("--delimiter", help="CSV: character between cells.")
    ] = ",",
    guard: Guard = True,
    parallel: Annotated[
        int,
        typer.Option(
            "--parallel", min=1, max=32, help="Requests at once; 1 keeps the order of the rows."
        ),
    ] = 8,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="PATH", help="Imported rows (default: FILE.journal)."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="PATH", help="Refused rows (default: FILE.refused.ndjson)."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file, and send nothing.")
    ] = False,
) -> None:
    """Create a record for each row of a file.

    The columns are type, status, message, attributes (a JSON object) and attributes.<name>. If the
    import is interrupted, even by a crash, or rows were refused, run the same command again, as the
    same caller: rows that are imported are not imported again. Keep FILE.journal until you are
    done.

    \b
    Examples:
      records import checks.ndjson
      records import tickets.csv --key attributes.ticket --dry-run
      records import old.csv --key recordID --extra attributes
    """
    from records_cli import preparing, rows
    from records_cli.refusals import Refusals

    if key is not None and duplicates is Duplicates.CREATE:
        raise typer.BadParameter("--duplicates create needs rows without --key")
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise typer.BadParameter("--delimiter is one character, and no quote or line break")
    chosen = format_of(file, format_)
    settings = preparing.Settings(key, extra, duplicates)
    if file != STREAM:
        journal = journal or Path(f"{file}.journal")
        report = report or Path(f"{file}.refused.ndjson")
    with ExitStack() as resources:
        with _explained(report):
            refusals = resources.enter_context(closing(Refusals(report)))
        source = resources.enter_context(_opened(file))
        if chosen is FileFormat.CSV:
            parsed = rows.csv_rows(
                source,
                delimiter=delimiter,
                guarded=guard,
                json_cells=json_cells,
                check=lambda columns: _check_columns(columns, settings),
            )
        else:
            parsed = rows.ndjson(source)
        prepared = preparing.prepare(parsed, settings)
        if dry_run:
            with _explained(report):
                counts = _dry_run(prepared, refusals)
            _print_dry_run(counts)
        else:
            caller = connect(context, Role.WRITER)
            _run(prepared, caller, journal, parallel, refusals)
    refusals.raise_if_any(file)


def _opened(file: str) -> AbstractContextManager[IO[bytes]]:
    if file == STREAM:
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(file).open("rb")
    except OSError as error:
        cause = f"{file} can't be read: {error.strerror}"
        raise Failure(cause, "check the path", Exit.BAD_INPUT) from error


def _check_columns(columns: Sequence[str], settings: "Settings") -> None:
    """Raise Failure if the file has columns that no record can have, or lacks the key."""
    import difflib

    from records_cli import preparing

    names = [name for name in columns if not name.startswith("attributes.")]
    if unknown := preparing.unknown(names, settings):
        known = ", ".join((*preparing.FIELDS, "attributes.<name>"))
        cause = f"callers can't set these columns: {', '.join(unknown)}; known are {known}"
        near = difflib.get_close_matches(unknown[0], preparing.FIELDS, 1)
        guess = f"did you mean {near[0]}? Otherwise, " if near else ""
        remedy = f"{guess}rename to attributes.<name>, or pass --extra attributes or --extra drop"
        raise Failure(cause, remedy, Exit.BAD_INPUT)
    key = settings.key_column
    if key is not None and key not in columns and "attributes" not in columns:
        cause = f"there is no column {key!r} for --key; there are {', '.join(columns)}"
        raise Failure(cause, "name one of the columns", Exit.BAD_INPUT)


def _run(
    prepared: "Iterable[Prepared]",
    caller: "Caller",
    journal: Path | None,
    parallel: int,
    refusals: "Refusals",
) -> None:
    """Import the rows and print what happened to them. Raises Failure."""
    from records_cli import importing
    from records_cli.journal import Journal

    counts = importing.Counts()
    with ExitStack() as resources:
        resources.enter_context(resumable())
        resources.callback(lambda: print(_counted(counts)))
        resources.enter_context(_explained(journal))
        opened = resources.enter_context(Journal(journal, caller.url)) if journal else None
        show = resources.enter_context(progress())
        importing.Import(
            caller,
            opened,
            parallel,
            refusals.add,
            progress=lambda each: show(_counted(each)),
            notice=notices(),
            counts=counts,
        ).run(prepared)
    if counts.failed:
        raise _stopped(min(counts.failed, key=lambda each: each.row.line), caller.url)


def _counted(counts: "Counts") -> str:
    numbers = {
        "rows": counts.rows,
        "created": counts.created,
        "created earlier": counts.replayed + counts.confirmed,
        "equal to an earlier row": counts.duplicates,
        "refused": counts.refused,
    }
    return ", ".join(f"{name}: {number:,}" for name, number in numbers.items())


def _dry_run(prepared: "Iterable[Prepared]", refusals: "Refusals") -> "Counts":
    """Return what would happen to the rows: `created` are those that would be sent."""
    from records_cli import importing, preparing

    counts = importing.Counts()
    for each in prepared:
        if isinstance(each, preparing.Refusal):
            counts.refused += 1
            refusals.add(each)
        elif isinstance(each, preparing.Duplicate):
            counts.duplicates += 1
        else:
            counts.created += 1
    return counts


def _print_dry_run(counts: "Counts") -> None:
    print(
        f"rows: {counts.rows:,}, would be sent: {counts.created:,},"
        f" equal to an earlier row: {counts.duplicates:,}, refused: {counts.refused:,}"
    )


def _stopped(failed: "Failed", url: str) -> Failure:
    """Return the Failure for what stopped the import. To repeat it is safe in every case."""
    from records_cli import problems

    outcome = failed.outcome
    if isinstance(outcome, Failure):
        failure = outcome
    elif isinstance(outcome, OSError):
        failure = problems.no_response(outcome, "GET", url)
    else:
        failure = problems.failure(outcome, "GET")
    unknown = failure.code == Exit.OUTCOME_UNKNOWN
    code = Exit.UNAVAILABLE if unknown else failure.code
    remedy = "" if unknown else f"{failure.remedy}; then "
    failure.is_of_service = True
    return failure.changed(
        cause=f"the import stopped at line {failed.row.line}: {failure.cause}",
        remedy=f"{remedy}{CONTINUE}",
        code=code,
    )


@contextmanager
def _explained(file: Path | None) -> Iterator[None]:
    """Turn an OSError of a file into a Failure."""
    try:
        yield
    except OSError as error:
        cause = f"{error.filename or file} can't be written: {error.strerror or error}"
        remedy = "write elsewhere: --journal PATH for imported rows, --report PATH for refused ones"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            remedy = "make room"
        raise Failure(cause, f"{remedy}; then {CONTINUE}") from error
