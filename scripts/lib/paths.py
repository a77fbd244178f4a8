"""Paths in a checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"  # the local stack: emulator state, logs, connection.json
LOGS = LOCAL / "logs"
# Python environments and Terraform. Several clones can share the folder.
TOOLS = Path(os.environ.get("RECORDS_TOOLS", ROOT / ".tools"))
ENVIRONMENT = ROOT / "environments" / "local"


def shown(path: Path) -> str:
    """Return `path` relative to the root of the checkout if it is inside it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of the tool `name`, so that only one process installs it at a time."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
