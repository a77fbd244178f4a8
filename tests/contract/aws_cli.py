"""What a line for the shell would run, and what the AWS CLI would make of it; neither needs the CLI.

Its word is botocore's, whose models the CLI's commands and options are made from. The few commands that the CLI adds
by hand are known here by name.
"""

import json
import subprocess
import sys
from typing import Any, NamedTuple

import botocore.session
import jmespath
from botocore import xform_name
from botocore.model import Shape
from botocore.validate import ParamValidator

OF_EVERY_COMMAND = {"output", "query", "region"}
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
BY_HAND = {("logs", "tail"): {"follow", "since"}}
_PRINT = "import json, sys; print(json.dumps(sys.argv[1:]))"


class Call(NamedTuple):
    """One call of an AWS API, checked against its model; `query` picks from its answer."""

    service: str
    method: str
    parameters: dict[str, Any]
    region: str
    query: str


def runs(line: str, programs: tuple[str, ...], **variables: str) -> list[list[str]]:
    """Return the commands that `sh` would run for a line, with their words as the programs get them."""
    stand_ins = "".join(f'{name}() {{ "$PYTHON" -c "$PRINT" {name} "$@"; }}\n' for name in programs)
    env = {"PYTHON": sys.executable, "PRINT": _PRINT, **variables}
    done = subprocess.run(
        ["sh", "-euc", stand_ins + line], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(words) for words in done.stdout.splitlines()]


def options(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """Split what follows a program's name into its arguments, and its options by name; a flag's value is empty."""
    arguments: list[str] = []
    found: dict[str, str] = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--")
            found[name] = ""
        elif name is not None:
            assert not found[name], f"--{name} has two values"
            found[name] = word
            name = None
        else:
            arguments.append(word)
    return arguments, found


def understood(words: list[str]) -> Call | None:
    """Return the call that `aws <words>` makes, or None for a command that the CLI has by hand.

    Raises AssertionError where the CLI would refuse: unknown service, operation or option, missing or malformed value.
    """
    arguments, given = options(words)
    service, command = arguments[:2]
    assert given.get("region"), "whose region?"
    own = {name: value for name, value in given.items() if name not in OF_EVERY_COMMAND}
    if (service, command) in BY_HAND:
        assert own.keys() <= BY_HAND[service, command]
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
    assert own.keys() <= by_option.keys(), (
        f"{command} has no --{', --'.join(own.keys() - by_option.keys())}"
    )
    parameters = {
        by_option[name]: value_of(shape.members[by_option[name]], text)
        for name, text in own.items()
    }
    problems = ParamValidator().validate(parameters, shape)
    assert not problems.has_errors(), problems.generate_report()
    query = given.get("query", "@")
    jmespath.compile(query)
    return Call(service, xform_name(operations[command].name), parameters, given["region"], query)


def value_of(shape: Shape, text: str) -> Any:  # noqa: ANN401 (whatever the shape says)
    """Return an option's value, in shorthand or plain, as the shape's type."""
    if shape.type_name == "list":
        return [value_of(shape.member, part) for part in text.split(" ")]  # type: ignore[attr-defined]
    if shape.type_name == "structure":
        return dict(pair.split("=", 1) for pair in text.split(","))
    return int(text) if shape.type_name in ("integer", "long") else text
