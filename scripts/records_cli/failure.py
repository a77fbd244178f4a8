"""The error of a command: one line with the cause and one with the remedy."""

from collections.abc import Sequence

from records_cli.exit_codes import Exit


class Failure(Exception):
    """An error that the user can act on; `cause` and `remedy` are one line each.

    `code` is the exit code of the command. `details` are further lines, such as one for each
    invalid field.
    """

    def __init__(
        self, cause: str, remedy: str, code: int = Exit.ERROR, *, details: Sequence[str] = ()
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.code = code
        self.details = tuple(details)

    def __str__(self) -> str:
        """Return the lines to print."""
        details = "".join(f"\n  {each}" for each in self.details)
        return f"error: {self.cause}{details}\n  fix: {self.remedy}"
