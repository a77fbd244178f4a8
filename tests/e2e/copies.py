"""Copies of environments/, to which a test can add files, on an emulator of the test's own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from lib import scratch
from lib.emulator import REGION
from lib.paths import ROOT


def environments(folder: Path) -> Path:
    """Copy environments/ into `folder`, beside the modules and the sources that it names; return the copy."""
    for name in ("lambda", "modules"):
        (folder / name).symlink_to(ROOT / name)
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*")
    return Path(shutil.copytree(ROOT / "environments", folder / "environments", ignore=ignored))


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run an emulator, with what belongs to it in `folder`, and give its endpoint. It keeps nothing."""
    running = scratch.emulator(folder)
    running.start(persist=False)
    try:
        yield running.url
    finally:
        running.stop()


def aws(url: str, service: str, **given: str) -> Any:  # noqa: ANN401 (one type for each service)
    """Return a boto3 client of the emulator at `url`, as its root unless keys are given."""
    usual = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    # One attempt: a test that sees a refusal should see it at once.
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.client(service, endpoint_url=url, config=config, **(usual | given))  # type: ignore[call-overload]
