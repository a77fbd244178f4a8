"""Reads HCL with python-hcl2: its structure, with expressions as text; nothing is evaluated."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hcl2

ROOT = Path(__file__).resolve().parents[2]
ROOT_MODULES = sorted(path for path in (ROOT / "environments").iterdir() if path.is_dir())
MODULES = sorted(path for path in (ROOT / "modules").iterdir() if path.is_dir())

_OPTIONS = hcl2.SerializationOptions(
    with_comments=False, preserve_heredocs=False, strip_string_quotes=True
)
_MARK = "__is_block__"  # python-hcl2's sign of a block; without it, a mapping is a block's label


class Block(NamedTuple):
    """A block at the top of a file, such as `variable "name" {...}`.

    `body` maps the names of attributes to their values, and those of nested blocks to lists.
    Strings are Python strings; any other expression is its text in `${...}`.
    """

    path: Path
    kind: str
    labels: tuple[str, ...]
    body: dict[str, Any]

    @property
    def address(self) -> str:
        """Return the name of this block in messages."""
        return f"{self.path.relative_to(ROOT)}: {' '.join((self.kind, *self.labels))}"


def sources() -> list[Path]:
    """Return the HCL files of modules, examples and environments."""
    folders = (ROOT / "modules", ROOT / "environments")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*.tf")
        if ".terraform" not in path.parts and not path.is_symlink()
    )


@cache
def parse(text: str) -> dict[str, Any]:
    """Return the structure of HCL."""
    return dict(hcl2.loads(text, serialization_options=_OPTIONS))


def blocks(path: Path, kind: str = "") -> list[Block]:
    """Return the blocks of a file, optionally of one kind."""
    return [
        Block(path, name, *_labeled((), content))
        for name, contents in parse(path.read_text()).items()
        if isinstance(contents, list) and kind in ("", name)
        for content in contents
    ]


def names(value: object) -> Iterator[str]:
    """Yield the names of all attributes and blocks in a structure, and all keys of objects."""
    if isinstance(value, dict):
        for name, content in value.items():
            yield name
            yield from names(content)
    elif isinstance(value, list):
        for content in value:
            yield from names(content)


def texts(value: object) -> Iterator[str]:
    """Yield all strings and expressions in a structure."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for content in value.values() if isinstance(value, dict) else value:
            yield from texts(content)


def _labeled(
    labels: tuple[str, ...], content: dict[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    if _MARK in content:
        return labels, _without_mark(content)
    ((label, inner),) = content.items()
    return _labeled((*labels, label), inner)


def _without_mark(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_mark(part) for name, part in value.items() if name != _MARK}
    return [_without_mark(part) for part in value] if isinstance(value, list) else value
