"""The list of deliberate faults applies to the handler as it is."""

import pytest

from lib import mutants
from lib.console import Failure
from lib.paths import ROOT

MUTANT = mutants.Mutant("A rule", "cursor.py", "MAX_LENGTH = 511", "MAX_LENGTH = 512")


@pytest.mark.skipif(
    ROOT.name.startswith("records-mutant-"),
    reason="in a copy with a mutant, that mutant no longer applies, whatever else the tests catch",
)
def test_every_mutant_applies() -> None:
    listed = mutants.listed(mutants.LIST.read_text())
    assert len(listed) > 100
    mutants.check(listed)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"old": "absent text"}, "occurs 0 times"),
        ({"old": "MAX_LENGTH"}, "times in cursor.py"),
        ({"new": "MAX_LENGTH = ("}, "not valid Python"),
        ({"new": MUTANT.old}, "changes nothing"),
    ],
)
def test_mutants_that_do_not_apply_are_named(changes: dict[str, str], cause: str) -> None:
    with pytest.raises(Failure, match=cause):
        mutants.check([MUTANT._replace(**changes)])


def test_survivor_is_named() -> None:
    outcomes = [mutants.Outcome(MUTANT, None), mutants.Outcome(MUTANT, "a test")]
    with pytest.raises(Failure, match="no test caught: A rule"):
        mutants.report(outcomes)
