"""The AWS session of whoever runs a script, and AWS's errors in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib.console import Failure

if TYPE_CHECKING:
    import boto3


def session(region: str | None) -> "boto3.Session":
    """Return a session in `region`, else in AWS_REGION (which boto3 does not read), else in the profile's region."""
    import boto3  # noqa: PLC0415 (there only once the environment is)

    found = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    if found.region_name is None:
        raise Failure("no region is set", "pass --region, or set AWS_REGION or AWS_PROFILE")
    return found


@contextmanager
def explained(remedy: str) -> Iterator[None]:
    """Turn an error of boto3 into a Failure with this remedy."""
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError  # noqa: PLC0415

    try:
        yield
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise Failure(str(error), remedy) from error
