"""The list of deliberate faults applies to the handler as it is."""

import json

import pytest

from lib import mutant_runs, mutants, mutations
from lib.console import Failure
from lib.mutant_runs import Fault
from lib.paths import ROOT

MUTANT = mutants.Mutant("A rule", "cursor.py", "MAX_LENGTH = 511", "MAX_LENGTH = 512")


IN_A_COPY = pytest.mark.skipif(
    ROOT.name.startswith("records-mutant-"),
    reason="in a copy with a mutant, that mutant no longer applies, whatever else the tests catch",
)


@IN_A_COPY
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
    fault = mutants.fault(MUTANT)
    outcomes = [
        mutant_runs.Outcome(fault, None, 1.0),
        mutant_runs.Outcome(fault, "a test", 1.0),
    ]
    with pytest.raises(Failure, match="no test caught: A rule"):
        mutants.report(outcomes)


def test_too_few_generated_faults_caught_is_a_failure() -> None:
    fault = mutants.fault(MUTANT)
    caught = [mutant_runs.Outcome(fault, "a test", 1.0)] * 19
    mutants.report_generated([*caught, mutant_runs.Outcome(fault, None, 1.0)])
    with pytest.raises(Failure, match=r"only 90\.5% of the generated faults"):
        mutants.report_generated([*caught, *[mutant_runs.Outcome(fault, None, 1.0)] * 2])


SOURCE = '''"""A module."""

LIMIT = 3


def is_short(text: str, *, strict: bool = False) -> bool:
    """Return whether it is short."""
    if not text:
        raise ValueError(f"{text!r} is shorter than {LIMIT + 1}")
    return len(text) < LIMIT and (strict or text != "ä")
'''


def test_faults_are_generated_for_each_operator_and_constant() -> None:
    found = mutations.mutations("short.py", SOURCE)
    assert [(each.function, each.changed) for each in found] == [
        ("", "LIMIT = 4"),
        ("is_short", "def is_short(text: str, *, strict: bool = True) -> bool:"),
        ("is_short", "if (text):"),
        ("is_short", "pass"),
        ("is_short", 'return (len(text) <= LIMIT) and (strict or text != "ä")'),
        ("is_short", "return (len(text) < LIMIT or (strict or text != 'ä'))"),
        ("is_short", "return None"),
        ("is_short", "return len(text) < LIMIT and ((strict and text != 'ä'))"),
        ("is_short", "return len(text) < LIMIT and (strict or (text == 'ä'))"),
    ]
    for each in found:
        compile(each.fault().applied(SOURCE), "short.py", "exec")


def test_sample_has_a_fault_of_each_function() -> None:
    by_file = {"short.py": mutations.mutations("short.py", SOURCE)}
    assert len(mutations.sample(by_file, 1, "1")) == 2
    assert len(mutations.sample(by_file, 5, "1")) == 5
    assert mutations.sample(by_file, 99, "1") == sorted(by_file["short.py"])


def test_tests_of_the_changed_lines_run_first() -> None:
    fault = Fault("a rule", "cursor.py", 5, 6, "")
    coverage = {"cursor.py:2": ["tests/unit/test_api.py::test_a", "tests/unit/test_cursor.py::b"]}
    [first] = mutant_runs.selected(fault, "one\ntwo\n", coverage)
    assert first[:2] == ["tests/unit/test_cursor.py::b", "tests/unit/test_api.py::test_a"]


def test_lines_that_no_test_runs_are_tested_by_all() -> None:
    fault = Fault("a rule", "cursor.py", 0, 1, "")
    nearest, everything = mutant_runs.selected(fault, "one\n", {})
    assert nearest[0] == "tests/unit/test_cursor.py"
    assert "tests/unit/test_records.py" in everything
    assert "tests/contract/test_wire_faults.py" in everything
    assert "tests/unit/test_viewer_site.py" not in everything


@IN_A_COPY
def test_equivalent_faults_are_still_generated() -> None:
    keys = {
        each.key
        for file in (ROOT / mutant_runs.SOURCES).glob("*.py")
        for each in mutations.mutations(file.name, file.read_text())
    }
    assert {key for key, _ in mutants.equivalent()} <= keys
    assert all(why for _, why in mutants.equivalent())


@pytest.mark.skipif(not mutants.RESULT.exists(), reason="scripts/mutants --full writes it")
def test_published_result_names_existing_rules() -> None:
    published = json.loads(mutants.RESULT.read_text())["listed"]
    rules = {each.rule for each in mutants.listed(mutants.LIST.read_text())}
    assert set(published["caught_by"]) <= rules, "run scripts/mutants --full"
    assert published["survivors"] == []
