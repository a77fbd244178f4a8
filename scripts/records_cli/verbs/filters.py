"""The options that select records and their columns, for verbs that read whole listings."""

from enum import StrEnum
from typing import Annotated

import typer

from records_cli.call import without_none
from records_cli.exit_codes import Exit
from records_cli.failure import Failure


class Order(StrEnum):
    """The order of a list."""

    DESC = "desc"
    ASC = "asc"


Type = Annotated[str | None, typer.Option("--type", metavar="TEXT", help="Only this type.")]
Status = Annotated[str | None, typer.Option("--status", metavar="TEXT", help="Only this status.")]
SubmittedBy = Annotated[
    str | None,
    typer.Option("--submitted-by", metavar="TEXT", help="Only from this caller (complete)."),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Created at this time or later: 2h, yesterday, 2026-01-31, 2026-01-31T09:30.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Created before this time, or on this day."),
]
CreatedAfter = Annotated[
    str | None, typer.Option("--created-after", metavar="TIME", help="As the API: exclusive.")
]
CreatedBefore = Annotated[
    str | None, typer.Option("--created-before", metavar="TIME", help="As the API: exclusive.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAMES", help="Separated by commas, such as type,attributes.x.y."
    ),
]


def options(
    type_: str | None,
    status: str | None,
    submitted_by: str | None,
    since: str | None,
    until: str | None,
    created_after: str | None,
    created_before: str | None,
) -> dict[str, str]:
    """Return the options that were passed, by their names."""
    passed = {
        "--type": type_,
        "--status": status,
        "--submitted-by": submitted_by,
        "--since": since,
        "--until": until,
        "--created-after": created_after,
        "--created-before": created_before,
    }
    return without_none(passed)


def column_names(columns: str | None) -> list[str]:
    """Return the names in --columns, none without it. Raises Failure for one that can't exist."""
    from records_cli.columns import ATTRIBUTE, RECORD

    names = [] if columns is None else [name.strip() for name in columns.split(",")]
    known = f"{', '.join(RECORD)} and {ATTRIBUTE}<name>"
    if not all(names):
        raise Failure("--columns has an empty name", f"use {known}", Exit.BAD_INPUT)
    if unknown := [each for each in names if each not in RECORD and not each.startswith(ATTRIBUTE)]:
        cause = f"--columns: records have no {', '.join(unknown)}"
        raise Failure(cause, f"use {known}", Exit.BAD_INPUT)
    return names


def query(filters: dict[str, str]) -> dict[str, str]:
    """Return the query parameters of GET /records for these `options`. Raises Failure."""
    parameters = {
        "type": filters.get("--type"),
        "status": filters.get("--status"),
        "submittedBy": filters.get("--submitted-by"),
        "createdAfter": bound(filters.get("--since"), filters.get("--created-after"), "since"),
        "createdBefore": bound(filters.get("--until"), filters.get("--created-before"), "until"),
    }
    if {"--since", "--until"} <= filters.keys():
        begin, end = parameters["createdAfter"], parameters["createdBefore"]
        if str(begin) >= str(end):  # of the same form, so they compare by time
            since, until = filters["--since"], filters["--until"]
            cause = f"--since {since} is later than --until {until}, so no time is between them"
            raise Failure(cause, "exchange them: --since is the earlier time", Exit.BAD_INPUT)
    return without_none(parameters)


def bound(text: str | None, exclusive: str | None, option: str) -> str | None:
    """Return a time bound of the API from --since or --until, or from its exclusive twin."""
    from datetime import UTC, datetime

    from records_cli import moments

    if text is None:
        return exclusive
    twin = {"since": "--created-after", "until": "--created-before"}[option]
    if exclusive is not None:
        raise Failure(f"--{option} and {twin} exclude each other", "pass one", Exit.BAD_INPUT)
    bound_ = moments.since if option == "since" else moments.until
    return bound_(text, datetime.now(UTC), f"--{option}")
