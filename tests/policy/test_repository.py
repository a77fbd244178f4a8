"""Files that name other files and commands of the repository: the names must exist."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from lib import stages, venvs
from lib.documents import pages
from lib.terraform import Terraform
from policy.hcl import ROOT

MAX_COLUMNS, MAX_NAME = 100, 60


def test_code_owners_are_named_for_paths_that_exist() -> None:
    lines = (ROOT / "CODEOWNERS").read_text().splitlines()
    paths = [line.split()[0] for line in lines if line.startswith("/")]
    assert len(paths) > 1
    assert not [path for path in paths if not (ROOT / path.lstrip("/")).exists()]


def test_pre_commit_hooks_run_commands_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venvs, "uv", lambda: "uv")
    every_stage = stages.stages(Terraform("terraform", None, Path("log")), "full")
    names = {stage.name for stage in every_stage}
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["hooks"]
    for hook in repository["hooks"]:
        script, option, stage = hook["entry"].split()
        assert (script, option) == ("scripts/test", "--only")
        assert stage in names, hook
        assert any(
            re.search(hook.get("files", ""), str(path.relative_to(ROOT)))
            for folder in ("lambda", "modules", "scripts")
            for path in (*ROOT.glob("*"), *(ROOT / folder).rglob("*"))
        ), hook


def files(*patterns: str) -> list[Path]:
    """Return the repository's files that match, without links and files that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / line for line in lines.splitlines()]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def anchors(page: Path) -> set[str]:
    """Return the fragments that a link to `page` may have, as GitHub derives them."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a name="(\w+)">', text))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target), link


def prose(page: Path) -> list[tuple[int, str]]:
    """Return the numbered lines of a page, without tables, code blocks and lines with a URL."""
    text = re.sub(
        r"^```.*?^```",
        lambda block: "\n" * block[0].count("\n"),
        page.read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    return [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if not line.startswith("|") and "://" not in line
    ]


def test_names_of_tests_have_at_most_60_characters() -> None:
    names = [
        name
        for path in files("tests/*.py", "modules/*.tftest.hcl")
        for name in re.findall(r'^(?:def (test_\w+)|run "(\w+)")', path.read_text(), re.MULTILINE)
    ]
    assert names
    assert not [python or hcl for python, hcl in names if len(python or hcl) > MAX_NAME]


def test_prose_and_hcl_have_at_most_100_columns() -> None:
    """ruff checks Python. `terraform fmt` does not wrap lines."""
    lines = [(page, *line) for page in pages() for line in prose(page)]
    lines += [
        (path, number, line)
        for path in files("*.tf", "*.hcl")
        if path.name != ".terraform.lock.hcl"
        for number, line in enumerate(path.read_text().splitlines(), start=1)
    ]
    assert not [
        f"{path.relative_to(ROOT)}:{number}"
        for path, number, line in lines
        if len(line) > MAX_COLUMNS
    ]
