"""Seals: files that state which entries existed, to find out later whether any was changed.

The first line is a JSON object, the head. Each further line is a leaf: the JSON array `[recordID,
version, hash, expiresAt]` of one entry, sorted by the first two. `root` in the head is the SHA-256
of all bytes after the first line, and `previous` that of the whole file of the seal before.
"""

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records_cli.chains import Leaf

FORMAT = "records-seal-1"


class Damaged(Exception):
    """A file is not a seal, or was changed after it was written."""


@dataclass(frozen=True)
class Seal:
    """A seal that was read and whose leaves match its root.

    It covers the entries with a `changedAt` before `up_to`. `sha256` is that of the file.
    """

    path: Path
    up_to: str
    entries: int
    sha256: str

    def by_record(self) -> Iterator[tuple[str, list[Leaf]]]:
        """Yield each record's ID and leaves, in the order of the file, which is read again."""
        for record_id, group in itertools.groupby(self._leaves(), lambda each: each.record_id):
            yield record_id, list(group)

    def _leaves(self) -> Iterator[Leaf]:
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield Leaf(*json.loads(line))


class Leaves:
    """A collection of leaves on disk, sorted, so that a seal does not need memory for all."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # a temporary file; SQLite deletes it
        self._database.execute(
            "CREATE TABLE leaves (record, version INTEGER, line, PRIMARY KEY (record, version))"
            " WITHOUT ROWID"
        )

    def add(self, leaf: Leaf) -> None:
        """Add a leaf, or replace the one of the same entry."""
        row = (leaf.record_id, leaf.version, line(leaf))
        self._database.execute("INSERT OR REPLACE INTO leaves VALUES (?, ?, ?)", row)

    def replace(self, record_id: str, leaves: Iterable[Leaf]) -> None:
        """Replace all leaves of a record."""
        self._database.execute("DELETE FROM leaves WHERE record = ?", (record_id,))
        for each in leaves:
            self.add(each)

    def lines(self) -> Iterator[str]:
        """Yield the lines, sorted by record ID and version."""
        query = "SELECT line FROM leaves ORDER BY record, version"
        yield from (row[0] for row in self._database.execute(query))


def line(leaf: Leaf) -> str:
    """Return a leaf's line, without the line break."""
    return json.dumps(leaf, ensure_ascii=False, separators=(",", ":"))


def fold(previous: bytes, leaf: Leaf) -> bytes:
    """Return a digest of a record's leaves in order: `previous` is that of those before `leaf`."""
    return hashlib.sha256(previous + line(leaf).encode()).digest()


def write(path: Path, leaves: Leaves, head: dict[str, Any]) -> dict[str, Any]:
    """Write a seal of the leaves; return its head: `head` with format, number of entries and root.

    Raises FileExistsError if there is a file: a seal is never replaced.
    """
    root, entries = hashlib.sha256(), 0
    for text in leaves.lines():
        root.update(f"{text}\n".encode())
        entries += 1
    head = {"format": FORMAT, **head, "entries": entries, "root": root.hexdigest()}
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(head, ensure_ascii=False) + "\n")
        file.writelines(f"{text}\n" for text in leaves.lines())
    try:
        path.hardlink_to(unfinished)  # unlike a rename, it fails if the file exists
    finally:
        unfinished.unlink()
    return head


def read(path: Path) -> Seal:
    """Return the seal in a file, after comparing all leaves with the root.

    Raises Damaged if they do not match, and OSError if the file can't be read.
    """
    whole, root, entries = hashlib.sha256(), hashlib.sha256(), 0
    previous: tuple[str, int] | None = None
    try:
        with path.open("rb") as file:
            first = file.readline()
            whole.update(first)
            head = json.loads(first)
            if head["format"] != FORMAT:
                raise Damaged(f"its format is {head['format']!r}, not {FORMAT!r}")
            for text in file:
                whole.update(text)
                root.update(text)
                entries += 1
                leaf = Leaf(*json.loads(text))
                if previous is not None and previous >= leaf[:2]:
                    raise Damaged(f"line {entries + 1} is not sorted")
                previous = leaf[:2]
            expected = (head["entries"], head["root"])
            up_to = str(head["upTo"])
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged("it is not a seal") from error
    if expected != (entries, root.hexdigest()):
        raise Damaged("its leaves do not match its root")
    return Seal(path, up_to, entries, whole.hexdigest())
