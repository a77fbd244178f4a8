"""The verb `records open`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from records_cli.call import Role, connect, send
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

if TYPE_CHECKING:
    from records_cli.client import Caller


def open_viewer(
    context: typer.Context,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
            help="Port. [default: a free one]",
        ),
    ] = 0,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the page, or only print its URL."),
    ] = True,
) -> None:
    """Serve a page that shows and changes records, on this machine only.

    The page uses the credentials of this command; the browser does not get them. The URL works
    once, and then for this browser only. The page ends with the command (Ctrl-C).

    \b
    Examples:
      records open
      records open --port 8080 --no-browser
    """
    from records_cli.client import Caller
    from records_cli.viewer.server import Server

    reader = connect(context, Role.READER)
    # A local stack has three callers. Others have one, whose token command then runs once.
    is_local = type(reader) is Caller
    callers = {role: connect(context, role) if is_local else reader for role in Role}
    try:
        server = Server(callers, port)
    except OSError as error:
        raise Failure(
            f"port {port} can't be used: {error.strerror}",
            "choose another one with --port",
            Exit.BAD_INPUT,
        ) from error
    _warn_if_unreachable(reader)
    print(f"Records of {reader.url}")
    print(f"  {server.site.link}")
    print("Press Ctrl-C to stop.", flush=True)
    if browser:
        import webbrowser

        webbrowser.open(server.site.link)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.server_close()


def _warn_if_unreachable(reader: "Caller") -> None:
    """Say on standard error if the service can't be read now; the page shows when that changes."""
    try:
        send(reader, "GET", query={"limit": "1"})
    except Failure as failure:
        print(f"warning: {failure.cause}\n  fix: {failure.remedy}", file=sys.stderr)
