"""Request bodies from the options of `create` and `update`."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from records_cli import jsontext
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

Body = dict[str, Any]


def from_file(file: str | None) -> Body:
    """Return the JSON object in a file; `-` is standard input. Numbers keep their digits.

    Returns an empty body if `file` is None. Raises Failure if it can't be read or is not an object.
    """
    if file is None:
        return {}
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(
            f"{file} can't be read: {error.strerror}", "check the path", Exit.BAD_INPUT
        ) from error
    return json_object(text.decode("utf-8-sig", errors="replace"), "-f", "correct the file")


def json_object(
    text: str, option: str, remedy: str = """quote it for the shell: '{"host": "db-07"}'"""
) -> Body:
    """Return a JSON object. Raises Failure, which names `option`, if `text` is not one.

    `remedy` is that for text that is not JSON.
    """
    try:
        content = jsontext.parse(text)
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{option} is not JSON: {error}",
            remedy,
            Exit.BAD_INPUT,
        ) from error
    if not isinstance(content, dict):
        raise Failure(
            f"{option} is not a JSON object", """pass an object: {"name": ...}""", Exit.BAD_INPUT
        )
    return content


def add_attributes(body: Body, assignments: Iterable[str]) -> None:
    r"""Add `key=value` (text) and `key:=value` (JSON) to the attributes of a body.

    `a.b=c` is a member of an object; `a\.b=c` has a dot in its name. Raises Failure if an
    assignment is malformed.
    """
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        is_json = name.endswith(":")
        path = _path(name.removesuffix(":"))
        if not equals or not all(path):
            raise Failure(
                f"--attr {assignment!r} is not an assignment",
                "use --attr name=text or --attr name:=JSON",
                Exit.BAD_INPUT,
            )
        _set(body, ["attributes", *path], _json(value, assignment) if is_json else value)


def add_removals(body: Body, fields: Iterable[str]) -> None:
    """Set fields, such as `message` or `attributes.x.y`, to null, which removes them.

    Raises Failure if a name is malformed.
    """
    for field in fields:
        path = _path(field)
        if not all(path):
            raise Failure(
                f"--remove {field!r} is not a field",
                "use --remove message or --remove attributes.NAME",
                Exit.BAD_INPUT,
            )
        _set(body, path, None)


def _path(text: str) -> list[str]:
    return [name.replace("\\.", ".") for name in re.split(r"(?<!\\)\.", text)]


def _json(text: str, assignment: str) -> Any:
    try:
        return jsontext.parse(text)
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"--attr {assignment!r} has no JSON value: {error}",
            "use name=text for text, or quote it: 'name:=\"text\"'",
            Exit.BAD_INPUT,
        ) from error


def _set(body: Body, path: list[str], value: Any) -> None:
    *parents, last = path
    for name in parents:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            raise Failure(
                f"{'.'.join(path)} is set, but {name} is not an object",
                "set one of them",
                Exit.BAD_INPUT,
            )
        body = inner
    body[last] = value
