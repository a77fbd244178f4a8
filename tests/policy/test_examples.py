"""The examples of the modules: what a reader copies is what `terraform test` plans."""

import re
from pathlib import Path

import pytest

from lib import documents
from policy.hcl import MODULES, ROOT, blocks

MINIMAL = ROOT / "modules/records-api/examples/minimal/main.tf"
EXAMPLES = sorted(path for path in ROOT.glob("modules/*/examples/*") if path.is_dir())
SOURCE = re.compile(
    r"git::https://git\.example\.com/platform/records-api\.git//modules/([\w-]+)\?ref=<tag>"
)


def sources(path: Path) -> dict[str, str]:
    """Return the source of each module block in a file, by its name."""
    return {block.labels[0]: block.body["source"] for block in blocks(path, "module")}


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda path: f"{path.parents[1].name}-{path.name}"
)
def test_example_is_planned_from_this_checkout(example: Path) -> None:
    copied, planned = (sources(example / name) for name in ("main.tf", "override.tf"))
    assert copied.keys() == planned.keys()
    for name, source in copied.items():
        match = SOURCE.fullmatch(source)
        assert match, source
        assert (example / planned[name]).resolve() == ROOT / "modules" / match[1]
    assert all(block.body.keys() == {"source"} for block in blocks(example / "override.tf"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_example_is_planned(module: Path) -> None:
    text = (module / "tests/examples.tftest.hcl").read_text()
    planned = re.findall(r'module \{ source = "\./examples/([\w-]+)" \}', text)
    assert sorted(planned) == [path.name for path in EXAMPLES if path.parents[1] == module]


@pytest.mark.parametrize("page", ["README.md", "modules/records-api/README.md"])
def test_page_shows_the_minimal_example(page: str) -> None:
    """It is complete: provider and versions included."""
    block = next(block for block in documents.blocks(ROOT / page) if block.language == "hcl")
    assert block.text == MINIMAL.read_text()
