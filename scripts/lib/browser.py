"""The Chromium or Chrome that the tests of the viewer and scripts/screenshots use."""

import os
import shutil
from pathlib import Path

from lib.console import Failure, logged
from lib.paths import LOGS

VARIABLE = "RECORDS_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = (
    ["apt-get", "update", "-qq"],
    ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
)


def find() -> str | None:
    """Return the path in RECORDS_BROWSER, or that of an installed browser; None without one."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)


def ensure() -> str | None:
    """Return the browser's path; None if there is none and this is not CI.

    As root with apt-get, and in CI, Chromium is installed. Raises Failure if that fails in CI.
    """
    path, log = find(), LOGS / "browser.log"
    is_ci = "CI" in os.environ
    if path is None and shutil.which("apt-get") and (os.geteuid() == 0 or is_ci):
        _install(log)
        path = find()
    if path is None and is_ci:
        cause = "no Chromium or Chrome was found, and none could be installed"
        remedy = f"install the package chromium, or set {VARIABLE} to the path of a browser"
        raise Failure(cause, remedy, log if log.exists() else None)
    return path


def missing() -> str:
    """Return why tests are skipped without a browser, in one line."""
    return f"skipped: no Chromium or Chrome found (install chromium, or set {VARIABLE})"


def _install(log: Path) -> None:
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in _INSTALL:
        if logged([*prefix, *command], log, env=environment) != 0:
            return
