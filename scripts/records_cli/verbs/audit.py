"""The commands for auditors: history, changes, verify and seal."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.call import (
    RecordID,
    Role,
    checked,
    connect,
    not_empty,
    record_path,
    send,
    without_none,
)
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.formats import EntryFormat, chosen
from records_cli.verbs.filters import Order

if TYPE_CHECKING:
    from records_cli.seals import Seal
    from records_cli.verification import Outcome

# A seal covers what is older. A write ends within 29 s; an hour is longer than clocks differ.
SEAL_LAG = timedelta(hours=1)
_NOTHING_SETTLED = (
    "no settled changes: a change appears here a minute after it was made;"
    " --unsettled shows it at once"
)
_SHOWN = 20  # harmless findings of a kind

Output = Annotated[
    EntryFormat | None,
    typer.Option("-o", "--output", help="Format. [default: table on a terminal, otherwise json]"),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, help="Entries on the page, at most 1000."),
]


def history(
    context: typer.Context,
    record_id: RecordID,
    order: Annotated[
        Order | None, typer.Option("--order", help="Newest or oldest first. [default: desc]")
    ] = None,
    limit: Limit = None,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="The `next` of the previous page.")
    ] = None,
    output: Output = None,
) -> None:
    """Print who changed a record, when, and to what.

    It works for deleted records too.

    The cursor of the next page goes to standard error with a table, and into the JSON as "next".

    \b
    Examples:
      records history RECORD_ID
      records history RECORD_ID --order asc -o json
    """
    from records_cli.entry_table import print_entries

    query = without_none({"order": order, "limit": _text(limit), "cursor": cursor})
    caller = connect(context, Role.AUDITOR)
    answer = send(caller, "GET", f"{record_path(record_id)}/history", query=query)
    print_entries(answer, "history", chosen(output, EntryFormat))


def changes(
    context: typer.Context,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Changed at this time or later: 2h, yesterday, 2026-01-31, 2026-01-31T09:30.",
        ),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="Continue at the `next` of an earlier call.")
    ] = None,
    unsettled: Annotated[
        bool, typer.Option("--unsettled", help="Also changes of the last minute, without order.")
    ] = False,
    limit: Limit = None,
    output: Output = None,
) -> None:
    """Print one page of the changes of all records, oldest first.

    With a table, the cursor for the next call goes to standard error, also if nothing is new.

    \b
    Examples:
      records changes --since 2h
      records changes --cursor CURSOR -o json
    """
    from records_cli import moments
    from records_cli.entry_table import print_entries

    after = None if since is None else moments.since(since, datetime.now(UTC))
    query = without_none({"since": after, "cursor": cursor, "limit": _text(limit)})
    if unsettled:
        query["unsettled"] = "true"
    caller = connect(context, Role.AUDITOR)
    answer = checked(lambda: caller.get("/changes", query), "GET", caller.url)
    print_entries(answer, "changes", chosen(output, EntryFormat))
    page = answer.json()
    if page.get("caughtUp") and not page["changes"] and not unsettled:
        print(_NOTHING_SETTLED, file=sys.stderr)


def verify(
    context: typer.Context,
    record_ids: Annotated[
        list[str] | None, typer.Argument(metavar="RECORD_ID...", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Verify all records.")] = False,
    seal_file: Annotated[
        Path | None,
        typer.Option("--seal", metavar="FILE", help="Compare with this seal (alone: all records)."),
    ] = None,
    output: Annotated[
        EntryFormat, typer.Option("-o", "--output", help="Text, or JSON for programs.")
    ] = EntryFormat.TABLE,
) -> None:
    """Verify that histories are complete and match the records.

    Without a seal, only careless tampering is noticed: see docs/evidence.md.

    Exit codes: 0 intact, 3 damaged; the others: records help exit-codes.

    \b
    Examples:
      records verify RECORD_ID
      records verify --all
      records verify --seal seal-2026-02-01.jsonl
    """
    from records_cli import terminal, verification

    for record_id in record_ids or []:
        not_empty(record_id)
    if bool(record_ids) == (all_ or (seal_file is not None and not record_ids)):
        raise typer.BadParameter("pass record IDs, or --all, or --seal FILE alone")
    caller = connect(context, Role.AUDITOR)
    seal_ = None if seal_file is None else _read_seal(seal_file)
    if record_ids:
        outcome = verification.verify_records(caller, record_ids, seal_)
    else:
        with terminal.progress() as progress:
            outcome = verification.verify_all(caller, seal_, progress)
    _print_outcome(outcome, output)


def seal(
    context: typer.Context,
    file: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="New file to write.")
    ],
    previous: Annotated[
        Path | None,
        typer.Option("--previous", metavar="FILE", help="The seal before, which is verified too."),
    ] = None,
) -> None:
    """Verify all records, and write a seal of all changes.

    A seal covers changes up to an hour ago. Keep seals where nobody who can write to the tables can
    change them.

    A seal is written even if something is damaged (exit code 3); it contains the findings.

    \b
    Example:
      records seal -o seal-2026-02-01.jsonl --previous seal-2026-01-31.jsonl
    """
    from records_cli import seals, terminal, verification

    if file.exists():
        remedy = "choose another name: a seal is never replaced"
        raise Failure(f"{file} exists", remedy, Exit.BAD_INPUT)
    now = datetime.now(UTC)
    up_to = verification.timestamp(now - SEAL_LAG)
    before = None if previous is None else _read_seal(previous)
    if before and before.up_to > up_to:
        raise Failure(f"{previous} covers changes up to {before.up_to}", "seal again in an hour")
    caller, leaves = connect(context, Role.AUDITOR), seals.Leaves()
    with terminal.progress() as progress:
        outcome = verification.verify_all(caller, before, progress, leaves=leaves, up_to=up_to)
    head: dict[str, Any] = {
        "service": caller.url,
        "upTo": up_to,
        "sealedAt": verification.timestamp(now),
        "previous": before.sha256 if before else None,
        "findings": [str(each) for each in outcome.damage],
    }
    try:
        head = seals.write(file, leaves, head)
    except OSError as error:
        raise Failure(f"the seal could not be written: {error}", "use another file") from error
    print(f"{file}: {head['entries']:,} entries up to {up_to}, root {head['root']}")
    if (later := outcome.entries - head["entries"]) > 0:
        text = f"{later:,} later entries are not in this seal: the next one covers them"
        print(f"{text}, from an hour after they were made", file=sys.stderr)
    _print_outcome(outcome, EntryFormat.TABLE)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _read_seal(file: Path) -> "Seal":
    from records_cli import seals

    try:
        return seals.read(file)
    except OSError as error:
        cause = f"{file} can't be read: {error.strerror}"
        raise Failure(cause, "check the path", Exit.BAD_INPUT) from error
    except seals.Damaged as error:
        raise Failure(f"{file} is damaged: {error}", "use the copy that was kept apart") from error


def _print_outcome(outcome: "Outcome", output: EntryFormat) -> None:
    """Print what was verified. Raises Failure if something is damaged."""
    from records_cli import jsontext

    if output is EntryFormat.JSON:
        findings = [
            {
                "recordID": each.record_id,
                "version": each.version,
                "kind": each.kind,
                "detail": each.detail,
            }
            for each in outcome.findings
        ]
        counts = {"entries": outcome.entries, "records": outcome.records}
        print(jsontext.pretty({**counts, "intact": not outcome.damage, "findings": findings}))
    else:
        for each in outcome.damage:
            print(each)
        for kind in dict.fromkeys(each.kind for each in outcome.harmless):
            same = [each for each in outcome.harmless if each.kind == kind]
            print(*same[:_SHOWN], sep="\n")
            if len(same) > _SHOWN:
                print(f"{kind}: {len(same) - _SHOWN:,} more records")
        result = "damaged" if outcome.damage else "intact"
        print(f"entries: {outcome.entries:,}, records: {outcome.records:,}, {result}")
    if outcome.damage:
        remedy = "docs/evidence.md says what each finding means and what to do"
        raise Failure(f"findings of damage: {len(outcome.damage):,}", remedy, Exit.DAMAGED)
