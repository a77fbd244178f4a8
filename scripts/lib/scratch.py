"""A stack that lives as long as one run of tests or one scan, beside whatever scripts/up keeps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib import terraform
from lib.console import Failure
from lib.emulator import Emulator
from lib.stack import Stack


def emulator(folder: Path) -> Emulator:
    """Return the emulator of the scratch stack in `folder`, running or not."""
    return Emulator(folder / "emulator", folder / "emulator.log")


def stack(folder: Path) -> Stack:
    """Return the stack in `folder`, whose emulator runs already."""
    runner = terraform.ensure(folder / "terraform.log")
    return Stack(runner, emulator(folder).url, folder / "terraform.tfstate", folder / "terraform")


def start(folder: Path) -> Stack:
    """Start an emulator and apply environments/local to it, all below `folder`. Raises Failure when that fails."""
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
    """Have an applied stack for a while. It ends with its emulator, which keeps nothing."""
    try:
        yield start(folder)
    finally:
        emulator(folder).stop()
