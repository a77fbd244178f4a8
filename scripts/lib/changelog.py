"""The sections of CHANGELOG.md, and how the version of the sources depends on them."""

import re
from typing import NamedTuple

from lib.paths import ROOT
from records_api import __version__

CHANGELOG = ROOT / "CHANGELOG.md"
UNRELEASED = "Unreleased"
SUFFIX = "-dev"  # of a version that is not released yet
_HEADING = re.compile(r"^## \[(?P<name>[^]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
_RELEASED = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Section(NamedTuple):
    """One section: `Unreleased` or a version, its date (empty if it has none), and its text."""

    name: str
    date: str
    text: str


def sections(text: str) -> list[Section]:
    """Return the sections of the changelog `text`, newest first."""
    headings = list(_HEADING.finditer(text))
    following = [*headings[1:], None]
    return [
        Section(
            heading["name"],
            heading["date"] or "",
            text[heading.end() : after.start() if after else len(text)].strip(),
        )
        for heading, after in zip(headings, following, strict=False)
    ]


def number(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version such as `1.2.3`, or () if it is not one."""
    parts = _RELEASED.fullmatch(version)
    return tuple(map(int, parts.groups())) if parts else ()


def problems(text: str, version: str = __version__) -> list[str]:
    """Return how `version` and the changelog `text` contradict each other; empty if they do not.

    The newest section is either `Unreleased`, and the version is `X.Y.Z-dev` with X.Y.Z above the
    newest release, or it is `[X.Y.Z] - date`, and the version is X.Y.Z.
    """
    listed = sections(text)
    released = [section for section in listed if section.name != UNRELEASED]
    numbers = [number(section.name) for section in released]
    found = [
        f"[{section.name}] is not a version with a date: write ## [1.2.3] - 2026-01-31"
        for section in released
        if not (number(section.name) and section.date)
    ]
    if numbers != sorted(set(numbers), reverse=True):
        found.append("the versions do not descend: put the newest first, and each once")
    if not listed:
        return ["there is no section: write ## [Unreleased]"]
    planned = number(version.removesuffix(SUFFIX))
    if not planned:
        found.append(f"{version} is not X.Y.Z or X.Y.Z{SUFFIX}")
    elif listed[0].name == UNRELEASED:
        if not version.endswith(SUFFIX):
            found.append(f"the newest section is Unreleased, so the version ends with {SUFFIX}")
        if numbers and planned <= numbers[0]:
            found.append(f"{version} must be above the newest release, {released[0].name}")
    elif listed[0].name != version:
        found.append(f"the newest section is {listed[0].name}, but the version is {version}")
    return found
