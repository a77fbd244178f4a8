"""Progress lines, one per step, and failures as a cause and a remedy."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.paths import shown

_NAME_WIDTH = 34


class Failure(Exception):
    """An error that the user has to act on.

    `cause` and `remedy` are one line each. `report` holds further output to print; `log` is the
    file that has the details.
    """

    def __init__(
        self, cause: str, remedy: str, log: Path | None = None, *, report: str = ""
    ) -> None:
        super().__init__(cause)
        self.report = report
        self.cause = cause
        self.remedy = remedy
        self.log = log

    def __str__(self) -> str:
        """Return the lines to print."""
        lines = [f"error: {self.cause}", f"  fix: {self.remedy}"]
        if self.log is not None:
            lines.append(f"  log: {shown(self.log)}")
        return "\n".join(lines)


class Step:
    """A step in progress.

    `note` ends its line. `seconds` is the duration to print, by default the time in the block.
    """

    note = ""
    seconds: float | None = None


@contextmanager
def step(name: str) -> Iterator[Step]:
    """Print one line for the step: its name at once, its seconds and note at the end."""
    current = Step()
    print(f"{name:<{_NAME_WIDTH}}", end="", flush=True)
    began = time.monotonic()
    try:
        yield current
    except BaseException as error:
        current.note = "failed"
        if isinstance(error, Failure) and error.report:
            current.note += f"\n{error.report.rstrip()}"
        raise
    finally:
        seconds = time.monotonic() - began if current.seconds is None else current.seconds
        print(f"{seconds:7.1f} s  {current.note}".rstrip(), flush=True)


def logged(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> int:
    """Run `command` with its output appended to `log`; return its exit code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        print("$", *command, file=file, flush=True)
        return subprocess.run(
            command,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            env=env,
            cwd=cwd,
            check=False,
        ).returncode


def last_line(log: Path, *, marker: str = "") -> str:
    """Return the last line of `log` that contains `marker`, without Terraform's frame characters.

    Returns an empty string if there is none.
    """
    lines = [
        line.strip(" │╷╵\t")
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    return next((line for line in reversed(lines) if line and marker in line), "")


def argument_parser(**options: Any) -> argparse.ArgumentParser:
    """Return a parser of a script's arguments, with the options of argparse.ArgumentParser.

    It rejects abbreviations: `--wip` must not be taken for `--wipe`.
    """
    return argparse.ArgumentParser(allow_abbrev=False, **options)


def main(verb: Callable[[], None]) -> None:
    """Run `verb` as a program; exit with 1 after printing a Failure, with 130 on an interrupt."""
    try:
        verb()
    except Failure as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("Interrupted. Run the same command again to continue.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the output (a pager, head) has exited. Python must not flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
