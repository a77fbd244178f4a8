"""Tests that need a browser are skipped where there is none, but never in CI."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lib import browser, stages
from lib.console import Failure

Machine = Callable[..., list[str]]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """A function that sets up a machine, and returns the list of commands that will be run."""

    def make(*programs: str, uid: int, is_ci: bool, installs: str = "") -> list[str]:
        found, commands = set(programs), []

        def run(command: Sequence[str], log: Path, **_: object) -> int:
            commands.append(" ".join(command))
            log.write_text("done\n")
            found.update({installs} - {""} if "install" in command else ())
            return 0 if installs else 1

        monkeypatch.setattr("shutil.which", lambda name: name if name in found else None)
        monkeypatch.setattr("os.geteuid", lambda: uid)
        monkeypatch.setattr(browser, "LOGS", tmp_path)
        monkeypatch.setattr(browser, "logged", run)
        monkeypatch.delenv(browser.VARIABLE, raising=False)
        monkeypatch.delenv("CI", raising=False)
        if is_ci:
            monkeypatch.setenv("CI", "true")
        return commands

    return make


def test_installed_browser_is_used(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = machine("google-chrome", uid=1000, is_ci=True)
    assert browser.ensure() == "google-chrome"
    monkeypatch.setenv(browser.VARIABLE, "/opt/chrome")
    assert browser.ensure() == "/opt/chrome"
    assert not commands


@pytest.mark.parametrize(("uid", "is_ci"), [(0, False), (0, True), (1000, True)])
def test_root_and_ci_install_a_browser(machine: Machine, *, uid: int, is_ci: bool) -> None:
    commands = machine("apt-get", uid=uid, is_ci=is_ci, installs="chromium")
    assert browser.ensure() == "chromium"
    assert [each.startswith("sudo -n ") for each in commands] == [uid != 0] * 2


def test_newcomer_without_browser_skips_in_one_line(machine: Machine) -> None:
    commands = machine("apt-get", uid=1000, is_ci=False)
    line = stages.run_viewer(["pytest-that-does-not-run"])
    assert line.startswith("skipped: no Chromium or Chrome found")
    assert "\n" not in line
    assert not commands


@pytest.mark.parametrize("programs", [[], ["apt-get"]])
def test_ci_without_browser_fails(machine: Machine, programs: list[str]) -> None:
    machine(*programs, uid=1000, is_ci=True)
    with pytest.raises(Failure, match="no Chromium or Chrome was found"):
        stages.run_viewer(["pytest-that-does-not-run"])
