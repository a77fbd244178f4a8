"""Terraform of the version in .terraform-version, its providers, and runs of it that can't reach a real account."""

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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.console import Failure
from lib.paths import ENVIRONMENT, LOGS, ROOT, TOOLS, shown

MIRROR_VARIABLE = "RECORDS_PROVIDER_MIRROR"
_OWN_MIRROR = TOOLS / "plugins"
_RELEASES = "https://releases.hashicorp.com/terraform"
_LOCKED = re.compile(r'^provider "([^"]+)" \{\s+version\s+= "([^"]+)"', re.MULTILINE)
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

Fetch = Callable[[str], bytes]


def target() -> str:
    """Return this machine in Terraform's words, e.g. linux_amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"


def environment(url: str | None = None, *, data: Path | None = None) -> dict[str, str]:
    """Return the environment for Terraform: the caller's, less everything that concerns AWS or Terraform.

    A profile or key of the caller's must never be used here: with `url` every AWS call goes to the emulator there,
    without it no call can be signed. `data` takes the place of the root module's .terraform folder.
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))
    }
    made = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "400",  # the provider's start is mostly garbage collection: a third less work, for more memory
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
    """What one run of Terraform said and how it ended."""

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
    """A Terraform binary with a CLI configuration of our own."""

    binary: str
    config: Path
    log: Path

    def call(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> Result:
        """Run Terraform on the root module `folder` and return what came of it; the log gets the same."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [self.binary, f"-chdir={folder}", *arguments]
        with self.log.open("a+", encoding="utf-8") as log:
            print("\n$", *command, file=log, flush=True)
            start = log.tell()
            process = subprocess.Popen(
                command,
                env={**env, "TF_CLI_CONFIG_FILE": str(self.config)},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.wait()  # it was interrupted as well, and is saving its state
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

    def read(self, folder: Path, *arguments: str, env: Mapping[str, str]) -> Any:  # noqa: ANN401 (JSON)
        """Run a command that answers with JSON and return the answer."""
        result = subprocess.run(
            [self.binary, f"-chdir={folder}", *arguments],
            env={**env, "TF_CLI_CONFIG_FILE": str(self.config)},
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


def ensure(log: Path = LOGS / "terraform.log") -> Terraform:
    """Return the right Terraform, downloading it, and the providers where no mirror has them, if need be.

    Raises Failure when that version can't be had.
    """
    version = (ROOT / ".terraform-version").read_text().strip()
    terraform = Terraform(find_binary(version), TOOLS / "terraform.rc", log)
    mirror = find_mirror(locked_providers())
    if mirror is None:
        # Downloaded once, into a folder that has a mirror's layout; every later init takes them from there.
        _OWN_MIRROR.mkdir(parents=True, exist_ok=True)
        terraform.config.write_text(f'plugin_cache_dir = "{_OWN_MIRROR}"\n')
        env = environment(data=TOOLS / "terraform-data" / "download")
        terraform.run(ENVIRONMENT, "init", "-backend=false", "-no-color", env=env)
        mirror = _OWN_MIRROR
    terraform.config.write_text(mirror_config(mirror, locked_providers()))
    return terraform


def find_binary(version: str) -> str:
    """Return the Terraform on PATH if it is `version`, else the one under .tools/, downloading it first if absent."""
    on_path = shutil.which("terraform")
    if on_path and _version_of(on_path) == version:
        return on_path
    own = TOOLS / "terraform" / version / "terraform"
    if not own.exists():
        install_binary(version, own, _fetch)
    return str(own)


def install_binary(version: str, place: Path, fetch: Fetch) -> None:
    """Download Terraform `version` for this machine to `place`, checked against its published SHA-256."""
    name = f"terraform_{version}_{target()}.zip"
    base = f"{_RELEASES}/{version}"
    remedy = f"install Terraform {version} on PATH, or put its binary at {shown(place)}"
    try:
        sums = fetch(f"{base}/terraform_{version}_SHA256SUMS").decode()
        archive = fetch(f"{base}/{name}")
    except OSError as error:
        raise Failure(
            f"Terraform {version} is not on PATH and could not be downloaded: {error}", remedy
        ) from error
    published = {file: digest for digest, file in (line.split() for line in sums.splitlines())}
    if published.get(name) != hashlib.sha256(archive).hexdigest():
        raise Failure(f"the download of {name} does not have its published SHA-256", remedy)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".part")
    unfinished.write_bytes(zipfile.ZipFile(io.BytesIO(archive)).read("terraform"))
    unfinished.chmod(0o755)
    unfinished.rename(place)


def locked_providers(lock: Path = ENVIRONMENT / ".terraform.lock.hcl") -> dict[str, str]:
    """Return provider address -> version, from a dependency lock file."""
    return dict(_LOCKED.findall(lock.read_text()))


def find_mirror(providers: Mapping[str, str], places: Iterator[Path] | None = None) -> Path | None:
    """Return a folder that holds all `providers` for this machine, or None.

    The folder that RECORDS_PROVIDER_MIRROR names comes first, and alone: raises Failure when it does not hold them.
    """
    named = os.environ.get(MIRROR_VARIABLE)
    if named:
        if not _holds(Path(named), providers):
            wanted = ", ".join(f"{name} {version}" for name, version in providers.items())
            raise Failure(
                f"{MIRROR_VARIABLE} names {named}, which does not hold {wanted} for {target()}",
                f"name the folder that holds registry.terraform.io, or unset {MIRROR_VARIABLE}",
            )
        return Path(named)
    return next((place for place in places or mirror_places() if _holds(place, providers)), None)


def mirror_places() -> Iterator[Path]:
    """Yield the folders where a provider mirror may be: the caller's cache, our own, the usual ones."""
    if cache := os.environ.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(cache)
    yield _OWN_MIRROR
    # The implied mirrors of https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    home = Path.home()
    yield home / ".terraform.d/plugins"
    yield home / "Library/Application Support/io.terraform/plugins"
    yield Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "terraform/plugins"
    for shared in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":"):
        yield Path(shared) / "terraform/plugins"
    yield Path("/usr/share/terraform/providers")
    yield from sorted(found.parent for found in Path("/opt").glob("*/registry.terraform.io"))


def mirror_config(mirror: Path, providers: Mapping[str, str]) -> str:
    """Return a CLI configuration that takes `providers` from `mirror` and all others from their registry."""
    names = json.dumps(sorted(providers))
    return (
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path    = {json.dumps(str(mirror))}\n    include = {names}\n  }}\n"
        f"  direct {{\n    exclude = {names}\n  }}\n"
        "}\n"
    )


def _holds(mirror: Path, providers: Mapping[str, str]) -> bool:
    # Both layouts of https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror
    return bool(providers) and all(
        (mirror / name / version / target()).is_dir()
        or (
            mirror / name / f"terraform-provider-{name.rpartition('/')[2]}_{version}_{target()}.zip"
        ).is_file()
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
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (https, from a constant)
        return bytes(answer.read())
