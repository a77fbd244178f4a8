"""Terraform as pinned in .terraform-version: how to get it and its providers, and how to run it.

No run can reach a real AWS account.
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.console import Failure
from lib.paths import ENVIRONMENT, LOGS, ROOT, TOOLS, locked, shown

MIRROR_VARIABLE = "RECORDS_PROVIDER_MIRROR"
_CHECKSUMS = ROOT / "scripts" / "lib" / "terraform.sha256"  # lines of the release's SHA256SUMS
_OPT, _REGISTRY = Path("/opt"), "registry.terraform.io"
_RELEASES = "https://releases.hashicorp.com/terraform"
_LOCKED = re.compile(r'^provider "([^"]+)" \{\s+version\s+= "([^"]+)"', re.MULTILINE)
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

Fetch = Callable[[str], bytes]


def target() -> str:
    """Return this machine's platform as Terraform names it, such as linux_amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"


def environment(url: str | None = None, *, data: Path | None = None) -> dict[str, str]:
    """Return the environment variables for Terraform: the caller's, without AWS_* and TF_*.

    The caller's AWS credentials are never used: with `url`, every AWS call goes to the emulator at
    that URL; without it, no call can be signed. `data` replaces the module's .terraform folder.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))
    }
    made = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",  # less garbage collection: starting the provider takes a third less CPU time
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
    }
    if url is not None:
        made |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    if data is not None:
        made["TF_DATA_DIR"] = str(data)
    return inherited | made


@dataclass(frozen=True)
class Result:
    """Output and exit code of one run of Terraform."""

    code: int
    output: str

    @property
    def error(self) -> str:
        """Return the first error's summary, on one line; empty if there is none."""
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
                process.wait()  # Terraform was interrupted too, and is saving its state
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

    def read(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> Any:  # noqa: ANN401
        """Run a command that prints JSON and return the parsed value."""
        result = subprocess.run(
            [self.binary, f"-chdir={folder}", *arguments],
            env=self._with_config(env),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            said = Result(result.returncode, result.stderr)
            raise Failure(
                f"terraform {arguments[0]} in {shown(folder)} failed: {said.error}",
                "run scripts/up",
                None,
            )
        return json.loads(result.stdout)

    def _with_config(self, env: Mapping[str, str]) -> dict[str, str]:
        return dict(env) | ({"TF_CLI_CONFIG_FILE": str(self.config)} if self.config else {})


def ensure(log: Path = LOGS / "terraform.log") -> Terraform:
    """Return Terraform of the pinned version, with the locked providers in a mirror.

    What is missing is downloaded: Terraform from HashiCorp, the providers by Terraform itself.
    Raises Failure when that fails.
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


def find_binary(version: str) -> str:
    """Return the Terraform on PATH if it is `version`, otherwise the one under .tools/.

    The latter is downloaded if it is absent.
    """
    on_path = shutil.which("terraform")
    if on_path and _version_of(on_path) == version:
        return on_path
    downloaded = TOOLS / "terraform" / version / "terraform"
    if not downloaded.exists():
        install_binary(version, downloaded, _fetch)
    return str(downloaded)


def install_binary(version: str, place: Path, fetch: Fetch, checksums: Path = _CHECKSUMS) -> None:
    """Download Terraform `version` for this platform to `place`.

    Raises Failure when `checksums` has no SHA-256 for it, when the download fails, or when the
    SHA-256 differs.
    """
    name = f"terraform_{version}_{target()}.zip"
    remedy = f"install Terraform {version} on PATH, or put its binary at {shown(place)}"
    known = {file: digest for digest, file in map(str.split, checksums.read_text().splitlines())}
    if name not in known:
        raise Failure(
            f"Terraform {version} is not on PATH, and {shown(checksums)} has no line for {name}",
            remedy,
        )
    try:
        archive = fetch(f"{_RELEASES}/{version}/{name}")
    except OSError as error:
        raise Failure(
            f"Terraform {version} is not on PATH and could not be downloaded: {error}", remedy
        ) from error
    if hashlib.sha256(archive).hexdigest() != known[name]:
        raise Failure(
            f"the SHA-256 of the downloaded {name} differs from {shown(checksums)}", remedy
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".part")
    unfinished.write_bytes(zipfile.ZipFile(io.BytesIO(archive)).read("terraform"))
    unfinished.chmod(0o755)
    unfinished.rename(place)


def locked_providers(lock: Path = ENVIRONMENT / ".terraform.lock.hcl") -> dict[str, str]:
    """Return provider address -> version, from a dependency lock file."""
    return dict(_LOCKED.findall(lock.read_text()))


def plugin_cache() -> Path:
    """Return the folder for downloaded providers: TF_PLUGIN_CACHE_DIR, or one under .tools/."""
    return Path(os.environ.get("TF_PLUGIN_CACHE_DIR") or TOOLS / "plugins")


def find_mirror(providers: Mapping[str, str]) -> Path | None:
    """Return the first mirror that holds all `providers` for this platform, or None.

    If RECORDS_PROVIDER_MIRROR is set, only that folder is considered, and Failure is raised when it
    does not hold them. Otherwise the plugin cache and /opt/*/registry.terraform.io are searched.
    """
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        folders = [Path(named)]
    else:
        folders = [plugin_cache(), *sorted(path.parent for path in _OPT.glob(f"*/{_REGISTRY}"))]
    mirror = next((folder for folder in folders if _holds(folder, providers)), None)
    if named and mirror is None:
        wanted = ", ".join(f"{name} {version}" for name, version in providers.items())
        raise Failure(
            f"{MIRROR_VARIABLE} is {named}, which does not hold {wanted} for {target()}",
            f"set it to the folder that holds {_REGISTRY}, or unset it",
        )
    return mirror


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


def mirror_config(mirror: Path, providers: Mapping[str, str]) -> str:
    """Return a CLI configuration: `providers` from `mirror`, all others from their registry."""
    path, names = json.dumps(str(mirror)), json.dumps(sorted(providers))
    return f"""\
provider_installation {{
  filesystem_mirror {{
    path    = {path}
    include = {names}
  }}
  direct {{
    exclude = {names}
  }}
}}
"""


def _holds(mirror: Path, providers: Mapping[str, str]) -> bool:
    # Unpacked or packed layout: "filesystem_mirror" in Terraform's "CLI Configuration File" page.
    return bool(providers) and all(
        [
            *mirror.glob(f"{name}/{version}/{target()}/"),
            *mirror.glob(f"{name}/terraform-provider-*_{version}_{target()}.zip"),
        ]
        for name, version in providers.items()
    )


def _version_of(binary: str) -> str:
    said = subprocess.run(
        [binary, "version", "-json"], capture_output=True, text=True, env=environment(), check=False
    )
    try:
        return str(json.loads(said.stdout)["terraform_version"])
    except (ValueError, KeyError):
        return ""


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (a constant, https)
        return bytes(answer.read())
