"""Where things are in a checkout."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"  # the local stack: emulator state, logs, connection.json
LOGS = LOCAL / "logs"
TOOLS = Path(
    os.environ.get("RECORDS_TOOLS", ROOT / ".tools")
)  # environments, Terraform; several clones can share it
ENVIRONMENT = ROOT / "environments" / "local"


def shown(path: Path) -> str:
    """Return `path` as a person in the checkout would type it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
