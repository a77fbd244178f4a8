"""The options that every verb accepts, before or after its name, and how a verb ends."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from records_cli.auth import Auth
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

# Keys in a Typer context's meta, which parent and child share: the options, and the service called.
_META, SERVICE = "records_cli.options", "records_cli.service"
EPILOG = "records --help lists the options that find the service and sign in."


class Role(StrEnum):
    """A caller of the local stack."""

    READER = "reader"
    WRITER = "writer"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Options:
    """The values of the global options; None if an option was not passed."""

    url: str | None = None
    context: str | None = None
    terraform: Path | None = None
    region: str | None = None
    profile: str | None = None
    auth: Auth | None = None
    token_command: str | None = None
    role: Role | None = None


# Name of the option and its metavar, type, and help text, for each field of Options.
_OPTIONS: dict[str, tuple[str, str | None, Any, str]] = {
    "url": ("--url", "URL", str, "URL of the service: the Terraform output records_url."),
    "context": ("--context", "NAME", str, "Named service: see records context."),
    "terraform": (
        "--terraform",
        "DIR",
        Path,
        "Folder whose Terraform output records_url is the URL.",
    ),
    "region": ("--region", "REGION", str, "AWS region, if the URL does not contain it."),
    "profile": ("--profile", "NAME", str, "AWS profile to sign requests with."),
    "auth": (
        "--auth",
        None,
        Auth,
        "Sign with AWS credentials, send a bearer token, or neither.",
    ),
    "token_command": (
        "--token-command",
        "COMMAND",
        str,
        "Command that prints a bearer token.",
    ),
    "role": ("--as", None, Role, "Caller of the local stack. [default: depends on the verb]"),
}


def options(context: typer.Context) -> Options:
    """Return the global options of a command, wherever they stood in its arguments."""
    return Options(**context.meta.get(_META, {}))


def with_options(verb: Callable[..., Any], *, hidden: bool = True) -> Callable[..., Any]:
    """Return a Typer callback that also takes the global options, and ends as `finish` says.

    `verb` takes the Typer context as its parameter `context`.
    """
    signature = inspect.signature(verb)
    added = {f"global_{field}": field for field in _OPTIONS}

    @functools.wraps(verb)
    def run(**arguments: Any) -> Any:
        given = {field: arguments.pop(name) for name, field in added.items()}
        known = arguments["context"].meta.setdefault(_META, {})
        known.update({field: value for field, value in given.items() if value is not None})
        return finish(functools.partial(_naming_service, verb, arguments))

    added_parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(field, hidden=hidden),
        )
        for name, field in added.items()
    ]
    parameters = [*signature.parameters.values(), *added_parameters]
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {
        **verb.__annotations__,
        **{each.name: each.annotation for each in added_parameters},
    }
    return run


def _naming_service(verb: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a verb; add to a failure of the service which one was called, and why that one."""
    try:
        return verb(**arguments)
    except Failure as failure:
        known = arguments["context"].meta.get(SERVICE)
        if failure.is_of_service and known is not None:
            url = "that URL is" if known.url in failure.cause else f"service: {known.url},"
            failure.details += (f"{url} from {known.source}",)
            if failure.code == Exit.REFUSED and _is_anonymous(arguments["context"], known.auth):
                failure.remedy = "sign in: omit --auth none, or add the context again without it"
        raise


def _is_anonymous(context: typer.Context, auth: str | None) -> bool:
    """Return whether requests had no credentials; `auth` is the setting of the service."""
    return (options(context).auth or auth) == Auth.NONE


def _annotation(field: str, *, hidden: bool) -> Any:
    option, metavar, type_, help_ = _OPTIONS[field]
    settings: dict[str, Any] = {"metavar": metavar} if metavar else {}
    if field == "context":
        settings["autocompletion"] = _context_names
    return Annotated[type_ | None, typer.Option(option, help=help_, hidden=hidden, **settings)]


def _context_names(incomplete: str) -> list[str]:
    from records_cli import contexts

    return [name for name in contexts.load().contexts if name.startswith(incomplete)]


class App(typer.Typer):
    """A Typer application whose commands take the global options in any position."""

    def command(
        self,
        name: str | None = None,
        **settings: Any,
    ) -> Callable[..., Any]:
        """Register a verb, as Typer does. It takes the Typer context as `context`."""
        register = super().command(name, **{"epilog": EPILOG, **settings})

        def decorate(verb: Callable[..., Any]) -> Callable[..., Any]:
            register(with_options(verb))
            return verb

        return decorate


def finish(verb: Callable[[], Any]) -> Any:
    """Call `verb` and flush its output.

    A Failure, Ctrl-C, a reader of the output that has exited, and an error of a file or disk end
    the program with the code of `exit_codes` and at most one message, by SystemExit.
    """
    try:
        result = verb()
        sys.stdout.flush()
    except Failure as failure:
        code, message = failure.code, str(failure)
    except KeyboardInterrupt:
        code, message = Exit.INTERRUPTED, "interrupted"
    except BrokenPipeError:
        code, message = Exit.OUTPUT_CLOSED, ""
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        remedy = "check the path, the permissions and the free space of the disk"
        code, message = Exit.ERROR, str(Failure(f"{place}{error.strerror or error}", remedy))
    else:
        return result
    _drop_output()
    if message:
        _print_error(message)
    sys.exit(code)


def _print_error(message: str) -> None:
    from records_cli.terminal import red, visible

    first, *others = message.splitlines()
    kind, colon, rest = first.partition(": ")
    print(
        red(kind, sys.stderr) + colon + visible(rest),
        *map(visible, others),
        sep="\n",
        file=sys.stderr,
    )


def _drop_output() -> None:
    """Write what is buffered, or drop it if that fails: Python must not try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
