"""The verb `records doctor`."""

import typer

from records_cli.app_options import options


def doctor(context: typer.Context) -> None:
    """Check step by step why calls fail.

    It checks URL, network, credentials, region and clock, then the permission for each operation.
    It changes nothing: it sends one request for each operation, with an invalid body or for a
    record that does not exist. With the local stack, --as chooses the caller.

    \b
    Examples:
      records doctor
      records doctor --url https://records.example.com --profile prod
    """
    from records_cli import doctor as checks

    checks.run(options(context), lambda name, note: print(f"{name:<12} {note}", flush=True))
