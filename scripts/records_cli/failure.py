"""The error of a command: one line with the cause and one with the remedy."""

from collections.abc import Sequence
from typing import Self

from records_cli.exit_codes import Exit


class Failure(Exception):
    """An error that the user can act on; `cause` and `remedy` are one line each.

    `code` is the exit code of the command. `details` are further lines, such as one for each
    invalid field. `is_of_service` says that the service or signing in to it failed: the message
    then names the service that was called.
    """

    def __init__(
        self,
        cause: str,
        remedy: str,
        code: int = Exit.ERROR,
        *,
        details: Sequence[str] = (),
        is_of_service: bool = False,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.code = code
        self.details = tuple(details)
        self.is_of_service = is_of_service

    def changed(
        self, *, cause: str | None = None, remedy: str | None = None, code: int | None = None
    ) -> Self:
        """Return the same failure with another cause, remedy or code."""
        return type(self)(
            self.cause if cause is None else cause,
            self.remedy if remedy is None else remedy,
            self.code if code is None else code,
            details=self.details,
            is_of_service=self.is_of_service,
        )

    def __str__(self) -> str:
        """Return the lines to print."""
        details = "".join(f"\n  {each}" for each in self.details)
        return f"error: {self.cause}{details}\n  fix: {self.remedy}"
