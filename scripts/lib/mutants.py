"""Injects one fault at a time into the handler and reports the faults that no test catches.

tests/mutants.toml lists faults by the rule that each one breaks. With --full, also faults that
lib.mutations generates, in every function. tests/mutants-equivalent.toml lists those of them that
change nothing that a caller could notice, with the reason. A fault is caught if a test fails. Exits
with 1 if a listed one survives, if less than 95 % of the generated ones are caught, or if the text
of a fault does not occur exactly once in the source.
"""

import argparse
import json
import queue
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from lib import mutations, venvs
from lib.console import Failure, argument_parser, main, step
from lib.mutant_runs import SOURCES, Coverage, Fault, Outcome, Workplace, workplace
from lib.mutations import Mutation
from lib.paths import ROOT

LIST = ROOT / "tests" / "mutants.toml"
EQUIVALENT = ROOT / "tests" / "mutants-equivalent.toml"
RESULT = ROOT / "docs" / "mutants.json"
GENERATED = 300
MIN_CAUGHT = 0.95
_PROCESSES = 2
# Fewer faults are tested faster without knowing which tests run their lines.
_TRACED = 30


class Mutant(NamedTuple):
    """One deliberate fault: `old` becomes `new` in `file`, which breaks `rule`."""

    rule: str
    file: str
    old: str
    new: str


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


def fault(mutant: Mutant) -> Fault:
    """Return the fault of a mutant whose text occurs in the source."""
    start = (ROOT / SOURCES / mutant.file).read_text().index(mutant.old)
    return Fault(mutant.rule, mutant.file, start, start + len(mutant.old), mutant.new)


def generated() -> dict[str, list[Mutation]]:
    """Return all generated faults that may be noticed, by file."""
    known = {key for key, _ in equivalent()}
    return {
        file.name: [
            each
            for each in mutations.mutations(file.name, file.read_text())
            if each.key not in known
        ]
        for file in sorted((ROOT / SOURCES).glob("*.py"))
    }


def equivalent() -> list[tuple[tuple[str, str, str], str]]:
    """Return the key of each generated fault that changes nothing, and why."""
    entries = tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    return [((each["file"], each["line"], each["changed"]), each["why"]) for each in entries]


def run(faults: Sequence[Fault]) -> list[Outcome]:
    """Run the tests for each fault, with a progress line; return the outcomes."""
    with ExitStack() as stack:
        free: queue.Queue[Workplace] = queue.Queue()
        for _ in range(_PROCESSES):
            free.put(stack.enter_context(workplace()))
        coverage: Coverage = {}
        if len(faults) >= _TRACED:
            place = free.get()
            with step("which tests run which lines"):
                coverage = place.coverage()
            free.put(place)
        return list(_outcomes(faults, free, coverage))


def _outcomes(
    faults: Sequence[Fault], free: "queue.Queue[Workplace]", coverage: Coverage
) -> Iterator[Outcome]:
    def outcome(fault: Fault) -> Outcome:
        place = free.get()
        try:
            return place.run(fault, coverage)
        finally:
            free.put(place)

    with ThreadPoolExecutor(_PROCESSES) as pool:
        for number, each in enumerate(pool.map(outcome, faults), start=1):
            verdict = each.caught_by or "SURVIVED"
            place = f"{number:>4}/{len(faults)}  {each.seconds:5.1f} s"
            print(f"{place}  {each.fault.name}: {verdict}", flush=True)
            yield each


def report(outcomes: Sequence[Outcome]) -> None:
    """Print how many listed faults were caught. Raises Failure that names the others."""
    survivors = [each.fault for each in outcomes if each.caught_by is None]
    print(f"\n{len(outcomes) - len(survivors)} of {len(outcomes)} listed faults caught")
    if survivors:
        names = "; ".join(f"{fault.name} ({fault.file})" for fault in survivors)
        raise Failure(f"no test caught: {names}", "add a test for the rule")


def report_generated(outcomes: Sequence[Outcome]) -> None:
    """Print which generated faults survived. Raises Failure if too few were caught."""
    survivors = [each.fault for each in outcomes if each.caught_by is None]
    caught = len(outcomes) - len(survivors)
    share = caught / len(outcomes)
    print(f"\n{caught} of {len(outcomes)} generated faults caught ({share:.1%}); survivors:")
    print(*(f"  {fault.name}" for fault in survivors), sep="\n")
    if share < MIN_CAUGHT:
        raise Failure(
            f"only {share:.1%} of the generated faults were caught, not {MIN_CAUGHT:.0%}",
            f"add tests, or list those that change nothing in {EQUIVALENT.name}",
        )


def result(
    outcomes: Sequence[Outcome], others: Sequence[Outcome], seed: str, possible: int
) -> dict[str, Any]:
    """Return the content of docs/mutants.json: listed and generated (`others`) faults."""
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip(),
        "listed": _summary(outcomes),
        "generated": {"seed": seed, "possible": possible, "equivalent": len(equivalent())}
        | _summary(others),
    }


def _summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    caught = {
        each.fault.name: {"test": each.caught_by, "seconds": round(each.seconds, 1)}
        for each in outcomes
    }
    survivors = [name for name, each in caught.items() if each["test"] is None]
    return {
        "faults": len(outcomes),
        "caught": len(outcomes) - len(survivors),
        "survivors": survivors,
        "caught_by": caught,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(prog="scripts/mutants", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="regex for rules and files")
    parser.add_argument("--sample", type=int, metavar="N", help="only every Nth mutant")
    parser.add_argument(
        "--check", action="store_true", help="run no tests; check that every mutant applies"
    )
    parser.add_argument(
        "--full", action="store_true", help="also generated faults; write docs/mutants.json"
    )
    parser.add_argument(
        "--generated", type=int, metavar="N", help="only N generated faults or more"
    )
    parser.add_argument("--seed", default="1", help="which faults are generated follows from it")
    return parser


def _verb() -> None:
    options = _parser().parse_args()
    venvs.run_in("dev", "lib.mutants")
    everything = listed(LIST.read_text())
    check(everything)
    if options.check:
        print(f"{len(everything)} mutants apply")
        return
    matching = listed(LIST.read_text(), options.pattern)
    chosen = [fault(each) for each in islice(matching, 0, None, options.sample or 1)]
    if not chosen:
        raise Failure(f"no rule matches {options.pattern!r}", f"see the rules in {LIST.name}")
    others: list[Fault] = []
    if options.full or options.generated:
        count = options.generated or GENERATED
        others = [each.fault() for each in mutations.sample(generated(), count, options.seed)]
        chosen = chosen if options.full else []
    outcomes = run([*chosen, *others])
    outcomes, found = outcomes[: len(chosen)], outcomes[len(chosen) :]
    if options.full:
        possible = sum(map(len, generated().values()))
        text = json.dumps(result(outcomes, found, options.seed, possible), indent=1)
        RESULT.write_text(text + "\n")
    if found:
        report_generated(found)
    if outcomes:
        report(outcomes)


if __name__ == "__main__":
    main(_verb)
