"""Injects one fault at a time into the handler and reports the faults that no test catches.

tests/mutants.toml lists the mutants by the rule that each one breaks. A mutant is caught if a test
fails. Exits with 1 if one survives, or if its text does not occur exactly once in the source.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from lib import venvs
from lib.console import Failure, main
from lib.paths import ROOT

LIST = ROOT / "tests" / "mutants.toml"
SOURCES = Path("lambda") / "records_api"
# Run after the test file named like the source file, which catches most mutants in seconds.
TESTS = ("tests/unit", "tests/contract")
# They compare the package with the sources, so they fail for every mutant.
_PACKAGE_TESTS = "tests/unit/test_package.py"
_PROCESSES = 2
_SECONDS = 600


class Mutant(NamedTuple):
    """One deliberate fault: `old` becomes `new` in `file`, which breaks `rule`."""

    rule: str
    file: str
    old: str
    new: str


class Outcome(NamedTuple):
    """The result of a mutant: `caught_by` is the first test that failed, or None."""

    mutant: Mutant
    caught_by: str | None


def listed(text: str, pattern: str = "") -> list[Mutant]:
    """Return the mutants in TOML `text` whose rule or file matches the regular expression.

    Raises Failure if two mutants have the same rule.
    """
    mutants = [Mutant(**entry) for entry in tomllib.loads(text)["mutant"]]
    if repeated := [rule for rule, count in Counter(m.rule for m in mutants).items() if count > 1]:
        raise Failure(f"rules listed twice: {', '.join(repeated)}", f"merge them in {LIST.name}")
    return [mutant for mutant in mutants if re.search(pattern, f"{mutant.rule} {mutant.file}")]


def mutated(mutant: Mutant, source: str) -> str:
    """Return `source` with the fault. Raises Failure unless `old` occurs exactly once."""
    if source.count(mutant.old) != 1:
        count = source.count(mutant.old)
        cause = f"{mutant.rule!r}: {mutant.old!r} occurs {count} times in {mutant.file}"
        raise Failure(cause, f"update `old` in {LIST.name}")
    return source.replace(mutant.old, mutant.new)


def check(mutants: Sequence[Mutant]) -> None:
    """Raise Failure unless every mutant applies, and is valid Python that differs."""
    for mutant in mutants:
        source = (ROOT / SOURCES / mutant.file).read_text()
        try:
            compile(mutated(mutant, source), mutant.file, "exec")
        except SyntaxError as error:
            cause = f"{mutant.rule!r}: the mutant is not valid Python: {error}"
            raise Failure(cause, f"correct `new` in {LIST.name}") from error
        if mutant.old == mutant.new:
            raise Failure(f"{mutant.rule!r} changes nothing", f"correct `new` in {LIST.name}")


def run(mutant: Mutant) -> Outcome:
    """Run the tests against a copy of the handler with the fault, until one fails."""
    with tempfile.TemporaryDirectory(prefix="records-mutant-") as name:
        copy = Path(name)
        for entry in ROOT.iterdir():
            if entry.name not in (".git", "lambda", "scripts", "tests"):
                (copy / entry.name).symlink_to(entry)
        for folder in ("lambda", "scripts", "tests"):
            shutil.copytree(ROOT / folder, copy / folder, symlinks=True)
        broken = copy / SOURCES / mutant.file
        broken.write_text(mutated(mutant, broken.read_text()))
        return Outcome(mutant, next(_failures(copy, Path(mutant.file).stem), None))


def _failures(copy: Path, stem: str) -> Iterator[str]:
    nearest = copy / "tests" / "unit" / f"test_{stem}.py"
    for tests in (nearest, *TESTS) if nearest.exists() else TESTS:
        command: list[str | Path] = [venvs.python("dev"), "-m", "pytest", "-x", "-q", "--no-header"]
        command += ["-p", "no:cacheprovider", "--deselect", _PACKAGE_TESTS, tests]
        try:
            result = subprocess.run(
                command, cwd=copy, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired:
            yield f"timeout after {_SECONDS} s ({tests})"
            continue
        if result.returncode not in (0, 5):
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", result.stdout, re.MULTILINE)
            yield failed[1] if failed else result.stdout.strip().splitlines()[-1]


def report(outcomes: Sequence[Outcome]) -> None:
    """Print how many mutants were caught. Raises Failure that names the others."""
    survivors = [outcome.mutant for outcome in outcomes if outcome.caught_by is None]
    print(f"\n{len(outcomes) - len(survivors)} of {len(outcomes)} mutants caught")
    if survivors:
        names = "; ".join(f"{mutant.rule} ({mutant.file})" for mutant in survivors)
        raise Failure(f"no test caught: {names}", "add a test for the rule")


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="regex for rules and files")
    parser.add_argument("--sample", type=int, metavar="N", help="only every Nth mutant")
    parser.add_argument(
        "--check", action="store_true", help="run no tests; check that every mutant applies"
    )
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.mutants")
    everything = listed(LIST.read_text())
    check(everything)
    if arguments.check:
        print(f"{len(everything)} mutants apply")
        return
    mutants = listed(LIST.read_text(), arguments.pattern)
    chosen = list(islice(mutants, 0, None, arguments.sample or 1))
    if not chosen:
        raise Failure(f"no rule matches {arguments.pattern!r}", f"see the rules in {LIST.name}")
    outcomes = []
    with ThreadPoolExecutor(_PROCESSES) as pool:
        for number, outcome in enumerate(pool.map(run, chosen), start=1):
            outcomes.append(outcome)
            verdict = outcome.caught_by or "SURVIVED"
            print(f"{number:>4}/{len(chosen)}  {outcome.mutant.rule}: {verdict}", flush=True)
    report(outcomes)


if __name__ == "__main__":
    main(_verb)
