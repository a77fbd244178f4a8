"""Code blocks of Markdown files: how they are found, and what their output is compared with."""

from pathlib import Path

import pytest

from lib import documents
from lib.documents import Block

PAGE = """\
# Title

<!-- test: skipped, deletes data -->
```sh
rm -r data
```

1. In a list:

   <!-- test: exits with 0 or 3 -->
   ```console
   $ one --two
   three
     four
   $ five
   ```

```hcl
a = 1
```

`<!-- test: skipped, an example in a text -->`
"""


@pytest.fixture
def blocks(tmp_path: Path) -> list[Block]:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    return documents.blocks(page)


def test_blocks_have_their_comment_and_no_indentation(blocks: list[Block]) -> None:
    assert [(block.line, block.language, block.note, block.text) for block in blocks] == [
        (4, "sh", "skipped, deletes data", "rm -r data\n"),
        (11, "console", "exits with 0 or 3", "$ one --two\nthree\n  four\n$ five\n"),
        (18, "hcl", "", "a = 1\n"),
    ]


def test_treatment_depends_on_language_and_comment(blocks: list[Block]) -> None:
    assert [(block.treatment, block.is_run) for block in blocks] == [
        ("skipped, deletes data", False),
        ("run, exits with 0 or 3", True),
        ("planned", False),
    ]
    elsewhere = blocks[1]._replace(note="run by tests/e2e/test_up.py")
    assert (elsewhere.treatment, elsewhere.is_run) == (elsewhere.note, False)


def test_console_blocks_have_commands_with_output(blocks: list[Block]) -> None:
    assert documents.commands(blocks[1]) == [("one --two", "three\n  four\n"), ("five", "")]
    assert documents.commands(blocks[0]) == [("rm -r data\n", "")]


def test_comment_before_no_block_is_counted(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert documents.unused_notes(page) == 0
    page.write_text(f"{PAGE}\n<!-- test: skipped, nothing follows -->\n")
    assert documents.unused_notes(page) == 1


@pytest.mark.parametrize(
    ("expected", "actual", "result"),
    [
        ('{"a": 1,\n "b": "x y"}', '{"a":27,"b":"x y"}', True),
        ("at 2026-01-31T09:30:00.123Z", "at 2027-02-01T00:00:00Z", True),
        ("01a206a3-8211-7f1e-819d-7ace002ed565 1", "ce8d3c6c-e54e-8ea3-9dc9-f6e97569e579 12", True),
        ("first\n...\nlast", "first\nsecond\nthird\nlast", True),
        ('{"a": 1}', '{"b": 1}', False),
        ("1 intact", "1 ALTERED", False),
        ("first", "first\nsecond", False),
    ],
)
def test_output_is_compared_by_its_form(expected: str, actual: str, *, result: bool) -> None:
    assert documents.matches(expected, actual) is result


def test_placeholders_are_filled_in() -> None:
    text = "curl --user <key ID>:<secret> <the URL without /records>"
    assert documents.placeholders(text) == ["<key ID>", "<secret>", "<the URL without /records>"]
    values = {"<key ID>": "A", "<secret>": "B", "<the URL without /records>": "C"}
    assert documents.filled(text, values) == "curl --user A:B C"
