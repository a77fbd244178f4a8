"""Builds the Lambda package reproducibly: the same bytes on every machine."""

import argparse
import base64
import hashlib
import io
import json
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from lib import venvs
from lib.console import Failure, main, step
from lib.paths import ROOT, shown

SOURCES = ROOT / "lambda"
PACKAGE = ROOT / "modules" / "records-api" / "package"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in the zip format


def sources(folder: Path = SOURCES) -> dict[str, bytes]:
    """Return path below `folder` -> content of every file that the package is built from."""
    paths = sorted([*folder.glob("records_api/*.py"), folder / "requirements.txt"])
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def source_digest(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256, in hex, over the names and digests of `files`.

    A precondition in modules/records-api computes the same digest in HCL.
    """
    lines = (
        f"{name}:{hashlib.sha256(content).hexdigest()}\n" for name, content in sorted(files.items())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def dependency(requirements: Path) -> dict[str, bytes]:
    """Return path -> content of the function's dependencies, which are pinned by hash.

    Code, license and METADATA (from which vulnerability scanners identify the package) are kept.
    Files that an installer adds (RECORD, INSTALLER, bytecode) differ by machine and are omitted.

    Raises Failure when a dependency can't be installed or is not pure Python.
    """
    with tempfile.TemporaryDirectory() as folder:
        install = ["pip", "install", "--no-deps", "--no-build", "--require-hashes"]
        result = subprocess.run(
            [venvs.uv(), *install, "--target", folder, "--requirement", requirements],
            env=venvs.uv_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise Failure(
                f"{shown(requirements)} could not be downloaded",
                "check the connection to PyPI",
                report=result.stderr,
            )
        installed = Path(folder)
        for wheel in sorted(installed.glob("*.dist-info/WHEEL")):
            if "\nTag: py3-none-any\n" not in wheel.read_text():
                raise Failure(
                    f"{wheel.parent.name.removesuffix('.dist-info')} is not pure Python",
                    "choose a dependency that runs on every machine",
                )
        paths = {path.relative_to(installed).as_posix(): path for path in installed.rglob("*")}
        return {name: path.read_bytes() for name, path in paths.items() if _needed(name)}


def _needed(name: str) -> bool:
    if ".dist-info/" in name:
        return name.endswith("/METADATA") or "/licenses/" in name
    return name.endswith(".py")


def build(folder: Path = SOURCES) -> tuple[bytes, bytes]:
    """Return the zip and its manifest, as bytes.

    Files are stored uncompressed, because versions of zlib compress to different bytes and Lambda
    does not bill for package size. Bytecode is omitted, because only the exact interpreter that
    Lambda runs could use it.
    """
    source_files = sources(folder)
    digest = source_digest(source_files)
    content = {name: data for name, data in source_files.items() if name.endswith(".py")}
    content |= {
        "records_api/SOURCE_DIGEST": digest.encode(),
        **dependency(folder / "requirements.txt"),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(content.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, whatever the build machine
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    package = buffer.getvalue()
    manifest = {
        "files": {
            f"lambda/{name}": hashlib.sha256(data).hexdigest()
            for name, data in source_files.items()
        },
        "source_digest": digest,
        "zip_sha256_base64": base64.b64encode(hashlib.sha256(package).digest()).decode(),
    }
    return package, f"{json.dumps(manifest, indent=2)}\n".encode()


def is_current() -> bool:
    """Return whether the package on disk is intact and built from the current sources.

    This compares digests; it does not build.
    """
    try:
        manifest = json.loads((PACKAGE / "manifest.json").read_bytes())
        package = (PACKAGE / "records-api.zip").read_bytes()
    except FileNotFoundError:
        return False
    intact = (
        manifest["zip_sha256_base64"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    )
    return bool(intact and manifest["source_digest"] == source_digest(sources()))


def write() -> int:
    """Build the package into modules/records-api; return the size of the zip in bytes."""
    package, manifest = build()
    PACKAGE.mkdir(parents=True, exist_ok=True)
    (PACKAGE / "records-api.zip").write_bytes(package)
    (PACKAGE / "manifest.json").write_bytes(manifest)
    return len(package)


def check() -> None:
    """Build the package. Raises Failure if the committed one differs in any byte."""
    package, manifest = build()
    for name, built in (("records-api.zip", package), ("manifest.json", manifest)):
        committed = PACKAGE / name
        if not committed.is_file() or committed.read_bytes() != built:
            raise Failure(
                f"{shown(committed)} does not match the sources",
                "run scripts/package and commit the result",
            )


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/package", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the committed package differs"
    )
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.package")
    with step("package checked" if arguments.check else "package written") as line:
        if arguments.check:
            check()
        else:
            line.note = f"{write():,} bytes, {shown(PACKAGE)}"


if __name__ == "__main__":
    main(_verb)
