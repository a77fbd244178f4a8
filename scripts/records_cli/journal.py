"""The journal of an import: which rows the API has confirmed, so that the next run skips them.

Idempotency keys prevent duplicates as long as a record's history is kept. The journal saves the
requests, and covers rows whose keys are not known any more: of expired records, or of records that
a release without histories deleted.
"""

import errno
import json
import os
import time
from pathlib import Path
from typing import IO, Self

from records_cli.failure import Failure

FORMAT = "records-import-1"
_SYNC_SECONDS = 1.0


class Journal:
    """An open journal; `confirmed` are the IDs of rows (see preparing.Row) that are done."""

    def __init__(self, path: Path, url: str) -> None:
        """Open the journal of an import into the service at `url`, or begin one.

        Raises Failure if the file is another journal or no journal, and OSError.
        """
        self.path, self.confirmed = path, set[str]()
        self._synced = time.monotonic()
        end = self._read(url) if path.exists() else 0
        # Unbuffered, so that a line is with the system when the next request is sent.
        self._file: IO[bytes] = path.open("ab", buffering=0)
        # What a killed run or a full disk left of the last line.
        self._file.truncate(end)
        if not end:
            self._append({"format": FORMAT, "service": url})

    def _read(self, url: str) -> int:
        """Read the journal; return the size of its complete lines."""
        end = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                try:
                    content = json.loads(line)
                    if number == 0:
                        self._check(content, url)
                    else:
                        self.confirmed.add(content["row"])
                except (ValueError, KeyError, TypeError):
                    cause = f"{self.path} is damaged in line {number + 1}"
                    raise Failure(cause, "use another file, with --journal") from None
                end += len(line)
        return end

    def _check(self, head: dict[str, str], url: str) -> None:
        if head["format"] != FORMAT:
            raise ValueError
        if head["service"] != url:
            cause = f"{self.path} belongs to an import into {head['service']}, not {url}"
            raise Failure(cause, "use another file, with --journal")

    def confirm(self, row: str, line: int, record_id: str) -> None:
        """Note that the row in this line is a record now."""
        self._append({"row": row, "line": line, "recordID": record_id})
        self.confirmed.add(row)
        if time.monotonic() - self._synced >= _SYNC_SECONDS:
            self._sync()

    def _append(self, content: dict[str, object]) -> None:
        line = json.dumps(content).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sync()
        self._file.close()
