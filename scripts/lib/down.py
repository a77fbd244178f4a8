"""Stops the local stack; the next scripts/up brings it back with its records."""

import argparse
import shutil

from lib.console import main, step
from lib.emulator import EMULATOR
from lib.paths import ENVIRONMENT, LOCAL
from lib.up import alone


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/down", description=__doc__)
    parser.add_argument(
        "--wipe", action="store_true", help="also delete its records, state and logs"
    )
    arguments = parser.parse_args()
    with alone():
        with step("AWS emulator") as this:
            running = EMULATOR.pid() is not None
            graceful = EMULATOR.stop()
            this.note = "stopped" if running else "was not running"
            if not graceful:
                this.note = "did not stop in time and was killed; the next scripts/up restores "
                copy = EMULATOR.last_copy()
                this.note += f"its copy from {copy:%H:%M:%S} UTC" if copy else "nothing of it"
        if arguments.wipe:
            with step("records, state and logs") as this:
                shutil.rmtree(LOCAL)
                shutil.rmtree(ENVIRONMENT / ".terraform", ignore_errors=True)
                this.note = "deleted"


if __name__ == "__main__":
    main(_verb)
