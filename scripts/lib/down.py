"""Stops the local stack. The next scripts/up starts it again with its records."""

import shutil

from lib.console import argument_parser, main, step
from lib.emulator import EMULATOR
from lib.paths import ENVIRONMENT, LOCAL
from lib.up import stack_lock


def _verb() -> None:
    parser = argument_parser(prog="scripts/down", description=__doc__)
    parser.add_argument(
        "--wipe", action="store_true", help="also delete its records, state and logs"
    )
    arguments = parser.parse_args()
    with stack_lock():
        with step("AWS emulator") as line:
            running = EMULATOR.pid() is not None
            graceful = EMULATOR.stop()
            line.note = "stopped" if running else "was not running"
            if EMULATOR.was_killed() and not running:
                line.note = "had been killed; the next scripts/up says what was lost"
            if not graceful:
                line.note = "did not stop in time and was killed; the next scripts/up restores "
                copy = EMULATOR.last_copy()
                line.note += f"its copy from {copy:%H:%M:%S} UTC" if copy else "nothing"
        if arguments.wipe:
            with step("records, state and logs") as line:
                shutil.rmtree(LOCAL)
                shutil.rmtree(ENVIRONMENT / ".terraform", ignore_errors=True)
                line.note = "deleted"


if __name__ == "__main__":
    main(_verb)
