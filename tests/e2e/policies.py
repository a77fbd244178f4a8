"""Policies for the plan of an applied environment: those of checkov, and our own."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib import scan
from lib.console import Failure
from policy import rules


@contextmanager
def reported() -> Iterator[None]:
    """Fail the test with the findings, if there are any."""
    try:
        yield
    except Failure as failure:
        pytest.fail(f"{failure.report}{failure}")


def check_policies(name: str, plan: Mapping[str, Any], folder: Path) -> None:
    """Fail if the plan of environments/`name`, in Terraform's JSON, violates a policy.

    After an apply, every value in it is known. `folder` is for a copy of it.
    """
    if violations := rules.violations(rules.resources_by_address(plan)):
        pytest.fail("\n".join(violations))
    file = folder / f"{name}.json"
    file.write_text(json.dumps(plan))
    with reported():
        scan.scan_plan(name, file)
