"""The stages of scripts/test: linters, pytest, terraform test, the policy scan, the upgrade."""

import dataclasses
import functools
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib import browser, docs, npm_tools, package, rehearse_upgrade, release, scan, venvs
from lib.console import Failure
from lib.paths import LOCAL, LOGS, ROOT, TOOLS, shown
from lib.terraform import Terraform, environment

BIN = TOOLS / "dev" / "bin"


@dataclass(frozen=True)
class Stage:
    """One check; `run` returns its summary, or raises Failure.

    `tier` is the shortest tier that includes it. `groups` are the Python environments that it needs
    besides dev. An `exclusive` stage uses both cores itself, so nothing runs beside it.
    """

    name: str
    command: Sequence[str | Path]
    run: Callable[[], str]
    tier: str = "fast"
    groups: tuple[str, ...] = ()
    exclusive: bool = False

    @property
    def command_line(self) -> str:
        """Return the command line, with paths relative to the checkout."""
        words = [shown(word) if isinstance(word, Path) else word for word in self.command]
        return shlex.join(words)


def linter(name: str, *command: str | Path) -> Stage:
    """Return a stage that runs `command`, which exits with an error if it has findings."""
    return Stage(name, command, functools.partial(run_linter, name, command))


def openapi_linter(name: str, *arguments: str | Path) -> Stage:
    """Return a stage that checks the OpenAPI document with the program `name` from npm."""
    command = [*npm_tools.command(name), *arguments, ROOT / "lambda" / "openapi.yaml"]
    run = functools.partial(run_npm_linter, name, command)
    return Stage(name, command, run, "default", (npm_tools.GROUP,))


def run_npm_linter(name: str, command: Sequence[str | Path]) -> str:
    """Run a linter from npm, which is installed first; return and raise as `run_linter`."""
    npm_tools.ensure()
    return run_linter(name, command, npm_tools.environment())


def run_linter(
    name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
) -> str:
    """Run a linter, by default with the environment of Terraform; return its last line.

    Raises Failure with its output.
    """
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=environment() if env is None else env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise Failure(f"{name} failed", "see its output above", report=result.stdout)
    return (result.stdout.strip().splitlines() or [""])[-1]


def pytest(name: str, folders: Iterable[str], tier: str, *, exclusive: bool = False) -> Stage:
    """Return a stage that runs the tests in `folders` on two processes.

    Tests with the marker `full` run in the tier of that name only.
    """
    marker = [] if tier == "full" else ["-m", "not full"]
    tests = [f"tests/{folder}" for folder in folders]
    command: list[str | Path] = [BIN / "pytest", "-n", "2", "--no-header", *marker, *tests]
    run = functools.partial(run_pytest, command, streamed=exclusive)
    groups = ("emulator", "scan") if exclusive else ()
    return Stage(name, command, run, "default" if exclusive else "fast", groups, exclusive)


def coverage(folders: Iterable[str]) -> Stage:
    """Return the stage that measures the branch coverage of lambda/ by the tests in `folders`.

    One process runs them: what workers and other processes execute would not be counted.
    """
    tests = [f"tests/{folder}" for folder in folders]
    run = ["run", "-m", "pytest", "--no-header", "-m", "not full"]
    command: list[str | Path] = [BIN / "coverage", *run, *tests]
    return Stage("coverage", command, functools.partial(run_coverage, command), "full")


def run_coverage(command: Sequence[str | Path]) -> str:
    """Run pytest under coverage.py; return the share of statements and branches that it reached.

    Raises Failure if a test fails, or if the total is below `fail_under` in pyproject.toml.
    """
    LOCAL.mkdir(exist_ok=True)  # of the data file
    run_pytest(command, streamed=False)
    report: list[str | Path] = [BIN / "coverage", "report"]
    run_linter("coverage", report)
    total = run_linter("coverage", [*report, "--format=total"])
    return f"{total} % of the statements and branches of lambda/"


def viewer(tier: str) -> Stage:
    """Return the stage with the tests of the viewer, in one process: it starts one browser."""
    marker = [] if tier == "full" else ["-m", "not full"]
    command: list[str | Path] = [BIN / "pytest", "--no-header", *marker, "tests/viewer"]
    run = functools.partial(run_viewer, command)
    return Stage("viewer", command, run, "default", exclusive=True)


def run_pytest(command: Sequence[str | Path], *, streamed: bool) -> str:
    """Run pytest; return its last line. Raises Failure, with its output unless that is streamed."""
    if streamed:
        print(flush=True)
    output = None if streamed else subprocess.PIPE
    result = subprocess.run(command, cwd=ROOT, stdout=output, stderr=output, text=True, check=False)
    if result.returncode != 0:
        raise Failure(
            "pytest failed",
            "see its output above; one test: scripts/test PATH::NAME",
            report=result.stdout or "",
        )
    return "" if streamed else result.stdout.strip().splitlines()[-1].strip("= ")


def run_viewer(command: Sequence[str | Path]) -> str:
    """Run the tests of the viewer in a browser; return their summary.

    Without a browser they are skipped, but not in CI: then this raises Failure.
    """
    if browser.ensure() is None:
        return browser.missing()
    return run_pytest(command, streamed=False)


def check_package() -> str:
    """Build the package and compare it with the committed one. Raises Failure if they differ."""
    return f"the committed package: {package.check()}"


def check_docs() -> str:
    """Compare the tables in the READMEs with the variables and outputs. Raises Failure."""
    docs.check()
    return "the tables of inputs and outputs match the HCL"


def run_bench() -> str:
    """Run the benchmark. Raises Failure if a ratio is outside its limits."""
    result = subprocess.run(
        [ROOT / "scripts" / "bench", "--quick", "--check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise Failure("the benchmark failed", "see its output above", report=result.stdout)
    return "the ratios are within their limits"


def check_upgrade() -> str:
    """Rehearse the upgrades from the oldest supported commit and from the last release.

    Raises Failure on any damage.
    """
    print(flush=True)  # its steps follow, one per line
    for ref in rehearse_upgrade.starts():
        rehearse_upgrade.run(ref)
    return ""


def roots() -> list[Path]:
    """Return the folder of every module and environment. A module's tests plan its examples."""
    return sorted(
        {
            file.parent
            for folder in ("modules", "environments")
            for file in ROOT.glob(f"{folder}/*/*.tf")
        }
    )


def has_tests(folder: Path) -> bool:
    """Return whether `folder` has tests for `terraform test`."""
    return any(folder.glob("tests/*.tftest.hcl"))


def check_root(runner: Terraform, folder: Path, *, tested: bool) -> str:
    """Validate one module or environment, and run its tests if `tested`; return the last line.

    Raises Failure, with Terraform's output, if it is invalid or a test fails.
    """
    # A separate data folder, because .terraform may be configured with a backend.
    env = environment(
        data=TOOLS / "terraform-data" / str(folder.relative_to(ROOT)).replace("/", "-")
    )
    log = LOGS / "test" / f"{folder.relative_to(ROOT)}.log".replace("/", "-")
    logged = dataclasses.replace(runner, log=log)
    # An init hashes the whole provider, so it runs only if validate says that it is needed.
    if logged.call(folder, "validate", "-no-color", env=env).code != 0:
        lockfile = ["-lockfile=readonly"] if (folder / ".terraform.lock.hcl").exists() else []
        logged.run(folder, "init", "-backend=false", "-no-color", *lockfile, env=env)
        logged.run(folder, "validate", "-no-color", env=env)
    if not tested:
        return "valid"
    result = logged.call(folder, "test", "-no-color", env=env)
    if result.code != 0:
        raise Failure(
            f"terraform test failed: {result.error}", "see its output above", report=result.output
        )
    return result.output.strip().splitlines()[-1]


def terraform_stage(runner: Terraform, folder: Path, tier: str) -> Stage:
    """Return the stage of one module or environment, named like its folder.

    `terraform test` is too slow for the tier "fast", which only validates.
    """
    tested = has_tests(folder) and tier != "fast"
    command: list[str | Path] = [Path(runner.binary), f"-chdir={shown(folder)}"]
    command.append("test" if tested else "validate")
    run = functools.partial(check_root, runner, folder, tested=tested)
    return Stage(shown(folder), command, run)


def stages(runner: Terraform, tier: str) -> Iterator[Stage]:
    """Yield all stages, in the order in which they start."""
    shell = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
    shell += [ROOT / "scripts" / "lib" / "run.sh", ROOT / ".ci" / "run"]
    folders = ["unit"] if tier == "fast" else ["unit", "policy", "contract"]
    public_index = ["--default-index", "https://pypi.org/simple"]
    yield pytest("pytest", folders, tier)
    yield linter("ruff-check", BIN / "ruff", "check")
    yield linter("ruff-format", BIN / "ruff", "format", "--check")
    yield linter("mypy", BIN / "mypy")
    yield linter("shellcheck", BIN / "shellcheck", *shell)
    yield linter("uv-lock", Path(venvs.uv()), "lock", "--check", *public_index)
    yield linter("terraform-fmt", Path(runner.binary), "fmt", "-check", "-recursive", "-diff")
    yield linter("zizmor", BIN / "zizmor", "--offline", "--quiet", "--pedantic", ROOT / ".github")
    yield openapi_linter("spectral", "lint", "--fail-severity=hint")
    yield openapi_linter("redocly", "lint", "--extends=recommended-strict")
    yield Stage("release", ["scripts/release"], release.check)
    yield Stage("docs", ["scripts/docs", "--check"], check_docs)
    yield Stage("package", ["scripts/package", "--check"], check_package)
    for folder in roots():
        # The environments use every module.
        if tier != "fast" or folder.parent.name == "environments":
            yield terraform_stage(runner, folder, tier)
    yield viewer(tier)
    yield pytest("e2e", ["e2e"], tier, exclusive=True)
    yield Stage(
        "bench",
        ["scripts/bench", "--quick", "--check"],
        run_bench,
        "default",
        ("bench", "emulator"),
        exclusive=True,
    )
    yield Stage(
        "scan-sources", ["scripts/scan"], scan.scan_sources, "default", ("scan",), exclusive=True
    )
    yield coverage(["unit", "contract"])
    yield Stage(
        "rehearse-upgrade",
        ["scripts/rehearse-upgrade"],
        check_upgrade,
        "full",
        ("emulator",),
        exclusive=True,
    )
