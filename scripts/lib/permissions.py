"""Lists every permission of the modules' roles and policies in docs/permissions.md.

Terraform renders the policies with a mocked provider (tests/policy/stacks). A policy that becomes
wider or narrower changes the page, and scripts/test fails until the new page is committed.
"""

import difflib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from lib import venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT, shown
from lib.policies import function_policies, policies_of, render

PAGE = ROOT / "docs" / "permissions.md"
STACKS = ROOT / "tests" / "policy" / "stacks"
# The module that stacks/ instantiates once for each operation, with that operation alone.
OPERATION = re.compile(r'operation\["(?P<name>\w+)"\]\.(?P<resource>\S+)')
_HEAD = """\
# Permissions

Every permission in the policies that the modules create for roles, callers, keys, buckets, topics
and tables, for an instance `records-dev` in account 111122223333 and Region eu-central-1.
`operations` names the members of `var.operations` that need the permission; `always` means that
every instance has it. An instance has the union of the rows of its operations.

An instance that accepts signatures and bearer tokens has a second API, and API Gateway may invoke
the function for each of its routes too. What the identity that runs Terraform needs is in [Who runs
Terraform](deployer.md).

`scripts/permissions --write` generates this page. `scripts/test` fails if the page differs from the
policies that Terraform renders.
"""


class Permission(NamedTuple):
    """One action of a statement: `effect`, who (`principal`), what, on what, and under what."""

    effect: str
    principal: str
    action: str
    resource: str
    condition: str


def permissions(policy: Mapping[str, Any]) -> list[Permission]:
    """Return the permissions of an IAM policy document, sorted and without repetition.

    Raises ValueError for NotAction, NotResource or NotPrincipal: what they permit has no end.
    """
    return sorted({each for statement in policy["Statement"] for each in _each(statement)})


def _each(statement: Mapping[str, Any]) -> Iterator[Permission]:
    if unbounded := [name for name in statement if name.startswith("Not")]:
        raise ValueError(f"{', '.join(unbounded)} in {statement}")
    condition = "; ".join(
        f"{operator} {key} = {', '.join(_listed(value))}"
        for operator, values in sorted(statement.get("Condition", {}).items())
        for key, value in sorted(values.items())
    )
    for principal, action, resource in product(
        list(_principals(statement.get("Principal", ""))),
        _listed(statement["Action"]),
        _listed(statement.get("Resource", "")),
    ):
        yield Permission(statement["Effect"], principal, action, resource, condition)


def _principals(principal: str | Mapping[str, Any]) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
    else:
        for names in principal.values():
            yield from _listed(names)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else sorted(value)


def documented(resources: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the policies that the page lists, of rendered resources, by address."""
    return policies_of(resources) | function_policies(resources)


def page(policies: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the text of docs/permissions.md for rendered policies, by address of their resource.

    Raises ValueError for a policy that can't be listed.
    """
    by_operation: dict[str, dict[str, set[Permission]]] = {}
    whole: dict[str, list[Permission]] = {}
    for address, policy in sorted(policies.items()):
        if match := OPERATION.fullmatch(address):
            of_resource = by_operation.setdefault(f"records_api.{match['resource']}", {})
            of_resource[match["name"]] = set(permissions(policy))
        else:
            whole[address] = permissions(policy)
    sections = [_section(name, rows, by_operation.get(name, {})) for name, rows in whole.items()]
    return "\n".join([_HEAD, *sections])


def _section(
    address: str, rows: list[Permission], by_operation: Mapping[str, set[Permission]]
) -> str:
    """Return the table of a policy, without columns that are empty."""
    columns = {
        name: [f"`{cell}`" if cell else "" for cell in cells]
        for name, *cells in zip(Permission._fields, *rows, strict=True)
        if any(cells)
    }
    if by_operation:
        columns["operations"] = [_needed_by(row, by_operation) for row in rows]
    lines = [columns, ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    table = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([f"## `{address}`", "", *table, ""])


def _needed_by(row: Permission, by_operation: Mapping[str, set[Permission]]) -> str:
    names = sorted(name for name, rows in by_operation.items() if row in rows)
    return "always" if len(names) == len(by_operation) else ", ".join(names)


def difference(text: str) -> str:
    """Return a unified diff from the committed page to `text`; empty if they are equal."""
    committed = PAGE.read_text() if PAGE.exists() else ""
    lines = difflib.unified_diff(
        committed.splitlines(), text.splitlines(), "committed", "rendered", lineterm="", n=0
    )
    return "\n".join(lines)


def _verb() -> None:
    parser = argument_parser(prog="scripts/permissions", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {shown(PAGE)}")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.permissions")
    with step("policies rendered") as line, tempfile.TemporaryDirectory() as folder:
        policies = documented(render(STACKS, Path(folder)))
        line.note = f"{len(policies)} policies"
    text = page(policies)
    with step(f"{shown(PAGE)} {'written' if arguments.write else 'compared'}"):
        found = difference(text)
        if arguments.write:
            PAGE.write_text(text)
        elif found:
            raise Failure(
                f"{shown(PAGE)} differs from the policies that Terraform renders",
                "review the difference above, then run scripts/permissions --write",
                report=found + "\n",
            )
    if not arguments.write:
        print(text)


if __name__ == "__main__":
    main(_verb)
