"""The command `records`: reads, writes and audits the records of a service."""

import sys
from typing import Annotated

import typer

from records_cli import version
from records_cli.app_options import App, finish, with_options
from records_cli.exit_codes import table
from records_cli.verbs import (
    audit,
    context,
    doctor,
    exporter,
    importer,
    lists,
    records,
    tail,
    viewer,
)


def _kebab_case(token: str) -> str:
    """Return an option's name with hyphens, so that --submittedBy is --submitted-by."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in token)


app = App(
    name="records",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than the rest of --help
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _kebab_case},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"records {version()}")
        raise typer.Exit


def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Read, write and audit the records of an Internal Records API.

    The service is the one that --url, --context or --terraform names; otherwise RECORDS_URL or
    RECORDS_CONTEXT; otherwise the current context; otherwise the local stack of the checkout.
    Options can stand before or after the verb.

    \b
    Examples:
      records list --since 2h --status failed
      records create --type deployment --status ok --attr service=billing
      records doctor
    """


app.callback(epilog="Exit codes: records help exit-codes")(with_options(_options, hidden=False))
app.command("list")(lists.list_records)
app.command()(records.get)
app.command()(records.create)
app.command()(records.update)
app.command()(records.delete)
app.command()(records.restore)
app.command()(tail.tail)
app.command()(exporter.export)
app.command("import")(importer.import_)
app.command()(audit.history)
app.command()(audit.changes)
app.command()(audit.verify)
app.command()(audit.seal)
app.command()(doctor.doctor)
app.command("open")(viewer.open_viewer)
app.add_typer(context.contexts_app, name="context", help="Name services and how to sign in.")


@app.command("help")
def help_(
    context: typer.Context,
    topic: Annotated[
        list[str] | None, typer.Argument(metavar="VERB|exit-codes", show_default=False)
    ] = None,
) -> None:
    """Print the help of a verb, the exit codes, or without an argument what there is.

    \b
    Examples:
      records help list
      records help exit-codes
    """
    if topic == ["exit-codes"]:
        print(table())
    else:
        context.find_root().command.main([*(topic or []), "--help"], prog_name="records")


def main() -> None:
    """Run the command and exit with one of `exit_codes`."""
    sys.exit(finish(lambda: app(prog_name="records")))
