"""Writes the tables of inputs and outputs into the READMEs of modules and environments.

The tables come from variables.tf and outputs.tf, in the format of terraform-docs. They are written
between the lines `<!-- BEGIN_TF_DOCS -->` and `<!-- END_TF_DOCS -->`.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lib import api_page, documents, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT, shown

BEGIN, END = "<!-- BEGIN_TF_DOCS -->", "<!-- END_TF_DOCS -->"
_MARKED = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


class Block(NamedTuple):
    """A `variable` or `output` block: its name, and the source text of its attributes."""

    name: str
    attributes: dict[str, str]


def blocks(source: str, kind: str) -> Iterator[Block]:
    """Yield the blocks of `kind` in the HCL text `source`, in order."""
    import hcl2

    for tree in hcl2.parses_to_tree(source).find_data("block"):
        label, name, *_ = (_text(source, child) for child in tree.children if _is_tree(child))
        if label == kind:
            body = next(child for child in tree.children if _is_tree(child, "body"))
            attributes = [child for child in body.children if _is_tree(child, "attribute")]
            yield Block(name.strip('"'), dict(_attribute(source, each) for each in attributes))


def inputs(source: str) -> str:
    """Return the table of the variables in `source`."""
    rows = [
        f"| {_anchor('input', block.name)} | {_description(block)} | {_code(block, 'type')} "
        f"| {_code(block, 'default')} | {'no' if 'default' in block.attributes else 'yes'} |"
        for block in blocks(source, "variable")
    ]
    head = ["| Name | Description | Type | Default | Required |", "|---|---|---|---|:---:|"]
    return "\n".join(["## Inputs", "", *head, *rows])


def outputs(source: str) -> str:
    """Return the table of the outputs in `source`."""
    rows = [
        f"| {_anchor('output', block.name)} | {_description(block)} |"
        for block in blocks(source, "output")
    ]
    return "\n".join(["## Outputs", "", "| Name | Description |", "|---|---|", *rows])


def documented(readme: Path) -> str:
    """Return the text of `readme` with current tables. Raises Failure without the markers."""
    text = readme.read_text()
    if not _MARKED.search(text):
        raise Failure(
            f"{shown(readme)} has no markers for its tables", f"add the lines {BEGIN} and {END}"
        )
    tables = [
        inputs((readme.parent / "variables.tf").read_text()),
        outputs((readme.parent / "outputs.tf").read_text()),
    ]
    content = "\n\n".join([BEGIN, *tables, END])
    return _MARKED.sub(lambda _: content, text, count=1)


def readmes() -> list[Path]:
    """Return the READMEs that have tables."""
    folders = [*(ROOT / "modules").iterdir(), ROOT / "environments" / "bootstrap"]
    return sorted(folder / "README.md" for folder in folders if (folder / "README.md").is_file())


def stale() -> list[Path]:
    """Return the READMEs whose tables differ from the HCL."""
    return [readme for readme in readmes() if documented(readme) != readme.read_text()]


def check() -> None:
    """Raise Failure if a README is out of date."""
    if names := [shown(readme) for readme in stale()]:
        raise Failure(f"out of date: {', '.join(names)}", "run scripts/docs and commit the result")


def _is_tree(node: Any, kind: str | None = None) -> bool:
    return hasattr(node, "data") and (kind is None or node.data == kind)


def _text(source: str, tree: Any) -> str:
    return "" if tree.meta.empty else source[tree.meta.start_pos : tree.meta.end_pos]


def _attribute(source: str, tree: Any) -> tuple[str, str]:
    name, value = (child for child in tree.children if _is_tree(child))
    return _text(source, name), _text(source, value)


def _anchor(kind: str, name: str) -> str:
    return f'<a name="{kind}_{name}"></a> [{name}](#{kind}_{name})'


def _description(block: Block) -> str:
    source = block.attributes.get("description", "").strip()
    is_heredoc = source.startswith("<<")
    lines = source.splitlines()[1:-1] if is_heredoc else [source.strip('"').replace('\\"', '"')]
    # Outside code spans (every second part), Markdown reads `<name>` as an HTML tag.
    parts = " ".join(" ".join(lines).split()).replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _code(block: Block, attribute: str) -> str:
    text = block.attributes.get(attribute, "").strip()
    if not text:
        return "n/a"
    if "\n" not in text:
        return f"`{text}`".replace("|", "\\|")
    first, rest = text.split("\n", 1)
    lines = [first, *textwrap.dedent(rest).splitlines()]
    return f"<pre>{'<br/>'.join(lines)}</pre>".replace("|", "\\|")


def _verb() -> None:
    parser = argument_parser(prog="scripts/docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if out of date")
    parser.add_argument(
        "--blocks", action="store_true", help="list the code blocks and what the tests do with them"
    )
    parser.add_argument(
        "--api", action="store_true", help="write the OpenAPI document as a page, with npm's Redoc"
    )
    arguments = parser.parse_args()
    if arguments.blocks:
        for page in documents.pages():
            for block in documents.blocks(page):
                print(f"{block.place:<40} {block.language:<8} {block.treatment}")
        return
    venvs.run_in("dev", "lib.docs")
    if arguments.api:
        with step("page of the API") as line:
            line.note = api_page.write()
        return
    with step("tables checked" if arguments.check else "tables written") as line:
        if arguments.check:
            check()
        else:
            changed = stale()
            for readme in changed:
                readme.write_text(documented(readme))
            line.note = ", ".join(map(shown, changed)) or "unchanged"


if __name__ == "__main__":
    main(_verb)
