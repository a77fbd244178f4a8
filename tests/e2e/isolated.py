"""The service on a separate emulator, for tests that change it or make it fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from e2e import copies
from lib import scratch
from lib.client import Caller
from lib.stack import Stack
from lib.terraform import Result

# Inputs of the module that environments/local does not have; its copy does.
VARIABLES = """
variable "lambda_package" {
  type    = map(string)
  default = {}
}

variable "table" {
  type    = map(string)
  default = {}
}

output "commands" {
  value = module.records_api.runbook
}
"""
OVERRIDE = """
module "records_api" {
  lambda_package = var.lambda_package
  table          = merge({ deletion_protection = false }, var.table)
}
"""
SERVICE = "records-local"


@dataclass(frozen=True)
class Service:
    """A copy of environments/local, applied to its own emulator."""

    stack: Stack
    reader: Caller
    writer: Caller

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the emulator's root user."""
        return copies.aws(self.stack.url, service)

    def apply(self, **variables: object) -> Result:
        return self.stack.call("apply", variables=variables)

    def apply_or_fail(self, **variables: object) -> None:
        result = self.apply(**variables)
        assert result.code == 0, result.output

    def planned(self, **variables: object) -> dict[str, dict[str, Any]]:
        """Return the changes that a plan would make, by address in the module."""
        plan = self.stack.state.with_suffix(".plan")
        result = self.stack.call("plan", f"-out={plan}", variables=variables)
        assert result.code == 0, result.output
        terraform, env = self.stack.terraform, self.stack.env
        shown = terraform.read(self.stack.folder, "show", "-json", str(plan), env=env)
        return {
            each["address"].removeprefix("module.records_api."): each["change"]
            for each in shown["resource_changes"]
            if each["change"]["actions"] not in (["no-op"], ["read"])
        }

    def live(self) -> tuple[str, dict[str, float]]:
        """Return the version of the alias `live`, and the weights of other versions."""
        alias = self.aws("lambda").get_alias(FunctionName=SERVICE, Name="live")
        return alias["FunctionVersion"], alias.get("RoutingConfig", {}).get(
            "AdditionalVersionWeights", {}
        )

    def runbook(self) -> dict[str, str]:
        """Return the commands for an engineer on call."""
        arguments = ("output", "-json", "commands")
        read = self.stack.terraform.read(self.stack.folder, *arguments, env=self.stack.env)
        return {key: str(command) for key, command in read.items()}


@contextmanager
def service(folder: Path) -> Iterator[Service]:
    """Start an emulator and apply the service to it, with all files in `folder`."""
    root = copies.environments(folder) / "local"
    (root / "isolated.tf").write_text(VARIABLES)
    (root / "isolated_override.tf").write_text(OVERRIDE)
    with copies.emulator(folder):
        stack = replace(scratch.stack(folder), folder=root)
        stack.init()
        result = stack.call("apply")
        assert result.code == 0, result.output
        connection: Any = stack.connection()
        reader, writer = (
            Caller(connection["records_url"], connection["region"], **connection[name])
            for name in ("reader", "writer")
        )
        yield Service(stack, reader, writer)
