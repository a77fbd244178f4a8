"""Each finding of a linter that the code skips has its reason on the same line."""

import re
import subprocess
import tokenize
from collections.abc import Iterator
from io import BytesIO

import pytest

from lib.paths import ROOT

# All comments that turn a check off, and those that also say why. `fmt: skip` is none: it keeps the
# layout of a table.
SKIP = re.compile(
    r"#\s*(noqa|nosec|type:\s*ignore|pragma:|(flake8|mypy|pylint|pyright|ruff):)", re.IGNORECASE
)
EXPLAINED = re.compile(
    r"(# type: ignore\[[a-z, -]+\]  )?# noqa: [A-Z]+\d+(, [A-Z]+\d+)* \([^()]*[a-z]{2}[^()]*\)"
    r"|# type: ignore\[[a-z, -]+\]  # (?!noqa)[^#]*[a-z]{2}[^#]*"
)
CODE = re.compile(r'"[A-Z]+\d*"')


def unexplained(source: bytes) -> Iterator[int]:
    """Yield the number of each line that skips a check without a reason."""
    if not SKIP.search(source.decode()):
        return  # most files; reading their tokens takes longer
    for token in tokenize.tokenize(BytesIO(source).readline):
        if (
            token.type == tokenize.COMMENT
            and SKIP.search(token.string)
            and not EXPLAINED.fullmatch(token.string)
        ):
            yield token.start[0]


@pytest.mark.parametrize(
    ("line", "is_explained"),
    [
        ("x = 1  # noqa: S105 (the name of a variable)", True),
        ("x = 1  # noqa: S105, S106 (the names of variables)", True),
        ("x = 1  # type: ignore[attr-defined]  # absent from its stub", True),
        ("x = 1  # type: ignore[misc]  # noqa: S105 (the name of a variable)", True),
        ("x = '# noqa: S105'  # a comment", True),
        ("x = 1  # noqa: S105", False),
        ("x = 1  # noqa: S105 ()", False),
        ("x = 1  # noqa", False),
        ("x = 1  # NOQA:S105", False),
        ("x = 1  # type: ignore", False),
        ("x = 1  # type:ignore[misc]", False),
        ("x = 1  # type: ignore[misc]  # noqa: S105", False),
        ("# ruff: noqa", False),
        ("# mypy: ignore-errors", False),
        ("x = 1  # nosec B105", False),
        ("x = 1  # pragma: no cover", False),
    ],
)
def test_skip_without_a_reason_is_noticed(line: str, is_explained: bool) -> None:
    assert list(unexplained(f"y = 0\n{line}\n".encode())) == ([] if is_explained else [2])


def test_each_skip_in_the_code_has_a_reason() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in names.splitlines()]
    assert len(files) > 100
    assert not [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        if file.is_file()  # deleted, but not yet committed
        for number in unexplained(file.read_bytes())
    ]


def test_each_rule_that_a_folder_ignores_has_a_reason() -> None:
    settings = (ROOT / "pyproject.toml").read_text().partition("\nignore = [")[2]
    rules = settings.partition("[tool.ruff.lint.flake8-type-checking]")[0].splitlines()
    assert len([line for line in rules if CODE.search(line)]) > 10
    assert not [
        line for line in rules if CODE.search(line) and not re.search(r"# .*[a-z]{2}", line)
    ]
