"""Finds the local stack: scripts/up writes its URL and keys to .local/connection.json."""

import json
import os
from pathlib import Path

from records_cli.client import Caller
from records_cli.failure import Failure

VARIABLE = "RECORDS_CONNECTION"
_PLACE = Path(".local", "connection.json")


def find_connection() -> Path:
    """Return the path in RECORDS_CONNECTION, otherwise the file of the enclosing checkout.

    Raises Failure when the working directory is not in a checkout with a local stack.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / _PLACE).is_file():
            return folder / _PLACE
    raise Failure(
        "no local stack found in this directory or above it",
        f"run scripts/up and call records in that checkout, or set {VARIABLE} to its {_PLACE}",
    )


def connect(role: str) -> Caller:
    """Return the `reader`, the `writer` or the `auditor` of the local stack.

    Raises Failure when there is no stack, or when its connection file can't be read.
    """
    file = find_connection()
    try:
        connection = json.loads(file.read_text())
        return Caller(connection["records_url"], connection["region"], **connection[role])
    except FileNotFoundError:
        raise Failure("there is no local stack", "run scripts/up") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{file} is damaged", "run scripts/up, which writes it again") from None
