"""scripts/test: the stages that run, and their output."""

import subprocess
from pathlib import Path

import pytest

from lib import compatibility, rehearse_upgrade, stages, venvs
from lib import test as runner
from lib.console import Failure
from lib.terraform import Terraform


@pytest.fixture
def every_stage(monkeypatch: pytest.MonkeyPatch) -> list[stages.Stage]:
    monkeypatch.setattr(venvs, "uv", lambda: "/usr/bin/uv")
    return list(stages.stages(Terraform("/usr/bin/terraform", None, Path("log")), "full"))


def names(stages: list[stages.Stage]) -> set[str]:
    return {stage.name for stage in stages}


def test_each_tier_includes_the_shorter_ones(every_stage: list[stages.Stage]) -> None:
    fast, default, full = (
        names(runner.selected(every_stage, tier, [])) for tier in ("fast", "default", "full")
    )
    assert {"pytest", "mypy", "docs", "package", "modules/records-api"} <= fast
    assert default - fast == {"bench", "e2e", "redocly", "scan-sources", "spectral", "viewer"}
    assert full - default == {"coverage", "rehearse-upgrade"}
    assert full == names(every_stage)


@pytest.mark.parametrize(
    ("release", "rehearsed"), [(None, ["056e895"]), ("v1.2.0", ["056e895", "v1.2.0"])]
)
def test_full_tier_rehearses_the_upgrades(
    release: str | None,
    rehearsed: list[str],
    every_stage: list[stages.Stage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refs: list[str] = []
    monkeypatch.setattr(compatibility, "last_release", lambda: release)
    monkeypatch.setattr(rehearse_upgrade, "run", refs.append)
    [stage] = runner.selected(every_stage, "full", ["rehearse-upgrade"])
    assert stage.run() == ""
    assert refs == rehearsed
    assert stage.command_line == "scripts/rehearse-upgrade"
    assert stage.exclusive
    assert stage.groups == ("emulator",)


def test_stages_are_selected_by_name(every_stage: list[stages.Stage]) -> None:
    assert names(runner.selected(every_stage, "full", ["e2e", "mypy"])) == {"e2e", "mypy"}
    with pytest.raises(Failure, match="no stage named mipy") as failure:
        runner.selected(every_stage, "full", ["mipy"])
    assert "mypy" in failure.value.remedy


@pytest.mark.parametrize(("tier", "marker"), [("fast", ["not full"]), ("full", [])])
def test_only_the_full_tier_runs_tests_marked_full(tier: str, marker: list[str]) -> None:
    command = list(stages.pytest("pytest", ["unit"], tier).command)
    assert [word for word in command if word == "not full"] == marker


def test_failed_stage_prints_the_command_to_repeat_it(capsys: pytest.CaptureFixture[str]) -> None:
    failing = stages.linter("lint", "sh", "-c", "echo line 7 is wrong; exit 1")
    passing = stages.linter("other", "echo", "fine")
    assert runner.run_all([failing, passing]) == {"lint": False, "other": True}
    output = capsys.readouterr().out
    assert "$ sh -c 'echo line 7 is wrong; exit 1'" in output
    assert "line 7 is wrong" in output
    assert "run again: scripts/test --only lint" in output


@pytest.mark.parametrize(
    ("arguments", "environments"),
    [
        (["tests/unit/test_a.py", "-k", "merge"], []),
        (["tests/unit", "tests/e2e"], ["emulator", "scan"]),
        (["-k", "merge"], ["emulator", "scan"]),
    ],
)
def test_pytest_receives_arguments_and_sets_the_exit_code(
    arguments: list[str], environments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command[1:])
        return subprocess.CompletedProcess(command, 5)

    monkeypatch.setattr(venvs, "ensure", installed.append)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit) as exit_:
        runner.run_pytest_only(arguments)
    assert (calls, installed, exit_.value.code) == ([arguments], environments, 5)
