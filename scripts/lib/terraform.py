"""Runs Terraform as pinned in .terraform-version; no run can reach a real AWS account."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.console import Failure
from lib.paths import ENVIRONMENT, LOGS, ROOT, TOOLS, locked, shown
from lib.terraform_setup import (
    find_binary,
    find_mirror,
    locked_providers,
    mirror_config,
    plugin_cache,
)


def environment(url: str | None = None, *, data: Path | None = None) -> dict[str, str]:
    """Return the environment variables for Terraform: the caller's, without AWS_* and TF_*.

    The caller's AWS credentials are never used: with `url`, every AWS call goes to the emulator at
    that URL; without it, no call can be signed. `data` replaces the module's .terraform folder.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))
    }
    variables = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",  # less garbage collection: starting the provider takes a third less CPU time
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }
    if url is not None:
        variables |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    if data is not None:
        variables["TF_DATA_DIR"] = str(data)
    return inherited | variables


@dataclass(frozen=True)
class Result:
    """Output and exit code of one run of Terraform."""

    code: int
    output: str

    @property
    def error(self) -> str:
        """Return the summary of the first error, one line; empty if there is none."""
        lines = (line.strip(" │╷╵\t") for line in self.output.splitlines())
        return next(
            (line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")), ""
        )


@dataclass(frozen=True)
class Terraform:
    """A Terraform binary, its CLI configuration file (None: the default one), and its log."""

    binary: str
    config: Path | None
    log: Path

    def call(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> Result:
        """Run Terraform on the root module `folder`; return its result. Its output is logged."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [self.binary, f"-chdir={folder}", *arguments]
        with self.log.open("a+", encoding="utf-8") as log:
            print("\n$", *command, file=log, flush=True)
            start = log.tell()
            process = subprocess.Popen(
                command,
                env=self._with_config(env),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.wait()  # Terraform was interrupted too and is saving its state
                raise
            log.seek(start)
            return Result(code, log.read())

    def run(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> str:
        """Like `call`, but raise Failure when Terraform fails; return its output."""
        result = self.call(folder, *arguments, env=env)
        if result.code != 0:
            doing = f"terraform {arguments[0]} in {shown(folder)}"
            raise Failure(
                f"{doing} failed: {result.error or f'exit code {result.code}'}",
                "see the log",
                self.log,
            )
        return result.output

    def read(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> Any:
        """Run a command that prints JSON and return the parsed value.

        Raises Failure when Terraform fails.
        """
        result = subprocess.run(
            [self.binary, f"-chdir={folder}", *arguments],
            env=self._with_config(env),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            error = Result(result.returncode, result.stderr).error
            raise Failure(
                f"terraform {arguments[0]} in {shown(folder)} failed: {error}",
                "run scripts/up",
                None,
            )
        return json.loads(result.stdout)

    def _with_config(self, env: Mapping[str, str]) -> dict[str, str]:
        return dict(env) | ({"TF_CLI_CONFIG_FILE": str(self.config)} if self.config else {})


def ensure(log: Path = LOGS / "terraform.log") -> Terraform:
    """Return Terraform of the pinned version, with the locked providers in a mirror.

    Missing files are downloaded: Terraform from HashiCorp, the providers by Terraform itself.
    Raises Failure when a download fails.
    """
    version = (ROOT / ".terraform-version").read_text().strip()
    with locked("terraform"):
        binary = find_binary(version)
        mirror = find_mirror(locked_providers()) or download_providers(binary, log)
        config = TOOLS / "terraform.rc"
        text = mirror_config(mirror, locked_providers())
        if not config.is_file() or config.read_text() != text:
            config.write_text(text)
    return Terraform(binary, config, log)


def download_providers(binary: str, log: Path) -> Path:
    """Have Terraform install the locked providers into the plugin cache; return that folder.

    Terraform decides where they come from: its CLI configuration file, its implied local mirrors,
    or the registry. Later runs use the cache as their mirror, because modules have no lock file and
    would take the newest version from the registry.
    """
    cache = plugin_cache()
    cache.mkdir(parents=True, exist_ok=True)
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE", ""))
    env = environment(data=TOOLS / "terraform-data" / "download")
    env["TF_PLUGIN_CACHE_DIR"] = str(cache)
    Terraform(binary, config if config.is_file() else None, log).run(
        ENVIRONMENT, "init", "-backend=false", "-no-color", env=env
    )
    return cache
