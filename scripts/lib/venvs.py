"""Python environments under .tools/, which uv installs from uv.lock.

There is one per dependency group of pyproject.toml: bench, dev, emulator, node and scan.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lib.console import Failure, last_line, logged, step
from lib.paths import ROOT, TOOLS, locked, shown

RUNTIME = "3.13"  # the function's Python, which runs it here too if it is installed
_ON_RUNTIME = ("bench", "emulator")  # groups that run the function
_STAMP = "synced-from"
_UV_PIN = ROOT / "scripts" / "lib" / "uv.txt"
# Setting of uv -> the equivalent settings of pip, in order of precedence.
_SAME_SETTINGS = {
    "UV_DEFAULT_INDEX": ("UV_INDEX_URL", "PIP_INDEX_URL"),
    "SSL_CERT_FILE": ("PIP_CERT", "REQUESTS_CA_BUNDLE"),
}


def python(group: str) -> Path:
    """Return the interpreter of the environment of `group`, whether it exists yet or not."""
    return TOOLS / group / "bin" / "python"


def is_current(group: str) -> bool:
    """Return whether the environment of `group` exists and matches uv.lock."""
    stamp = TOOLS / group / _STAMP
    return stamp.is_file() and stamp.read_text() == _stamp(group) and python(group).exists()


def ensure(group: str) -> None:
    """Make the environment of `group` current, with a progress line.

    Several processes may do so at once: one installs, the others wait for it.
    Raises Failure when uv or the packages can't be installed.
    """
    with step(f"Python environment: {group}") as current, locked(group):
        current.note = "unchanged"
        if not is_current(group):
            _sync(group)
            current.note = f"installed in {shown(TOOLS / group)}"
        if group in _ON_RUNTIME and not find_runtime():
            current.note += (
                f"; no Python {RUNTIME} found, so functions run on Python "
                f"{sys.version_info.major}.{sys.version_info.minor} "
                f"(to install it: uv python install {RUNTIME})"
            )


def run_in(group: str, module: str, *, always_report: bool = False) -> None:
    """Restart this program as `module` in the environment of `group`, unless it runs there already.

    The environment is made current first. A progress line is printed if packages are installed, or
    always if `always_report` is set.
    """
    current = is_current(group)
    if current and Path(sys.prefix) == TOOLS / group:
        return
    if always_report or not current:
        ensure(group)
    sys.stdout.flush()
    command = [str(python(group)), "-m", module, *sys.argv[1:]]
    os.execv(python(group), command)  # noqa: S606 (no shell is needed)


def find_runtime() -> str:
    """Return a Python of the function's version, or "" if PATH, pyenv and uv have none."""
    # pyenv does not put its versions on PATH, only shims.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    folders = map(str, sorted(root.glob(f"versions/{RUNTIME}.*/bin"), reverse=True))
    environment = uv_environment()
    environment["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    return _output([uv(), "python", "find", "--no-project", "--system", RUNTIME], environment)


def required_runtime() -> str:
    """Return a Python of the function's version. Raises Failure if there is none."""
    found = find_runtime()
    if not found:
        raise Failure(
            f"no Python {RUNTIME} found, which compiles the package",
            f"run uv python install {RUNTIME}, or pyenv install {RUNTIME}",
        )
    return found


def runtime_python() -> str:
    """Return a Python of the function's version if there is one, otherwise the running one."""
    return find_runtime() or _base_python()


def uv() -> str:
    """Return the uv on PATH if it is recent enough, otherwise the pinned one under .tools/.

    The pinned one is installed if it is absent. Raises Failure when that fails.
    """
    on_path = shutil.which("uv")
    if on_path and _version(_output([on_path, "--version"])) >= _version(_required_uv()):
        return on_path
    pinned = re.findall(r"^uv==(\S+)", _UV_PIN.read_text(), re.MULTILINE)[0]
    binary = TOOLS / "uv" / pinned / "uv"
    if not binary.exists():
        with locked("uv"):
            if not binary.exists():
                _install_uv(binary)
    return str(binary)


def uv_environment(group: str = "dev") -> dict[str, str]:
    """Return the environment variables for uv, which act on the environment of `group`.

    They are the user's, with the index and certificates of pip if those of uv are not set.
    """
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for name, others in _SAME_SETTINGS.items():
        value = next((environment[other] for other in others if environment.get(other)), None)
        if value and not environment.get(name):
            environment[name] = value
    return environment | {
        "UV_PROJECT_ENVIRONMENT": str(TOOLS / group),
        "UV_PYTHON_DOWNLOADS": "never",
    }


def sync_commands(group: str, base: str, index: str | None) -> list[list[str]]:
    """Return the uv commands that make the environment of `group` on the interpreter `base`.

    `uv sync` downloads from the URLs in uv.lock, which are PyPI's. If another `index` is
    configured, the same versions are installed from there, with the same hashes.
    """
    packages = ["--only-group", group] if group != "dev" else ["--group", group]
    wheels = ["--no-build", "--compile-bytecode"]  # source builds need unpinned tools
    if index is None:
        return [["sync", "--frozen", "--no-install-project", "--python", base, *packages, *wheels]]
    folder, listing = str(TOOLS / group), str(TOOLS / f"{group}.txt")
    return [
        ["export", "--frozen", "--no-emit-project", *packages, "--output-file", listing],
        ["venv", "--allow-existing", "--python", base, folder],
        ["pip", "sync", "--python", folder, "--require-hashes", *wheels, listing],
    ]


def _sync(group: str) -> None:
    folder = TOOLS / group
    stamp = folder / _STAMP
    if stamp.is_file() and stamp.read_text().partition("\n")[2] != _location(group):
        shutil.rmtree(folder)  # moved with its checkout, or created by another Python
    stamp.unlink(missing_ok=True)
    environment = uv_environment(group)
    index, log = environment.get("UV_DEFAULT_INDEX"), _fresh_log(group)
    for arguments in sync_commands(group, _base(group), index):
        if logged([uv(), *arguments], log, env=environment, cwd=ROOT) != 0:
            source = index or "PyPI, or set UV_DEFAULT_INDEX to another index"
            cause = last_line(log, marker="cause: ").removeprefix("cause: ") or last_line(log)
            raise Failure(
                f"the packages of the group {group} could not be installed: {cause}",
                f"check the connection to {source}",
                log,
            )
    stamp.write_text(_stamp(group))


def _install_uv(binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    log = _fresh_log("uv")
    with tempfile.TemporaryDirectory(dir=binary.parent) as name:
        folder = Path(name)
        if logged([_base_python(), "-m", "venv", folder], log) != 0:
            raise Failure(
                f"{_base_python()} cannot make a virtual environment",
                "install uv, or Python's venv module (Debian: python3-venv)",
                log,
            )
        install = ["-m", "pip", "install", "--no-deps", "--only-binary=:all:", "--require-hashes"]
        if logged([folder / "bin" / "python", *install, "--requirement", _UV_PIN], log) != 0:
            raise Failure(
                f"uv could not be installed: {last_line(log, marker='ERROR')}",
                "check the connection to PyPI, or install uv (https://docs.astral.sh/uv)",
                log,
            )
        (folder / "bin" / "uv").rename(binary)


def _required_uv() -> str:
    import tomllib  # as slow as all other imports, and rarely needed

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return str(settings["tool"]["uv"]["required-version"])


def _version(text: str) -> tuple[int, ...]:
    numbers = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, numbers.groups())) if numbers else ()


def _fresh_log(name: str) -> Path:
    log = TOOLS / f"{name}.log"
    log.unlink(missing_ok=True)
    return log


def _output(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    try:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _base_python() -> str:
    # Not sys.executable, which may be in an environment that is about to be replaced.
    return str(Path(vars(sys)["_base_executable"]).resolve())


def _base(group: str) -> str:
    return runtime_python() if group in _ON_RUNTIME else _base_python()


def _location(group: str) -> str:
    return f"{_base(group)} {TOOLS / group}\n"


def _stamp(group: str) -> str:
    return f"{hashlib.sha256((ROOT / 'uv.lock').read_bytes()).hexdigest()}\n{_location(group)}"
