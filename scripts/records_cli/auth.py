"""How requests are authenticated."""

from enum import StrEnum


class Auth(StrEnum):
    """How requests are authenticated."""

    IAM = "iam"
    TOKEN = "token"  # noqa: S105 (a mode)
    NONE = "none"
