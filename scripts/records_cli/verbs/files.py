"""What export and import share: the options of a file with records, and Ctrl-C."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from records_cli.choices import FileFormat
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

CONTINUE = "run the same command again; it continues"
# What the API answers while an export or import runs.
_CONTINUED = (Exit.REFUSED, Exit.NOT_FOUND, Exit.UNAVAILABLE)
STREAM = "-"  # standard input or output
_EXTENSIONS = {".ndjson": FileFormat.NDJSON, ".jsonl": FileFormat.NDJSON, ".csv": FileFormat.CSV}

FormatOption = Annotated[
    FileFormat | None,
    typer.Option("--format", help="Format of the file (default: by its extension; - is NDJSON)."),
]
Guard = Annotated[
    bool,
    typer.Option(
        "--formula-guard/--no-formula-guard",
        help="CSV: an apostrophe stands before text that a spreadsheet would take for a formula.",
    ),
]


def format_of(file: str, format_: FileFormat | None) -> FileFormat:
    """Return `format_`, otherwise the format of the file's extension; of streams, it is NDJSON.

    Raises BadParameter if the extension is another one.
    """
    chosen = format_ or (FileFormat.NDJSON if file == STREAM else None)
    chosen = chosen or _EXTENSIONS.get(Path(file).suffix.lower())
    if chosen is None:
        raise typer.BadParameter("pass --format, or a FILE that ends in .ndjson, .jsonl or .csv")
    return chosen


@contextmanager
def resumable() -> Iterator[None]:
    """Turn Ctrl-C into a Failure that says how to continue, and say so in errors of the API."""
    try:
        yield
    except KeyboardInterrupt:
        raise Failure("interrupted", CONTINUE, Exit.INTERRUPTED) from None
    except Failure as failure:
        if failure.code not in _CONTINUED or CONTINUE in failure.remedy:
            raise
        raise failure.changed(remedy=f"{failure.remedy}; then {CONTINUE}") from failure
