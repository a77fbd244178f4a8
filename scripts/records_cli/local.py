"""The local stack: scripts/up writes its URL and keys to .local/connection.json."""

import json
from pathlib import Path
from typing import Any

from records_cli.client import Caller
from records_cli.failure import Failure

VARIABLE = "RECORDS_CONNECTION"
_PLACE = Path(".local", "connection.json")


def enclosing_connection() -> Path | None:
    """Return the connection file of the checkout that contains the working directory, if any."""
    folders = (Path.cwd(), *Path.cwd().parents)
    return next(
        (folder / _PLACE for folder in folders if (folder / _PLACE).is_file()),
        None,
    )


def read(file: Path) -> dict[str, Any]:
    """Return the content of a connection file: records_url, region, and a key for each role.

    Raises Failure if it is absent or damaged.
    """
    try:
        connection: dict[str, Any] = json.loads(file.read_text())
        Caller(connection["records_url"], connection["region"], **connection["reader"])
    except FileNotFoundError:
        raise Failure(
            f"there is no local stack: {file} is absent",
            f"run scripts/up, or correct {VARIABLE} if you set it",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{file} is damaged", "run scripts/up, which writes it again") from None
    return connection


def connect(file: Path, role: str) -> Caller:
    """Return the `reader`, the `writer` or the `auditor` of the local stack.

    Raises Failure when the connection file is absent or damaged, or has no key for this role.
    """
    known = read(file)
    try:
        return Caller(known["records_url"], known["region"], **known[role])
    except (KeyError, TypeError):
        raise Failure(f"{file} has no key for the {role}", "run scripts/up") from None
