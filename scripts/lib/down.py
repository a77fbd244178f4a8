"""Stops the local stack; its records are there again after the next scripts/up."""

import argparse
import shutil

from lib.console import main, step
from lib.paths import ENVIRONMENT, LOCAL
from lib.up import EMULATOR, alone


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/down", description=__doc__)
    parser.add_argument(
        "--wipe", action="store_true", help="also remove its records, state and logs"
    )
    arguments = parser.parse_args()
    with alone():
        with step("AWS emulator") as this:
            running = EMULATOR.pid() is not None
            graceful = EMULATOR.stop()
            this.note = "stopped" if running else "was not running"
            if not graceful:
                this.note = "killed, it did not react: its state is that of the last clean stop"
        if arguments.wipe:
            with step("records, state and logs") as this:
                shutil.rmtree(LOCAL)
                shutil.rmtree(ENVIRONMENT / ".terraform", ignore_errors=True)
                this.note = "removed"


if __name__ == "__main__":
    main(_verb)
