"""The ledger of skipped policy checks: docs/scan-exceptions.md, from the sources and a table.

The reason of a skip stands beside the resource, in `#checkov:skip=RULE:reason`. Who owns it, and
when to review it, stand in tests/policy/exceptions.toml.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lib.checkov import Skip
from lib.console import Failure
from lib.paths import ROOT, shown

LEDGER = ROOT / "tests" / "policy" / "exceptions.toml"
PAGE = ROOT / "docs" / "scan-exceptions.md"
_SKIP = re.compile(r"#checkov:skip=(\w+):?(.*)")
_RESOURCE = re.compile(r'resource "(\w+)" "(\w+)"')
_HEAD = """\
# Skipped policy checks

Each check that checkov skips, with its reason. The owner is a role. At the review date, the owner
confirms the reason, or removes the skip. To add one, write `#checkov:skip=<rule>:<reason>` into the
resource, add the rule to `tests/policy/exceptions.toml`, and run `scripts/scan`, which generates
this page.

| rule | resource | reason | owner | review |
| --- | --- | --- | --- | --- |
"""


class Review(NamedTuple):
    """Who is responsible for a skip, and when they review it."""

    owner: str
    date: dt.date


def in_sources(folders: Iterable[Path]) -> dict[Skip, str]:
    """Return the skips in the HCL below `folders`, with their reasons.

    Raises Failure if one has no reason.
    """
    skips: dict[Skip, str] = {}
    for file in sorted(path for folder in folders for path in folder.rglob("*.tf")):
        if ".terraform" not in file.parts:
            skips.update(_in_file(file))
    if unexplained := [each for each, reason in skips.items() if not reason]:
        raise Failure(
            f"checks skipped without a reason: {_names(unexplained)}",
            "add the reason on the same line: #checkov:skip=RULE:reason",
        )
    return skips


def _in_file(file: Path) -> Iterator[tuple[Skip, str]]:
    resource = ""
    for line in file.read_text().splitlines():
        if found := _RESOURCE.match(line):
            resource = ".".join(found.groups())
        if skip := _SKIP.search(line):
            yield Skip(skip[1], file.parent.name, resource), skip[2].strip()


def ledger(text: str) -> dict[Skip, Review]:
    """Return the entries of the ledger, from the text of exceptions.toml."""
    return {
        Skip(entry["rule"], *entry["resource"].split("/")): Review(entry["owner"], entry["review"])
        for entry in tomllib.loads(text)["exception"]
    }


def reviews() -> dict[Skip, Review]:
    """Return the entries of the committed ledger."""
    return ledger(LEDGER.read_text())


def compare(
    sources: Iterable[Skip], listed: Iterable[Skip], skipped: Iterable[Skip] | None = None
) -> None:
    """Raise Failure unless sources and ledger name the same skips, and each has an effect.

    `skipped` is what checkov skipped; None: it did not run.
    """
    in_code, in_ledger = set(sources), set(listed)
    if missing := in_code - in_ledger:
        raise Failure(
            f"skipped checks without owner and review date: {_names(missing)}",
            f"add them to {shown(LEDGER)}",
        )
    if stale := in_ledger - in_code:
        raise Failure(f"the sources do not skip {_names(stale)}", f"remove it from {shown(LEDGER)}")
    if skipped is not None and (useless := in_code - set(skipped)):
        raise Failure(
            f"skips that match no finding: {_names(useless)}",
            "remove the comments and their entries in the ledger",
        )


def overdue(listed: Mapping[Skip, Review], today: dt.date) -> list[str]:
    """Return a line for each skip whose review date has passed."""
    return [
        f"{_names([skip])}: {review.owner} was to review it by {review.date}"
        for skip, review in sorted(listed.items())
        if review.date < today
    ]


def page(reasons: Mapping[Skip, str], listed: Mapping[Skip, Review]) -> str:
    """Return the text of docs/scan-exceptions.md."""
    rows = [
        f"| {skip.rule} | `{skip.folder}/{skip.resource}` | {reasons[skip]} "
        f"| {listed[skip].owner} | {listed[skip].date} |\n"
        for skip in sorted(reasons)
    ]
    return _HEAD + "".join(rows)


def _names(skips: Iterable[Skip]) -> str:
    return ", ".join(f"{each.rule} in {each.folder}/{each.resource}" for each in sorted(skips))
