"""One emulator and one applied stack per run, created by the first test that needs them."""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from e2e import conformance, copies, instances
from e2e import dev as dev_environment
from e2e.instances import Instance, Instances
from e2e.support import unique
from lib import scratch
from lib.client import Caller
from lib.stack import Stack
from records_cli import client

Aws = Callable[..., Any]
Connection = dict[str, Any]


def _folder(config: pytest.Config) -> Path:
    """Return the stack's folder, which all processes of one run share."""
    factory: pytest.TempPathFactory = vars(config)["_tmp_path_factory"]
    base = factory.getbasetemp()
    return (base.parent if hasattr(config, "workerinput") else base) / "stack"


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock that all processes of the run share."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _once(folder: Path, name: str) -> Iterator[bool]:
    """Yield whether this process is the first one here; the others wait until it is done."""
    with _locked(folder, name):
        done = folder / f"{name}.done"
        yield not done.exists()
        done.touch()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the stack when the run ends, in the main process."""
    if not hasattr(session.config, "workerinput"):
        scratch.emulator(_folder(session.config)).stop()


@pytest.fixture(scope="session", autouse=True)
def documented_responses() -> Iterator[None]:
    """Every response through API Gateway that lambda/openapi.yaml does not describe fails a test.

    The test that sends the request fails, at that request.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_exchange", conformance.checked(client._exchange))
        yield


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """environments/local, applied to the emulator of this run. Tests must not change it."""
    folder = _folder(pytestconfig)
    folder.mkdir(exist_ok=True)
    with _once(folder, "stack") as first:
        if first:
            scratch.start(folder)
    return scratch.stack(folder)


@pytest.fixture(scope="session")
def extra_instances(pytestconfig: pytest.Config, stack: Stack, aws: Aws) -> Instances:
    """Two more instances on the same emulator: one accepts tokens too, one has no auth."""
    folder = _folder(pytestconfig)
    with _once(folder, "instances") as first:
        if first:
            instances.apply(stack, folder / "instances", aws)
    return instances.load(folder / "instances")


@pytest.fixture(scope="session")
def dev(pytestconfig: pytest.Config, stack: Stack) -> dev_environment.Dev:
    """environments/dev on the same emulator."""
    folder = _folder(pytestconfig)
    with _once(folder, "dev") as first:
        if first:
            dev_environment.apply(stack, folder / "dev")
    return dev_environment.load(stack, folder / "dev")


@pytest.fixture
def open_instance(pytestconfig: pytest.Config, extra_instances: Instances) -> Iterator[Instance]:
    """The instance without authentication, for one test at a time: some change it for a while."""
    with _locked(_folder(pytestconfig), "open"):
        yield extra_instances.open


@pytest.fixture(scope="session")
def connection(stack: Stack) -> Connection:
    """records_url, region, and the access keys of reader and writer."""
    return stack.connection()


@pytest.fixture(scope="session")
def reader(connection: Connection) -> Caller:
    """A user with the module's reader policy and no other."""
    return Caller(connection["records_url"], connection["region"], **connection["reader"])


@pytest.fixture(scope="session")
def writer(connection: Connection) -> Caller:
    """A user with the module's writer policy and no other."""
    return Caller(connection["records_url"], connection["region"], **connection["writer"])


@pytest.fixture(scope="session")
def aws(stack: Stack) -> Aws:
    """A function that returns a boto3 client of the emulator, as root unless keys are passed."""
    return partial(copies.aws, stack.url)


@pytest.fixture(scope="session")
def new_user(connection: Connection, aws: Aws) -> Callable[..., Caller]:
    """A function that creates an IAM user, optionally with a managed or an inline policy."""

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
