"""The rows that an import refused, for the error message and the report."""

import json
from pathlib import Path
from typing import IO

from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.preparing import Refusal

_SHOWN = 20


class Refusals:
    """The refused rows: all in the report, the first few for the error message."""

    def __init__(self, report: Path | None) -> None:
        """Begin anew: the report of an earlier run is deleted. None: there is no report."""
        self._report = report
        self._file: IO[str] | None = None
        self._count = 0
        self._first: list[str] = []
        if report is not None:
            report.unlink(missing_ok=True)

    def add(self, refusal: Refusal) -> None:
        """Note a refused row."""
        status = "" if refusal.status is None else f" ({refusal.status})"
        self._count += 1
        if len(self._first) < _SHOWN:
            self._first.append(f"line {refusal.line}: {refusal.reason}{status}")
        if self._report is not None:
            self._file = self._file or self._report.open("w", encoding="utf-8")
            json.dump(refusal._asdict(), self._file, ensure_ascii=False)
            self._file.write("\n")

    def close(self) -> None:
        """Finish the report."""
        if self._file is not None:
            self._file.close()

    def raise_if_any(self, file: str) -> None:
        """Raise Failure if a row was refused."""
        if not self._count:
            return
        details = list(self._first)
        if self._report is not None:
            details.append(f"all of them: {self._report}")
        remedy = f"correct these rows in {file} and run the same command again"
        raise Failure(f"refused rows: {self._count:,}", remedy, Exit.INCOMPLETE, details=details)
