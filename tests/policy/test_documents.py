"""The code blocks of the documents: what they may contain, and plans of all HCL with mocks.

tests/e2e/test_documents.py runs the shell blocks.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lib import documents, terraform
from lib.documents import Block
from lib.paths import ROOT

BLOCKS = [block for page in documents.pages() for block in documents.blocks(page)]
PLANNED = [block for block in BLOCKS if block.treatment.startswith("planned")]
SOURCE = re.compile(
    r'"git::https://git\.example\.com/platform/records-api\.git//modules/([\w-]+)\?ref=<(?:tag|commit)>"'
)
VERSIONS = (ROOT / "modules/records-api/versions.tf").read_text()
# The profile `local` warns of nothing: a block need not show what it is not about, such as alarms.
REQUIRED = {"name": '"orders"', "environment": '"dev"', "profile": '"local"'}
TEST = """\
mock_provider "aws" {{
  source = "{mocks}"
}}

run "plan" {{
  command = plan
  module {{ source = "{source}" }}
  {variables}
}}
"""


def test_languages_of_blocks_are_known() -> None:
    known = (*documents.RUN, *documents.PLANNED, *documents.PLAIN)
    assert not [block.place for block in BLOCKS if block.language not in known], (
        f"begin a block with one of {', '.join(known)}"
    )


def test_every_fence_is_a_part_of_a_block() -> None:
    for page in documents.pages():
        fences = re.findall(r"^ *```", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(documents.blocks(page)), page


def test_every_comment_for_tests_stands_before_a_block() -> None:
    assert not [page for page in documents.pages() if documents.unused_notes(page)]


def test_files_that_comments_and_commands_name_exist() -> None:
    names = {
        (block.place, name)
        for block in BLOCKS
        for name in re.findall(r"\b(?:tests|modules|environments)/[\w/.-]*\w", block.note)
    }
    for page in documents.pages():
        if page.name != "CHANGELOG.md":
            scripts = re.findall(r"(?<![\w/])scripts/[\w/.-]*\w", page.read_text())
            names |= {(str(page), name) for name in scripts}
    assert len(names) > 20
    assert not [(place, name) for place, name in names if not (ROOT / name).exists()]


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.language in documents.RUN], ids=lambda b: b.place
)
def test_shell_syntax_is_correct(block: Block) -> None:
    for command, _ in documents.commands(block):
        text = command
        for placeholder in documents.placeholders(command):
            text = text.replace(placeholder, "placeholder")
        done = subprocess.run(
            ["bash", "-n"], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def root_of(block: Block, folder: Path) -> str:
    """Write the configuration that a block shows to `folder`; return a test that plans it."""
    kind, _, context = block.note.partition(" of ")
    module = next(iter(SOURCE.findall(block.text)), Path(context).name)
    part = "<!-- test: arguments of modules/records-api -->"
    assert module, f"{block.place}: say before the block what it is a part of, such as {part}"
    text = SOURCE.sub(lambda found: json.dumps(f"../repository/modules/{found[1]}"), block.text)
    source, variables = f"./{folder.name}", ""
    if kind == "values":
        source, module = f"./repository/{context}", "records-api"
        committed = (ROOT / context / "terraform.tfvars").read_text()
        variables = f"variables {{\n{committed}{text}}}"
    else:
        if kind == "arguments":
            required = "".join(f"  {name} = {value}\n" for name, value in REQUIRED.items())
            text = f'module "it" {{\n  source = "../repository/{context}"\n{required}{text}}}\n'
        folder.mkdir()
        (folder / "main.tf").write_text(text)
        if "required_providers" not in text:
            (folder / "versions.tf").write_text(VERSIONS)
    mocks = f"./repository/modules/{module}/tests/mocks"
    return TEST.format(mocks=mocks, source=source, variables=variables)


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The errors of each block's plan, by its place; one command plans all of them."""
    root = tmp_path_factory.mktemp("documents")
    (root / "repository").symlink_to(ROOT)
    (root / "versions.tf").write_text(VERSIONS)
    for number, block in enumerate(PLANNED):
        test = root_of(block, root / f"block{number}")
        (root / f"block{number}.tftest.hcl").write_text(test)
    runner = terraform.ensure(root / "log")
    env = terraform.environment(data=root / "data")
    initialized = runner.call(root, "init", "-backend=false", "-no-color", env=env)
    assert initialized.code == 0, initialized.output.partition("Error:")[2]
    found: dict[str, list[str]] = {}
    for line in runner.call(root, "test", "-json", env=env).output.splitlines():
        message = json.loads(line)
        name = message.get("@testfile", "").removesuffix(".tftest.hcl")
        if message.get("test_run", {}).get("progress") == "complete":
            found.setdefault(name, [])
        elif message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error":
            found.setdefault(name, []).append(message["diagnostic"]["summary"])
    return {block.place: found[f"block{number}"] for number, block in enumerate(PLANNED)}


@pytest.mark.parametrize("place", [block.place for block in PLANNED])
def test_hcl_can_be_planned(place: str, errors: dict[str, list[str]]) -> None:
    assert errors[place] == []
