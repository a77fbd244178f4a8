"""One emulator and one applied stack for the whole run: the first test that needs them makes them."""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from lib import scratch
from lib.client import Caller
from lib.emulator import REGION
from lib.stack import Stack

Connection = dict[str, Any]


def _folder(config: pytest.Config) -> Path:
    """Return the stack's folder, which all processes of one run share."""
    base = Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    return (base.parent if hasattr(config, "workerinput") else base) / "stack"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the stack when the run ends, however it ends, in the process that outlives the others."""
    if not hasattr(session.config, "workerinput"):
        scratch.emulator(_folder(session.config)).stop()


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """environments/local, applied to an emulator of this run's own. A test must leave it as it found it."""
    folder = _folder(pytestconfig)
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "applied").exists():
            scratch.start(folder)
            (folder / "applied").touch()
    return scratch.stack(folder)


@pytest.fixture(scope="session")
def connection(stack: Stack) -> Connection:
    """records_url, region, and the access keys of reader and writer."""
    return stack.connection()


@pytest.fixture(scope="session")
def reader(connection: Connection) -> Caller:
    """A user who holds exactly the module's reader policy."""
    return Caller(connection["records_url"], connection["region"], **connection["reader"])


@pytest.fixture(scope="session")
def writer(connection: Connection) -> Caller:
    """A user who holds exactly the module's writer policy."""
    return Caller(connection["records_url"], connection["region"], **connection["writer"])


@pytest.fixture(scope="session")
def aws(stack: Stack) -> Callable[..., Any]:
    """Make a boto3 client of the emulator: `aws("dynamodb")`, as its root unless keys are given."""

    def client(service: str, **given: str) -> Any:  # noqa: ANN401 (one type for each service)
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | given
        # One attempt: a test that sees a refusal should see it at once.
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(service, region_name=REGION, endpoint_url=stack.url, config=config, **keys)  # type: ignore[call-overload]

    return client
