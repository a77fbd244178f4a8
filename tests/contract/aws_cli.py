"""Parses shell commands as `sh` and the AWS CLI would, without the CLI.

The CLI derives its commands and options from botocore's models. CUSTOM lists its other commands.
"""

import json
import subprocess
import sys
from typing import Any, NamedTuple, cast

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import ListShape, Shape
from botocore.validate import ParamValidator

GLOBAL_OPTIONS = {"output", "query", "region"}
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
CUSTOM = {("logs", "tail"): {"follow", "since"}}
_PRINT = "import json, sys; print(json.dumps(sys.argv[1:]))"


class Call(NamedTuple):
    """A call of an AWS API, checked against its model; `query` selects from the response."""

    service: str
    method: str
    parameters: dict[str, Any]
    region: str
    query: str


def commands(line: str, programs: tuple[str, ...], **variables: str) -> list[list[str]]:
    """Return the calls of `programs` that `sh` would make for a line, each as its words."""
    stubs = "".join(f'{name}() {{ "$PYTHON" -c "$PRINT" {name} "$@"; }}\n' for name in programs)
    env = {"PYTHON": sys.executable, "PRINT": _PRINT, **variables}
    done = subprocess.run(
        ["sh", "-euc", stubs + line], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(words) for words in done.stdout.splitlines()]


def options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split the words into arguments and options by name; the value of a flag is empty."""
    arguments: list[str] = []
    values: dict[str, str] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            values[name] = ""
        elif name is not None:
            assert not values[name], f"--{name} has two values"
            values[name] = word
            name = None
        else:
            arguments.append(word)
    return arguments, values


def parsed(words: list[str]) -> Call | None:
    """Return the call that `aws <words>` makes, or None for a custom command.

    Raises AssertionError for an unknown service, operation or option, and for a missing or
    malformed value.
    """
    arguments, values = options(words)
    service, command = arguments[:2]
    assert values.get("region"), "--region is missing"
    specific = {name: value for name, value in values.items() if name not in GLOBAL_OPTIONS}
    if (service, command) in CUSTOM:
        assert specific.keys() <= CUSTOM[service, command]
        return None
    assert arguments == [service, command]
    model = botocore.session.get_session().get_service_model(service)
    operations = {
        xform_name(name, "-"): model.operation_model(name) for name in model.operation_names
    }
    assert command in operations, f"{service} has no {command}"
    shape = operations[command].input_shape
    assert shape is not None
    by_option = {xform_name(name, "-"): name for name in shape.members}
    assert specific.keys() <= by_option.keys(), (
        f"{command} has no --{', --'.join(specific.keys() - by_option.keys())}"
    )
    parameters = {
        by_option[name]: value_of(shape.members[by_option[name]], text)
        for name, text in specific.items()
    }
    problems = ParamValidator().validate(parameters, shape)
    assert not problems.has_errors(), problems.generate_report()
    query = values.get("query", "@")
    jmespath.compile(query)
    return Call(service, xform_name(operations[command].name), parameters, values["region"], query)


def value_of(shape: Shape, text: str) -> Any:
    """Return an option's value, in shorthand or plain, as the shape's type."""
    if shape.type_name == "list":
        member = cast("ListShape", shape).member
        return [value_of(member, part) for part in text.split(" ")]
    if shape.type_name == "structure":
        return dict(pair.split("=", 1) for pair in text.split(","))
    return int(text) if shape.type_name in ("integer", "long") else text
