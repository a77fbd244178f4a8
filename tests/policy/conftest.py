"""One mocked apply of stacks/ per run, by the first process that needs it."""

import fcntl
import json
import os
from typing import Any

import pytest

from lib.permissions import OPERATION, STACKS
from lib.policies import policies_of, render


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All resources of stacks/: address, type and values."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    file = shared / "resources.json"
    with (shared / "resources.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_text(json.dumps(render(STACKS, tmp_path_factory.mktemp("stacks"))))
    return list(json.loads(file.read_text()))


@pytest.fixture(scope="session")
def resources(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The values of each resource by address."""
    return {resource["address"]: resource["values"] for resource in rendered}


@pytest.fixture(scope="session")
def all_policies(rendered: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every policy by the address of its resource."""
    return policies_of(rendered)


@pytest.fixture(scope="session")
def policies(all_policies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every policy of the modules with all options: those of single operations left out."""
    return {address: each for address, each in all_policies.items() if not OPERATION.match(address)}
