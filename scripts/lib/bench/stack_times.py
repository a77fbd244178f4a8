"""Times Terraform on environments/local, and counts the provider's calls in a plan."""

import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lib import scratch
from lib.bench.measure import Report
from lib.console import Failure
from lib.stack import Stack

# The AWS provider logs every request to AWS with the name of the service ("HTTP Request Sent").
_REQUEST = re.compile(r'HTTP Request Sent:.*?\brpc\.service=("[^"]+"|\S+)', re.DOTALL)


def measure(folder: Path, report: Report) -> dict[str, Any]:
    """Apply environments/local to an emulator in `folder`, plan it again, and return the times.

    In seconds of this machine: AWS creates resources at another speed. `plan_calls` are the calls
    of a plan without changes, by service.
    """
    scratch.emulator(folder).start(persist=False)
    try:
        stack = scratch.stack(folder)
        stack.init()
        report("first plan")
        first, _ = _timed(stack, "plan")
        report("apply")
        applied, output = _timed(stack, "apply")
        report("plan without changes")
        planned, _ = _timed(stack, "plan")
        calls = _calls(stack, folder / "provider.log")
    finally:
        scratch.emulator(folder).stop()
    resources = re.search(r"Resources: (\d+) added", output)
    return {
        "first_plan_seconds": first,
        "apply_seconds": applied,
        "plan_seconds": planned,
        "resources": int(resources[1]) if resources else 0,
        "plan_calls": sum(calls.values()),
        "plan_calls_by_service": dict(calls.most_common()),
    }


def requests(log: str) -> Counter[str]:
    """Return the number of requests to each service in a log of the AWS provider."""
    return Counter(name.strip('"') for name in _REQUEST.findall(log))


def _timed(stack: Stack, verb: str) -> tuple[float, str]:
    """Run plan or apply; return the seconds that it took, and its output."""
    began = time.monotonic()
    result = stack.call(verb)
    if result.code != 0:
        raise Failure(
            f"terraform {verb} failed: {result.error}", "see its log", stack.terraform.log
        )
    return round(time.monotonic() - began, 1), result.output


def _calls(stack: Stack, log: Path) -> Counter[str]:
    logging = {"TF_LOG_PATH": str(log), "TF_LOG_PROVIDER": "DEBUG"}
    stack.terraform.run(stack.folder, "plan", "-no-color", env=stack.env | logging)
    return requests(log.read_text(errors="replace"))
