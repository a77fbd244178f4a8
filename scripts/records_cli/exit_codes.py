"""The exit codes of `records`, each for one kind of error."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command. `MEANINGS` says what each stands for."""

    OK = 0
    ERROR = 1
    BAD_INPUT = 2
    DAMAGED = 3
    REFUSED = 4
    NOT_FOUND = 5
    CONFLICT = 6
    UNAVAILABLE = 7
    OUTCOME_UNKNOWN = 8
    INCOMPLETE = 9
    INTERRUPTED = 130  # 128 and the number of SIGINT, as in a shell
    OUTPUT_CLOSED = 141  # 128 and the number of SIGPIPE


MEANINGS = {
    Exit.OK: "success",
    Exit.ERROR: "any other error, such as a full disk or an internal error of the service",
    Exit.BAD_INPUT: "bad input: an option, a file or a value that is not valid",
    Exit.DAMAGED: "records verify or seal found damage",
    Exit.REFUSED: "refused: credentials are missing, expired, or lack a permission",
    Exit.NOT_FOUND: "not found: the record, version or operation does not exist, or was deleted",
    Exit.CONFLICT: "conflict: the record has changed, or the idempotency key is in use",
    Exit.UNAVAILABLE: "unavailable: nothing was changed; try again",
    Exit.OUTCOME_UNKNOWN: "outcome unknown: the change may or may not have been made",
    Exit.INCOMPLETE: "incomplete: part of the input was not accepted",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
    Exit.OUTPUT_CLOSED: "the reader of the output, such as head, has exited",
}


def table() -> str:
    """Return the exit codes and their meanings, one per line."""
    return "\n".join(f"{code:>5d}  {meaning}" for code, meaning in MEANINGS.items())
