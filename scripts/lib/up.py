"""Starts the local stack: the module, applied by Terraform to an AWS emulator on loopback."""

import argparse
import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

from lib import package, terraform, venvs
from lib.client import CONNECTION, connected
from lib.console import Failure, argument_parser, main, step
from lib.emulator import EMULATOR
from lib.paths import ENVIRONMENT, LOCAL, shown
from lib.seed import seed
from lib.stack import Stack, write_private
from lib.terraform_setup import MIRROR_VARIABLE

_LAST_PORT = 65535
_STATE_CONFLICT = re.compile(
    r"already ?exists|ResourceConflict|ResourceInUse|EntityAlreadyExists|InvalidArn|NotFound",
    re.IGNORECASE,
)


@contextmanager
def stack_lock() -> Iterator[None]:
    """Hold the lock of the local stack. Raises Failure if another up or down holds it."""
    LOCAL.mkdir(mode=0o700, exist_ok=True)  # it contains keys, also in the state
    with (LOCAL / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                "another scripts/up or scripts/down is running in this checkout",
                "wait until it has finished",
            ) from None
        yield


def start_emulator(port: int | None) -> str:
    """Start the emulator unless it is running; return the note for the step.

    Raises Failure if it is running but does not respond, or uses another port than `port`.
    """
    pid = EMULATOR.pid()
    if pid is None:
        loss = f". {what_was_lost(EMULATOR.last_copy())}" if EMULATOR.was_killed() else ""
        EMULATOR.start(port)
        return f"port {EMULATOR.port}{loss}"
    if not EMULATOR.responds():
        cause = f"the emulator is running (pid {pid}) but does not respond on port {EMULATOR.port}"
        raise Failure(cause, "run scripts/down, then scripts/up", EMULATOR.log)
    if port not in (None, EMULATOR.port):
        raise Failure(
            f"the stack is already running on port {EMULATOR.port}",
            "run scripts/down first, or omit --port",
        )
    return f"already running, port {EMULATOR.port}"


def what_was_lost(copy: datetime | None) -> str:
    """Describe the changes lost with a killed emulator, whose last copy was made at `copy`."""
    if copy is None:
        return "The emulator was killed before its first copy; everything in it was lost"
    age = (datetime.now(UTC) - copy).total_seconds()
    return (
        f"The emulator was killed; restored its last copy, from {copy:%Y-%m-%d %H:%M:%S} UTC, "
        f"{age:.0f} seconds old. Changes after that copy were lost"
    )


def apply(stack: Stack) -> str:
    """Apply environments/local; return the note for the step. Raises Failure if that fails.

    It is applied on every run, even without changes, because a killed emulator may have lost
    resources that are in Terraform's state.
    """
    result = stack.call("apply")
    if result.code == 0:
        summary_line = re.search(r"Apply complete! Resources: (.*)\.", result.output)
        counts = summary_line.group(1) if summary_line else ""
        return "unchanged" if counts == "0 added, 0 changed, 0 destroyed" else counts
    remedy = "fix the cause, then run scripts/up again; it continues where it stopped"
    if _STATE_CONFLICT.search(result.error):
        remedy = (
            "the emulator and Terraform's state disagree: run scripts/down --wipe, which deletes "
            "all records, then scripts/up"
        )
    raise Failure(
        f"terraform apply failed: {result.error or 'unknown error'}", remedy, stack.terraform.log
    )


def summary() -> str:
    """Return example commands that can be pasted."""
    reader, writer = connected("reader"), connected("writer")
    curl = f"curl -sS --aws-sigv4 aws:amz:{reader.region}:execute-api --user"
    body = '{"type":"health-check","status":"ok","attributes":{"target":"mine"}}'
    return f"""
The records API is up: {reader.url}

read, as the reader
  scripts/records list --status failed
  {curl} {reader.access_key_id}:{reader.secret_access_key} '{reader.url}?limit=3'

write, as the writer
  scripts/records create --type health-check --status ok
  {curl} {writer.access_key_id}:{writer.secret_access_key} \\
    -H 'content-type: application/json' -d '{body}' {writer.url}

see who changed what, as the auditor
  scripts/records changes --unsettled   # without the option: what is older than a minute

log lines of the function: scripts/logs
Terraform and AWS clients in this shell: eval "$(scripts/env)"
keys: {shown(CONNECTION)}
an installed records, in another folder: export RECORDS_CONNECTION={CONNECTION}
stop: scripts/down
stop and delete everything: scripts/down --wipe"""


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: pass a number from 1 to {_LAST_PORT}"
        )
    return int(text)


def start_stack(port: int | None) -> None:
    """Install the tools, start the emulator, apply environments/local and create sample records.

    Prints one line per step. Raises Failure if a step fails.
    """
    if not venvs.is_current("emulator"):
        EMULATOR.stop()  # the environment that it runs in is about to be replaced
    venvs.ensure("emulator")
    with step("Lambda package") as line:
        line.note = "unchanged"
        if not package.is_current():
            line.note = f"rebuilt, {package.write():,} bytes: commit it with the sources"
    with step("Terraform and its provider") as line:
        runner = terraform.ensure()
        line.note = runner.binary
    with step("AWS emulator") as line:
        line.note = start_emulator(port)
    stack = Stack(runner, EMULATOR.url, LOCAL / "terraform.tfstate", ENVIRONMENT / ".terraform")
    with step("terraform init"):
        stack.init()
    with step("terraform apply") as line:
        line.note = apply(stack)
        write_private(CONNECTION, stack.connection())
    with step("records through the API") as line:
        line.note = create_samples()


def create_samples() -> str:
    """Create the sample records of a new stack, and list one; return the note for the step.

    Raises Failure if a request fails.
    """
    count = seed(connected("writer"))
    response = connected("reader").call("GET", query={"limit": "1"})
    if response.status != HTTPStatus.OK or not isinstance(response.json().get("records"), list):
        raise Failure(
            f"GET /records returned {response.status}", "see the emulator's log", EMULATOR.log
        )
    return f"{count} created" if count else "unchanged"


def _verb() -> None:
    parser = argument_parser(
        prog="scripts/up",
        description=__doc__,
        epilog="environment variables: PYTHON, the Python to use; "
        f"{MIRROR_VARIABLE}, a folder that contains registry.terraform.io; "
        "RECORDS_TOOLS, a folder for tools that several clones can share (default: .tools)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        help="port of the emulator (default: the previous one; the first time, a free one)",
    )
    arguments = parser.parse_args()
    with stack_lock():
        venvs.run_in("dev", "lib.up", always_report=True)
        start_stack(arguments.port)
    print(summary())


if __name__ == "__main__":
    main(_verb)
