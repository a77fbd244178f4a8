"""One emulator and one applied stack for the whole run: the first test that needs them makes them."""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2e import copies, instances
from e2e import dev as on_dev
from e2e.instances import Instance, Instances
from e2e.talk import unique
from lib import scratch
from lib.client import Caller
from lib.stack import Stack

Aws = Callable[..., Any]
Connection = dict[str, Any]


def _folder(config: pytest.Config) -> Path:
    """Return the stack's folder, which all processes of one run share."""
    base = Path(config._tmp_path_factory.getbasetemp())  # type: ignore[attr-defined]
    return (base.parent if hasattr(config, "workerinput") else base) / "stack"


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock that all processes of the run share."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _once(folder: Path, name: str) -> Iterator[bool]:
    """Yield whether this process is the run's first here; the others wait until it has succeeded."""
    with _alone(folder, name):
        done = folder / f"{name}.done"
        yield not done.exists()
        done.touch()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the stack when the run ends, however it ends, in the process that outlives the others."""
    if not hasattr(session.config, "workerinput"):
        scratch.emulator(_folder(session.config)).stop()


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """environments/local, applied to an emulator of this run's own. A test must leave it as it found it."""
    folder = _folder(pytestconfig)
    folder.mkdir(exist_ok=True)
    with _once(folder, "stack") as first:
        if first:
            scratch.start(folder)
    return scratch.stack(folder)


@pytest.fixture(scope="session")
def beside(pytestconfig: pytest.Config, stack: Stack, aws: Aws) -> Instances:
    """Two more instances of the module on the same emulator: one takes bearer tokens, one lets everybody in."""
    folder = _folder(pytestconfig)
    with _once(folder, "instances") as first:
        if first:
            instances.apply(stack, folder / "instances", aws)
    return instances.known(folder / "instances")


@pytest.fixture(scope="session")
def dev(pytestconfig: pytest.Config, stack: Stack) -> on_dev.Dev:
    """environments/dev on the same emulator."""
    folder = _folder(pytestconfig)
    with _once(folder, "dev") as first:
        if first:
            on_dev.apply(stack, folder / "dev")
    return on_dev.known(stack, folder / "dev")


@pytest.fixture
def open_instance(pytestconfig: pytest.Config, beside: Instances) -> Iterator[Instance]:
    """Yield the open instance to one test at a time: some count its log lines, some make it fail for a while."""
    with _alone(_folder(pytestconfig), "open"):
        yield beside.open


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
def aws(stack: Stack) -> Aws:
    """Make a boto3 client of the emulator: `aws("dynamodb")`, as its root unless keys are given."""
    return partial(copies.aws, stack.url)


@pytest.fixture(scope="session")
def new_user(connection: Connection, aws: Aws) -> Callable[..., Caller]:
    """Make a caller: a new IAM user with keys of its own, and with a managed policy or a policy document if given."""

    def make(
        *, policy_arn: str | None = None, policy: Mapping[str, object] | None = None
    ) -> Caller:
        iam, name = aws("iam"), unique("user")
        iam.create_user(UserName=name)
        if policy_arn is not None:
            iam.attach_user_policy(UserName=name, PolicyArn=policy_arn)
        if policy is not None:
            iam.put_user_policy(UserName=name, PolicyName="test", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Caller(
            connection["records_url"],
            connection["region"],
            key["AccessKeyId"],
            key["SecretAccessKey"],
        )

    return make
