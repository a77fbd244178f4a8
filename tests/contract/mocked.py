"""Applies a test file of modules/records-api with its mocked provider."""

import json
from pathlib import Path
from typing import Any

from lib import terraform
from lib.paths import ROOT, TOOLS

MODULE = ROOT / "modules/records-api"


def applied(name: str, folder: Path) -> dict[str, Any]:
    """Return the state that the only run of tests/<name>.tftest.hcl applies; log to `folder`."""
    runner = terraform.ensure(folder / "terraform.log")
    env = terraform.environment(data=TOOLS / "terraform-data" / name)
    command = ("test", "-json", "-verbose", f"-filter=tests/{name}.tftest.hcl")
    # `terraform test` reports the assertions. Without a state, the module is not initialized yet.
    output = runner.call(MODULE, *command, env=env).output
    if "test_state" not in output:
        runner.run(MODULE, "init", "-backend=false", "-no-color", env=env)
        output = runner.call(MODULE, *command, env=env).output
    messages = [json.loads(line) for line in output.splitlines()]
    states = [message["test_state"] for message in messages if message["type"] == "test_state"]
    errors = [message["diagnostic"] for message in messages if message["type"] == "diagnostic"]
    assert len(states) == 1, [(each["summary"], each["detail"]) for each in errors]
    return dict(states[0])
