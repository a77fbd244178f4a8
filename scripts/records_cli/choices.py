"""The values of options that have a fixed set of them."""

from enum import StrEnum


class FileFormat(StrEnum):
    """The format of a file with records."""

    NDJSON = "ndjson"
    CSV = "csv"


class Extra(StrEnum):
    """What an import does with columns and members that are not fields which callers can set."""

    REFUSE = "refuse"
    ATTRIBUTES = "attributes"
    DROP = "drop"


class Duplicates(StrEnum):
    """What an import does with a row that is equal to an earlier row of the file."""

    SKIP = "skip"
    CREATE = "create"
    REFUSE = "refuse"
