"""Copies of environments/ to which a test can add files, and an emulator for one test."""

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
    """Copy environments/ into `folder`, next to links to lambda/ and modules/; return the copy."""
    for name in ("lambda", "modules"):
        (folder / name).symlink_to(ROOT / name)
    ignored = shutil.ignore_patterns(".terraform", "*.tfstate*")
    return Path(shutil.copytree(ROOT / "environments", folder / "environments", ignore=ignored))


@contextmanager
def emulator(folder: Path) -> Iterator[str]:
    """Run an emulator with its files in `folder` and without saved state; yield its endpoint."""
    running = scratch.emulator(folder)
    running.start(persist=False)
    try:
        yield running.url
    finally:
        running.stop()


def aws(url: str, service: str, **arguments: str) -> Any:
    """Return a boto3 client of the emulator at `url`, as root unless keys are passed."""
    defaults = {"region_name": REGION, "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    # One attempt, so that a test sees an error at once.
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client: Any = boto3.client  # its stub has one overload for each service
    return client(service, endpoint_url=url, config=config, **defaults | arguments)
