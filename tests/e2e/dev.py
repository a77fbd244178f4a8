"""environments/dev on the emulator of the stack, with its state in a file."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from e2e import copies
from lib.client import Caller
from lib.emulator import REGION
from lib.stack import Stack

VALUES = {
    "alarm_emails": ["on-call@example.com"],
    "monthly_budget_usd": 25,
}
_BACKEND = 'terraform {\n  backend "local" {}\n}\n'


class Dev(NamedTuple):
    """The applied environment: folder, environment variables, outputs, and a caller of its API."""

    folder: Path
    env: dict[str, str]
    outputs: dict[str, Any]
    caller: Caller

    @property
    def url(self) -> str:
        """Return the emulator's endpoint."""
        return self.env["AWS_ENDPOINT_URL"]


def apply(stack: Stack, folder: Path) -> None:
    """Apply a copy of the environment in `folder` to the stack's emulator."""
    folder.mkdir()
    root = copies.environments(folder) / "dev"
    (root / "backend_override.tf").write_text(_BACKEND)
    stack.terraform.run(root, "init", "-no-color", "-lockfile=readonly", env=_env(stack))
    stack.terraform.run(root, "apply", "-no-color", "-auto-approve", env=_env(stack))


def load(stack: Stack, folder: Path) -> Dev:
    """Return the environment that `apply` created in `folder`."""
    root = folder / "environments" / "dev"
    read = stack.terraform.read(root, "output", "-json", env=_env(stack))
    outputs = {name: output["value"] for name, output in read.items()}
    api = re.fullmatch(r"https://(\w+)\..*/records", outputs["records_url"])
    assert api
    # The emulator's root user, which has all permissions.
    caller = Caller(
        f"{stack.url}/_aws/execute-api/{api[1]}/$default/records", REGION, "test", "test"
    )
    return Dev(root, _env(stack), outputs, caller)


def _env(stack: Stack) -> dict[str, str]:
    values = {f"TF_VAR_{name}": json.dumps(value) for name, value in VALUES.items()}
    # Terraform's data is in the folder, where the commands of the runbook expect it.
    return {name: value for name, value in stack.env.items() if name != "TF_DATA_DIR"} | values
