"""Generates faults from source code: one change of an operator, a constant or a statement each.

They complement the faults in tests/mutants.toml, which people wrote, where nobody thought of one.
"""

import ast
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lib.mutant_runs import Fault

_SWAPPED: dict[type[ast.AST], type[Any]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


class Mutation(NamedTuple):
    """A change of the text from `start` to `end` (characters) of a file to `new`.

    `function` is the function that contains it, "" at the top level. `line` and `changed` are the
    source lines before and after the change, without indentation, by which people know it.
    """

    file: str
    function: str
    start: int
    end: int
    new: str
    line: str
    changed: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what identifies the mutation when code around it changes."""
        return self.file, self.line, self.changed

    def fault(self) -> Fault:
        """Return the fault to run tests with."""
        place = f"{self.file}, {self.function or 'top level'}"
        name = f"{place}: {self.line} -> {self.changed}"
        return Fault(name, self.file, self.start, self.end, self.new)


def mutations(file: str, source: str) -> list[Mutation]:
    """Return all mutations of a file's source, in their order in the text."""
    tree = ast.parse(source)
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line.encode()))
    encoded = source.encode()

    def offset(line: int, column: int) -> int:
        return len(encoded[: offsets[line - 1] + column].decode())

    found = []
    for function, node, new in _changes(tree):
        start = offset(node.lineno, node.col_offset)
        end = offset(node.end_lineno or 0, node.end_col_offset or 0)
        found.append(_mutation(file, function, source, (start, end), new))
    return sorted(set(found), key=lambda each: (each.start, each.end, each.new))


def sample(by_file: Mapping[str, Sequence[Mutation]], count: int, seed: str) -> list[Mutation]:
    """Return at least `count` mutations if there are as many, among them one of each function."""
    draw = random.Random(seed)  # noqa: S311 (repeatable)
    functions = defaultdict(list)
    for each in (mutation for found in by_file.values() for mutation in found):
        functions[each.file, each.function].append(each)
    chosen = {draw.choice(found) for found in functions.values()}
    rest = [each for found in functions.values() for each in found if each not in chosen]
    chosen.update(draw.sample(rest, min(len(rest), max(0, count - len(chosen)))))
    return sorted(chosen)


def _changes(tree: ast.Module) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    """Yield the function, the node to replace and its replacement for each mutation."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        for replaced, new in _replacements(node):
            yield function, replaced, new
        # Annotations, decorators and the texts of f-strings are left as they are.
        skipped = ("annotation", "returns", "decorator_list")
        for name, value in ast.iter_fields(node):
            if name not in skipped and not isinstance(node, ast.JoinedStr):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from visit(child, function)

    yield from visit(tree, "")


def _replacements(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yield each node to replace at `node`, with its replacement."""
    match node:
        case ast.Compare(left, [operator, *more], comparators):
            changed = ast.Compare(left, [_SWAPPED[type(operator)](), *more], comparators)
            yield node, f"({ast.unparse(changed)})"
        case ast.BoolOp(operator, values):
            yield node, f"({ast.unparse(ast.BoolOp(_SWAPPED[type(operator)](), values))})"
        case ast.BinOp(left, operator, right) if type(operator) in _SWAPPED:
            yield node, f"({ast.unparse(ast.BinOp(left, _SWAPPED[type(operator)](), right))})"
        case ast.UnaryOp(ast.Not(), operand):
            yield node, f"({ast.unparse(operand)})"
        case ast.Constant(bool(value)):
            yield node, repr(not value)
        case ast.Constant(int(value) | float(value)):
            yield node, repr(value + 1)
        case ast.If(test) | ast.IfExp(test) | ast.While(test) if not _has_opposite(test):
            yield test, f"(not ({ast.unparse(test)}))"
        case ast.Return(value) if value is not None and not _is_none(value):
            yield value, "None"
        case ast.Raise() | ast.AugAssign() | ast.Expr(ast.Call()):
            yield node, "pass"


def _has_opposite(node: ast.expr) -> bool:
    """Return whether another replacement already turns a condition into its opposite."""
    if isinstance(node, ast.Compare):
        return not isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _mutation(file: str, function: str, source: str, span: tuple[int, int], new: str) -> Mutation:
    start, end = span
    first = source.rfind("\n", 0, start) + 1
    last = len(source) if (position := source.find("\n", end)) < 0 else position
    line = " ".join(source[first:last].split())
    changed = " ".join((source[first:start] + new + source[end:last]).split())
    return Mutation(file, function, start, end, new, line, changed)
