"""Files that name other files and commands of the repository: the names must exist."""

import re
from pathlib import Path

import pytest
import yaml

from lib import test as runner
from lib import venvs
from lib.terraform import Terraform
from policy.hcl import ROOT


def test_code_owners_are_named_for_paths_that_exist() -> None:
    lines = (ROOT / "CODEOWNERS").read_text().splitlines()
    paths = [line.split()[0] for line in lines if line.startswith("/")]
    assert len(paths) > 1
    assert not [path for path in paths if not (ROOT / path.lstrip("/")).exists()]


def test_pre_commit_hooks_run_commands_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venvs, "uv", lambda: "uv")
    stages = runner.stages(Terraform("terraform", None, Path("log")), "full")
    names = {stage.name for stage in stages}
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["hooks"]
    for hook in repository["hooks"]:
        script, option, *stage = hook["entry"].split()
        assert (ROOT / script).is_file(), hook
        assert (option == "--check" and not stage) or set(stage) <= names, hook
        assert any(
            re.search(hook.get("files", ""), str(path.relative_to(ROOT)))
            for folder in ("lambda", "modules", "scripts")
            for path in (*ROOT.glob("*"), *(ROOT / folder).rglob("*"))
        ), hook


def test_changelog_begins_with_unreleased_changes() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
