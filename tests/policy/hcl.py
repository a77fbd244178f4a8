"""Reads HCL the way `terraform fmt` leaves it: enough for checks of style and names, no evaluation."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOT_MODULES = sorted(path for path in (ROOT / "environments").iterdir() if path.is_dir())
MODULES = sorted(path for path in (ROOT / "modules").iterdir() if path.is_dir())

_BLOCK = re.compile(
    r'^(\w+)((?: "[^"]+")*) \{\n(.*?)^\}|^(\w+)((?: "[^"]+")*) \{()\}$', re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"^[ \t]*#.*$|[ \t]#[^\"\n]*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block at the top of a file, such as `variable "name" {...}`."""

    path: Path
    kind: str
    labels: tuple[str, ...]
    body: str

    @property
    def address(self) -> str:
        """Return what a message calls this block."""
        return f"{self.path.relative_to(ROOT)}: {' '.join((self.kind, *self.labels))}"

    def attribute(self, name: str) -> str | None:
        """Return the text after `name =` at the first level, down to the next name there; None where it is not set."""
        found = re.search(rf"^  {name} += (.*?)(?=^  \w|\Z)", self.body, re.MULTILINE | re.DOTALL)
        return found[1].strip() if found else None


def sources() -> list[Path]:
    """Return every file of HCL that runs in an account: modules, their examples and environments."""
    folders = (ROOT / "modules", ROOT / "environments")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*.tf")
        if ".terraform" not in path.parts and not path.is_symlink()
    )


def code(path: Path) -> str:
    """Return the text of a file without its comments."""
    return _COMMENT.sub("", path.read_text())


def blocks(path: Path, kind: str = "") -> list[Block]:
    """Return the blocks of a file, of one kind if it is given."""
    found = [
        Block(
            path,
            match[1] or match[4],
            tuple(re.findall(r'"([^"]+)"', match[2] or match[5] or "")),
            match[3] or "",
        )
        for match in _BLOCK.finditer(code(path))
    ]
    return [block for block in found if kind in ("", block.kind)]
