"""The code blocks of the repository's Markdown files, and what the tests do with each.

A comment in the lines before a block changes that: `<!-- test: skipped, REASON -->`,
`<!-- test: run by tests/e2e/test_x.py -->`, `<!-- test: exits with 0 or 3 -->`, or what a block of
HCL is a part of, such as `<!-- test: arguments of modules/records-api -->` or
`<!-- test: values of environments/dev -->`.
"""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from lib.paths import ROOT, shown

RUN, PLANNED = ("sh", "console"), ("hcl",)
PLAIN = ("js", "json", "mermaid", "python", "sql", "text")  # not tested
SKIPPED, ELSEWHERE = "skipped, ", "run by "
_BLOCK = re.compile(
    r"(?:^ *<!-- test: (?P<note>.+?) -->\n\n?)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_NOTE = re.compile(r"^ *<!-- test: ", re.MULTILINE)
_PLACEHOLDER = re.compile(r"<[a-z][\w /-]*>", re.IGNORECASE)


class Block(NamedTuple):
    """A code block: the file, the line of its first fence, its language, its comment, its text."""

    page: Path
    line: int
    language: str
    note: str
    text: str

    @property
    def place(self) -> str:
        """Return `path:line`."""
        return f"{shown(self.page)}:{self.line}"

    @property
    def skipped(self) -> str:
        """Return the reason why the tests skip this block; empty if they do not."""
        return self.note.removeprefix(SKIPPED) if self.note.startswith(SKIPPED) else ""

    @property
    def is_run(self) -> bool:
        """Return whether tests/e2e/test_documents.py runs this block."""
        return self.language in RUN and not self.note.startswith((SKIPPED, ELSEWHERE))

    @property
    def treatment(self) -> str:
        """Return what the tests do with this block."""
        if self.note.startswith((SKIPPED, ELSEWHERE)):
            return self.note
        if self.language in RUN:
            return "run" + (f", {self.note}" if self.note else "")
        if self.language in PLANNED:
            return "planned" + (f", {self.note}" if self.note else "")
        return "not tested"


def pages() -> list[Path]:
    """Return the Markdown files of the repository."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    lines = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in lines.splitlines() if (ROOT / line).is_file()]


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, without the indentation of the list that they are in."""
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start("indent")) + 1,
            found["language"],
            found["note"] or "",
            re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
        )
        for found in _BLOCK.finditer(text)
    ]


def unused_notes(page: Path) -> int:
    """Return how many comments for tests stand before no block."""
    noted = [block for block in blocks(page) if block.note]
    return len(_NOTE.findall(page.read_text())) - len(noted)


def filled(text: str, values: dict[str, str]) -> str:
    """Return `text` with the keys of `values` replaced, the longest first."""
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])
    return text


def placeholders(text: str) -> list[str]:
    """Return what a reader has to fill in, such as `<key ID>`."""
    return _PLACEHOLDER.findall(text)


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output that the page shows for it.

    In a `console` block, each line that begins with `$ ` is a command and the lines after it are
    its output. A `sh` block is one command without output.
    """
    if block.language == "sh":
        return [(block.text, "")]
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def shape(output: str) -> str:
    """Return `output` without what differs from run to run: spaces, IDs, times and numbers."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", output)
    text = re.sub(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "HASH", text)
    text = re.sub(r"\d+(?:[.,]\d+)*", "1", text)
    return re.sub(r"\s+", "", text)


def matches(expected: str, actual: str) -> bool:
    """Return whether `actual` has the shape of `expected`, where `...` stands for anything."""
    parts = map(re.escape, shape(expected).split("..."))
    return re.fullmatch(".*".join(parts), shape(actual)) is not None
