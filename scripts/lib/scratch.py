"""A temporary stack for one test run or one scan, independent of the one of scripts/up."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import terraform
from lib.console import Failure
from lib.emulator import Emulator
from lib.stack import Stack


def emulator(folder: Path) -> Emulator:
    """Return the emulator of the temporary stack in `folder`, running or not."""
    return Emulator(folder / "emulator", folder / "emulator.log")


def stack(folder: Path) -> Stack:
    """Return the stack in `folder`, whose emulator is running."""
    runner = terraform.ensure(folder / "terraform.log")
    return Stack(runner, emulator(folder).url, folder / "terraform.tfstate", folder / "terraform")


def start(folder: Path) -> Stack:
    """Start an emulator and apply environments/local to it. Raises Failure if that fails.

    All files are below `folder`.
    """
    emulator(folder).start(persist=False)
    applied = stack(folder)
    applied.init()
    result = applied.call("apply")
    if result.code != 0:
        raise Failure(
            f"terraform apply failed: {result.error}", "see the log", applied.terraform.log
        )
    return applied


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    """Yield an applied stack below `folder`, and stop its emulator at the end."""
    try:
        yield start(folder)
    finally:
        emulator(folder).stop()
