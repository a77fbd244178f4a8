"""The user's AWS session, and AWS errors as failures with a remedy."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib.console import Failure

if TYPE_CHECKING:
    import boto3


def session(region: str | None) -> "boto3.Session":
    """Return a session with the user's credentials.

    Its region is `region`, otherwise AWS_REGION (which boto3 does not read), otherwise the
    profile's. Raises Failure when none of them is set.
    """
    import boto3

    user_session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    if user_session.region_name is None:
        raise Failure("no region is set", "pass --region, or set AWS_REGION or AWS_PROFILE")
    return user_session


@contextmanager
def explained(remedy: str) -> Iterator[None]:
    """Turn an error that boto3 raises inside into a Failure with `remedy`."""
    from botocore.exceptions import BotoCoreError, ClientError, WaiterError

    try:
        yield
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise Failure(str(error), remedy) from error
