"""Runs the command line `records` against the local stack of this checkout."""

import os

from lib import venvs
from lib.console import main
from lib.paths import LOCAL


def _verb() -> None:
    venvs.run_in("dev", "lib.records")
    os.environ.setdefault("RECORDS_CONNECTION", str(LOCAL / "connection.json"))
    from records_cli import app  # noqa: PLC0415 (needs the environment)

    app.main()


if __name__ == "__main__":
    main(_verb)
