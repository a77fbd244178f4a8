"""Callers of the local stack, for scripts and tests, with the client of the command line."""

import json
from typing import Any

from lib.console import Failure
from lib.emulator import EMULATOR
from lib.paths import LOCAL, shown
from records_cli.client import Caller, Response, send

__all__ = ["CONNECTION", "Caller", "Response", "connected", "connection", "send"]

CONNECTION = LOCAL / "connection.json"
_CONNECTION_KEYS = {"auditor", "log_group", "reader", "records_url", "region", "writer"}


def connected(role: str) -> Caller:
    """Return the `reader`, the `writer` or the `auditor` of the local stack.

    Raises Failure when the stack is not running, or when connection.json is absent or damaged.
    """
    known = connection()
    if EMULATOR.pid() is None:
        raise Failure("the local stack is not running", "run scripts/up")
    return Caller(known["records_url"], known["region"], **known[role])


def connection() -> dict[str, Any]:
    """Return what scripts/up wrote to connection.json.

    Raises Failure when the file is absent or damaged.
    """
    try:
        known = json.loads(CONNECTION.read_text())
    except FileNotFoundError:
        raise Failure("there is no local stack", "run scripts/up") from None
    except ValueError:
        known = None
    if not isinstance(known, dict) or not known.keys() >= _CONNECTION_KEYS:
        raise Failure(f"{shown(CONNECTION)} is damaged", "run scripts/up, which writes it again")
    return known
