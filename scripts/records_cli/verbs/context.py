"""The verbs `records context`: named services."""

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from records_cli.app_options import App, Options, options
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

if TYPE_CHECKING:
    from records_cli.contexts import Context

_NO_CURRENT = "There is no current context now. To choose one: records context use NAME"
_CURRENT = (
    "It is the current context now: commands call it if nothing else names a service, also in a"
    " checkout with a local stack. To have none: records context use --none"
)
contexts_app = App(no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@contexts_app.command("add")
def add(
    context: typer.Context,
    name: Name,
    use: Annotated[bool, typer.Option("--use", help="Also make it the current context.")] = False,
) -> None:
    """Add a context, or replace it: a URL, and how to sign in.

    It keeps --url (or the output that --terraform reads), --region, --profile, --auth and
    --token-command. The first context becomes the current one. A token itself is never kept.

    \b
    Examples:
      records context add prod --url https://records.example.com/records --profile prod
      records context add dev --terraform environments/dev --use
      records context add staging --url URL --token-command "my-idp print-token"
    """
    from records_cli import contexts

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise Failure(
            f"{name!r} is not a name for a context",
            "use letters, digits, dots, hyphens and underscores",
            Exit.BAD_INPUT,
        )
    known = contexts.load()
    known.contexts[name] = _context(options(context))
    before = known.current
    if use or known.current is None:
        known.current = name
    contexts.save(known)
    print(f"{name}: {known.contexts[name].url}", file=sys.stderr)
    if known.current == name != before:
        print(_CURRENT, file=sys.stderr)


def _context(chosen: Options) -> "Context":
    from records_cli import contexts, service

    if chosen.url is None and chosen.terraform is None:
        raise Failure("there is no URL to keep", "pass --url or --terraform", Exit.BAD_INPUT)
    if chosen.token_command is not None and chosen.profile is not None:
        raise Failure(
            "--token-command and --profile exclude each other", "pass one of them", Exit.BAD_INPUT
        )
    return contexts.Context(
        service.find(chosen).url,
        chosen.region,
        chosen.profile,
        chosen.auth,
        chosen.token_command,
    )


@contexts_app.command("use")
def use(
    context: typer.Context,  # noqa: ARG001 (as all verbs)
    name: Annotated[str | None, typer.Argument(metavar="NAME", show_default=False)] = None,
    none: Annotated[bool, typer.Option("--none", help="Have no current context.")] = False,
) -> None:
    """Make a context the current one, which is called when nothing else names a service.

    \b
    Examples:
      records context use prod
      records context use --none
    """
    from records_cli import contexts

    if none == (name is not None):
        raise typer.BadParameter("pass the name of a context, or --none")
    known = contexts.load()
    if name is not None:
        known.get(name)
    known.current = name
    contexts.save(known)
    text = f"{name}: {known.contexts[name].url}" if name else _NO_CURRENT
    print(text, file=sys.stderr)


@contexts_app.command("list")
def list_contexts(context: typer.Context) -> None:  # noqa: ARG001 (as all verbs)
    """Print the contexts; an asterisk marks the current one.

    \b
    Example:
      records context list
    """
    from records_cli import contexts

    known = contexts.load()
    if not known.contexts:
        print("there are no contexts: records context add NAME --url URL", file=sys.stderr)
    for name, each in sorted(known.contexts.items()):
        mark = "*" if name == known.current else " "
        settings = {"region": each.region, "profile": each.profile, "auth": each.auth}
        if each.token_command is not None:
            settings["token-command"] = each.token_command
        notes = [f"{key}={value}" for key, value in settings.items() if value is not None]
        print(" ".join([mark, name, each.url, *notes]))


@contexts_app.command("remove")
def remove(context: typer.Context, name: Name) -> None:  # noqa: ARG001 (as all verbs)
    """Remove a context.

    \b
    Example:
      records context remove staging
    """
    from records_cli import contexts

    known = contexts.load()
    known.get(name)
    del known.contexts[name]
    if known.current == name:
        known.current = None
        print(_NO_CURRENT, file=sys.stderr)
    contexts.save(known)
