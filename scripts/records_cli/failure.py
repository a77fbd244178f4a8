"""The error of a command: one line with the cause and one with the remedy."""


class Failure(Exception):
    """An error that the user can act on; `cause` and `remedy` are one line each.

    `code` is the exit code of the command.
    """

    def __init__(self, cause: str, remedy: str, code: int = 1) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.code = code

    def __str__(self) -> str:
        """Return the lines to print."""
        return f"error: {self.cause}\n  fix: {self.remedy}"
