"""Output for people: colors, progress, and text that can't act on the terminal."""

import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_PROGRESS_SECONDS = 10
_NOTICE_SECONDS = 2  # several requests at once have the same to say
# Control characters, and marks that reorder text: a record could hide or forge output with them.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def has_color(stream: TextIO) -> bool:
    """Return whether to use colors: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str, stream: TextIO) -> str:
    """Return the text in bold, if `stream` shows colors."""
    return f"\x1b[1m{text}\x1b[0m" if has_color(stream) else text


def red(text: str, stream: TextIO) -> str:
    """Return the text in red, if `stream` shows colors."""
    return f"\x1b[31m{text}\x1b[0m" if has_color(stream) else text


def visible(text: str) -> str:
    r"""Return one line of text: control and reordering characters are shown as `\n` or `\u202e`."""
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def print_json(text: str, end: str = "\n") -> None:
    """Print JSON text. On a terminal, its control and reordering characters are escaped."""
    if sys.stdout.isatty():
        text = _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
    print(text, end=end)


def notices() -> Callable[[str], None]:
    """Return a function that prints a line to standard error, at most one every few seconds.

    It takes the place of a line of `progress`.
    """
    printed = -math.inf

    def notice(text: str) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _NOTICE_SECONDS:
            printed = time.monotonic()
            begin = "\r\x1b[K" if sys.stderr.isatty() else ""
            print(f"{begin}{visible(text)}", file=sys.stderr, flush=True)

    return notice


@contextmanager
def progress(*, shown: bool = True) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows its text on standard error, unless `shown` is false.

    In a terminal, each text replaces the one before; otherwise one is printed every ten seconds.
    """
    is_terminal, printed = shown and sys.stderr.isatty(), time.monotonic()

    def show(text: str) -> None:
        nonlocal printed
        if is_terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif shown and time.monotonic() - printed >= _PROGRESS_SECONDS:
            printed = time.monotonic()
            print(text, file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
