"""Builds the Lambda package reproducibly: the same bytes on every machine.

It contains the sources and their bytecode, which only a Python 3.13 can compile.
"""

import base64
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lib import archive, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT, shown

SOURCES = ROOT / "lambda"
PACKAGE = ROOT / "modules" / "records-api" / "package"
# Of the dependency, the function imports one module. Its others take a tenth of a cold start, and
# its __init__.py would import them.
_DEPENDENCY = {"pythonjsonlogger/core.py"}
_EMPTY = "pythonjsonlogger/__init__.py"
_TASK_ROOT = "/var/task"  # where Lambda unpacks the package
_OPTIMIZED = ".opt-2"
_VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)


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


def version(files: Mapping[str, bytes]) -> str:
    """Return the version of the service, which the package `records_api` in `files` states.

    Raises Failure if it is not there.
    """
    stated = _VERSION.search(files.get("records_api/__init__.py", b"").decode())
    if not stated:
        raise Failure(
            "lambda/records_api/__init__.py has no version", 'add a line __version__ = "1.2.3"'
        )
    return stated[1]


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
    return name in _DEPENDENCY


def bytecode(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return path -> bytecode of the Python files in `files`, path -> content.

    Python imports it without a look at the source, which saves half of a cold start's imports. It
    names the files as on Lambda, so that it does not depend on this machine's folders, and contains
    no docstrings. A Python that is not 3.13 compiles the sources instead.

    Raises Failure without a Python 3.13.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        # Without the site module and its packages, which may differ by machine.
        command = [venvs.required_runtime(), "-S", "-s", "-P", "-m", "compileall", "-q", "-o", "2"]
        command += ["--invalidation-mode", "unchecked-hash", "-s", name, "-p", _TASK_ROOT, name]
        subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=True)
        return {
            path.relative_to(folder).as_posix().replace(_OPTIMIZED, ""): path.read_bytes()
            for path in folder.rglob("*.pyc")
        }


def build(folder: Path = SOURCES) -> tuple[bytes, bytes]:
    """Return the zip and its manifest, as bytes. Raises Failure without a Python 3.13."""
    source_files = sources(folder)
    digest = source_digest(source_files)
    modules = {name: data for name, data in source_files.items() if name.endswith(".py")}
    installed = dependency(folder / "requirements.txt")
    modules |= {_EMPTY: b""}
    modules |= {name: data for name, data in installed.items() if name.endswith(".py")}
    package = archive.zipped(
        {
            "records_api/SOURCE_DIGEST": digest.encode(),
            **installed,
            **modules,
            **bytecode(modules),
        }
    )
    manifest = {
        "files": {
            f"lambda/{name}": hashlib.sha256(data).hexdigest()
            for name, data in source_files.items()
        },
        "source_digest": digest,
        "version": version(source_files),
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


def check() -> str:
    """Build the package, compare the committed one with it, and return what was compared.

    Without a Python 3.13, only the digest of the sources is compared. Raises Failure if the
    committed package differs.
    """
    if not venvs.find_runtime():
        if not is_current():
            raise Failure(
                f"{shown(PACKAGE)} does not match the sources",
                f"run scripts/package with a Python {venvs.RUNTIME} and commit the result",
            )
        return (
            f"its source digest matches; no Python {venvs.RUNTIME} found, so the rebuild was not "
            "checked"
        )
    package, manifest = build()
    for name, built in (("records-api.zip", package), ("manifest.json", manifest)):
        committed = PACKAGE / name
        if not committed.is_file() or committed.read_bytes() != built:
            raise Failure(
                f"{shown(committed)} does not match the sources",
                "run scripts/package and commit the result",
            )
    return "matches its sources byte for byte"


def _verb() -> None:
    parser = argument_parser(prog="scripts/package", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if the committed package differs"
    )
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.package")
    with step("package checked" if arguments.check else "package written") as line:
        if arguments.check:
            line.note = check()
        else:
            line.note = f"{write():,} bytes, {shown(PACKAGE)}"


if __name__ == "__main__":
    main(_verb)
