"""The virtual environments under .tools/: one per lock file in requirements/, made once for each content of it."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lib.console import Failure, last_line, logged, step
from lib.paths import ROOT, TOOLS, shown

LOG = TOOLS / "install.log"
_STAMP = "made-from"
_RUNTIME = "3.13"  # what the function runs on, so what the emulator should run it on


def python(name: str) -> Path:
    """Return the interpreter of environment `name`, whether it exists yet or not."""
    return TOOLS / name / "bin" / "python"


def is_current(name: str) -> bool:
    """Return whether the environment `name` (dev, emulator or scan) exists and holds what its lock file says."""
    stamp = TOOLS / name / _STAMP
    return stamp.is_file() and stamp.read_text() == _made_from(name) and python(name).exists()


def make(name: str) -> None:
    """Make the environment `name` anew.

    Raises Failure when Python has no venv module or the packages can't be installed.
    """
    lock, folder, base = _lock(name), TOOLS / name, _base(name)
    LOG.parent.mkdir(exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    if logged([base, "-m", "venv", folder], LOG) != 0:
        raise Failure(
            f"{base} cannot make a virtual environment",
            "install its venv module (Debian: python3-venv)",
            LOG,
        )
    # The lock is complete, so nothing is resolved; wheels only, because a source build pulls in unpinned tools.
    install: list[str | Path] = [
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--requirement",
        lock,
    ]
    if logged([python(name), *install], LOG) != 0:
        cause = f"the packages of {shown(lock)} could not be installed: {last_line(LOG, marker='ERROR')}"
        raise Failure(cause, "check the connection to PyPI, then run again", LOG)
    (folder / _STAMP).write_text(_made_from(name))


def ensure(name: str) -> None:
    """Make the environment `name` if it is not current, with a progress line."""
    with step(f"Python environment: {name}") as this:
        this.note = "unchanged"
        if not is_current(name):
            make(name)
            this.note = f"installed in {shown(TOOLS / name)}"


def run_in(name: str, module: str, *, always_say: bool = False) -> None:
    """Go on as `module` in the environment `name`, with the same arguments, unless already there.

    The environment gets its progress line where it has to be made, and otherwise only if `always_say`.
    """
    current = is_current(name)
    if current and Path(sys.prefix) == TOOLS / name:
        return
    if always_say or not current:
        ensure(name)
    sys.stdout.flush()
    os.execv(python(name), [str(python(name)), "-m", module, *sys.argv[1:]])  # noqa: S606 (no shell is wanted)


def runtime_python() -> str:
    """Return a Python of the function's runtime version if this machine has one, otherwise the running one."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates: list[str | Path] = [
        f"python{_RUNTIME}",
        *sorted(root.glob(f"versions/{_RUNTIME}.*/bin/python"), reverse=True),
    ]
    return next(filter(None, map(_real_runtime, candidates)), _own_python())


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _own_python() -> str:
    # Not sys.executable: this may run in the very environment that is to be made.
    return str(Path(sys._base_executable).resolve())  # type: ignore[attr-defined]  # noqa: SLF001


def _base(name: str) -> str:
    return runtime_python() if name == "emulator" else _own_python()


def _made_from(name: str) -> str:
    # The folder counts as well: an environment that was moved with its checkout no longer works.
    return f"{hashlib.sha256(_lock(name).read_bytes()).hexdigest()} {_base(name)} {TOOLS / name}\n"


def _real_runtime(candidate: str | Path) -> str:
    # Asked, not assumed: a pyenv shim is on PATH even where its version is not active, and then fails.
    code = (
        "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"
    )
    try:
        result = subprocess.run(
            [candidate, "-c", code], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    version, _, executable = result.stdout.strip().partition("\n")
    return str(Path(executable).resolve()) if version == _RUNTIME else ""
