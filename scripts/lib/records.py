"""Runs the command line `records` against the local stack of this checkout."""

import os
import sys
from contextlib import redirect_stdout

from lib import venvs
from lib.console import main
from lib.paths import LOCAL


def _verb() -> None:
    with redirect_stdout(sys.stderr):  # a line about the installation is not a part of the output
        venvs.run_in("dev", "lib.records")
    os.environ.setdefault("RECORDS_CONNECTION", str(LOCAL / "connection.json"))
    from records_cli import app

    app.main()


if __name__ == "__main__":
    main(_verb)
