"""environments/local, as scripts/up and (with separate state) end-to-end tests apply it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lib.paths import ENVIRONMENT
from lib.terraform import Result, Terraform, environment


@dataclass(frozen=True)
class Stack:
    """environments/local on the emulator at `url`, with its state in the file `state`.

    `data` is Terraform's data folder. `folder` is the root module, or a copy of it.
    """

    terraform: Terraform
    url: str
    state: Path
    data: Path
    folder: Path = ENVIRONMENT

    @property
    def env(self) -> dict[str, str]:
        """Return Terraform's environment variables."""
        return environment(self.url, data=self.data)

    def init(self) -> None:
        """Run `terraform init`. Raises Failure if the dependency lock file would have to change."""
        path = f"-backend-config=path={self.state}"
        self.terraform.run(
            self.folder,
            "init",
            "-no-color",
            "-reconfigure",
            "-lockfile=readonly",
            path,
            env=self.env,
        )

    def call(
        self, verb: str, *arguments: str, variables: Mapping[str, object] | None = None
    ) -> Result:
        """Run plan, apply or destroy, with `variables` for the root module; return the result."""
        approve = [] if verb == "plan" else ["-auto-approve"]
        inputs = {f"TF_VAR_{name}": json.dumps(value) for name, value in (variables or {}).items()}
        options = ["-no-color", "-lock-timeout=60s", *approve, *arguments]
        return self.terraform.call(self.folder, verb, *options, env=self.env | inputs)

    def connection(self) -> dict[str, object]:
        """Return the content of connection.json: URL, region, log group, and the callers' keys."""
        outputs = self.terraform.read(self.folder, "output", "-json", env=self.env)
        return {
            "records_url": f"{self.url}{outputs['records_path']['value']}",
            "log_group": outputs["log_group_names"]["value"]["function"],
            **{name: outputs[name]["value"] for name in ("region", "auditor", "reader", "writer")},
        }


def write_private(path: Path, content: object) -> None:
    """Write `content` as JSON that only its owner can read.

    The file is replaced atomically, and at no time readable by others.
    """
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    unfinished.rename(path)
