"""Where Terraform and its providers come from: PATH, a mirror, or a download."""

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
from pathlib import Path

from lib.console import Failure
from lib.paths import ENVIRONMENT, ROOT, TOOLS, shown

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
    """Return the first mirror that contains all `providers` for this platform, or None.

    If RECORDS_PROVIDER_MIRROR is set, only that folder is considered, and Failure is raised if it
    does not contain them. Otherwise the plugin cache and /opt/*/registry.terraform.io are searched.
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
            f"{MIRROR_VARIABLE} is {named}, which does not contain {wanted} for {target()}",
            f"set it to the folder that contains {_REGISTRY}, or unset it",
        )
    return mirror


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
    # Without TF_CLI_CONFIG_FILE, which may name a file that does not exist.
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    env["CHECKPOINT_DISABLE"] = "1"
    result = subprocess.run(
        [binary, "version", "-json"], capture_output=True, text=True, env=env, check=False
    )
    try:
        return str(json.loads(result.stdout)["terraform_version"])
    except (ValueError, KeyError):
        return ""


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (a constant, https)
        return bytes(answer.read())
