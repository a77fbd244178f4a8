"""Callers with the credentials of a person or program: AWS credentials or a bearer token.

The first of these that is set applies: the options `--auth`, `--token-command` and `--profile`; the
settings of the context; the keys of a local stack; a token in RECORDS_TOKEN; AWS credentials where
botocore looks for them (environment, profile, SSO, role of a container or instance).
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from records_cli import tokens
from records_cli.app_options import Options, Role
from records_cli.auth import Auth
from records_cli.client import Caller, sigv4
from records_cli.exit_codes import Exit
from records_cli.failure import Failure
from records_cli.service import Service

_EMULATED, _CONNECTION = "/_aws/execute-api/", "RECORDS_CONNECTION"
_REGION_IN_HOST = re.compile(r"\.execute-api(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)")


@dataclass(frozen=True)
class ChainCaller(Caller):
    """A caller with AWS credentials that botocore finds, and refreshes when they expire."""

    credentials: Any = field(default=None, repr=False)

    def sign(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """Return `headers` with a signature. Raises Failure if the credentials have expired."""
        with explained():
            key = self.credentials.get_frozen_credentials()
        return sigv4(key, self.region, method, url, body, headers)


@dataclass(frozen=True)
class TokenCaller(Caller):
    """A caller with a bearer token; `token` returns it for each request."""

    token: Callable[[], str] = field(default=str, repr=False)

    def sign(
        self,
        method: str,  # noqa: ARG002 (as in Caller)
        url: str,  # noqa: ARG002 (as in Caller)
        body: bytes,  # noqa: ARG002 (as in Caller)
        headers: Mapping[str, str],
    ) -> dict[str, str]:
        """Return `headers` with the token. Raises Failure if its command fails."""
        return {**headers, "authorization": f"Bearer {self.token()}"}


@dataclass(frozen=True)
class AnonymousCaller(Caller):
    """A caller without credentials, for a service without authentication."""

    def sign(
        self,
        method: str,  # noqa: ARG002 (as in Caller)
        url: str,  # noqa: ARG002 (as in Caller)
        body: bytes,  # noqa: ARG002 (as in Caller)
        headers: Mapping[str, str],
    ) -> dict[str, str]:
        """Return `headers` unchanged."""
        return dict(headers)


def caller(service: Service, options: Options, role: Role) -> Caller:
    """Return who calls `service`. `role` is used with a local stack only; --as overrides it.

    Raises Failure if the credentials or the region are missing, or if options contradict.
    """
    _check(service, options)
    auth, profile, command = _settings(service, options)
    if auth is None and service.connection is not None:
        from records_cli import local

        return local.connect(service.connection, options.role or role)
    if auth is None:
        auth = Auth.TOKEN if os.environ.get(tokens.TOKEN) else Auth.IAM
    if auth is Auth.NONE:
        return AnonymousCaller(service.url, "", "", "")
    if auth is Auth.TOKEN:
        return TokenCaller(service.url, "", "", "", token=tokens.source(service.url, command))
    return _chain_caller(service, options, profile)


def _check(service: Service, options: Options) -> None:
    if options.role is not None and service.connection is None:
        raise Failure(
            f"--as chooses a caller of the local stack, but the service is {service.url}",
            "omit --as, and use the credentials of that caller: --profile or --token-command",
            Exit.BAD_INPUT,
        )
    if options.token_command is not None and options.profile is not None:
        raise Failure(
            "--token-command and --profile exclude each other", "pass one of them", Exit.BAD_INPUT
        )


def _settings(service: Service, options: Options) -> tuple[Auth | None, str | None, str | None]:
    """Return mode, AWS profile and token command; options go before the service's settings."""
    if options.token_command is not None:
        return options.auth or Auth.TOKEN, None, options.token_command
    if options.profile is not None:
        return options.auth or Auth.IAM, options.profile, None
    auth = options.auth or (Auth(service.auth) if service.auth else None)
    if auth is None and service.token_command is not None:
        auth = Auth.TOKEN
    if auth is None and service.profile is not None:
        auth = Auth.IAM
    return auth, service.profile, service.token_command


def region_of(url: str) -> str | None:
    """Return the AWS region in the host of an API Gateway URL, or None for another host."""
    match = _REGION_IN_HOST.search(urlsplit(url).hostname or "")
    return match.group(1) if match else None


def _chain_caller(service: Service, options: Options, profile: str | None) -> ChainCaller:
    import botocore.session

    with explained():
        session = botocore.session.Session(profile=profile)
        region = (
            options.region
            or service.region
            or region_of(service.url)
            or os.environ.get("AWS_REGION")
            or session.get_config_variable("region")
        )
        credentials = session.get_credentials()
    no_region = f"the AWS region of {service.url} is not known"
    if credentials is None:
        remedy = (
            "set AWS_PROFILE or pass --profile, or run aws sso login;"
            f" for a bearer token, set {tokens.TOKEN} or pass --token-command"
        )
        if _EMULATED in service.url:
            remedy = (
                "for a local stack, pass the URL that its scripts/up prints,"
                f" and set {_CONNECTION} to its .local/connection.json; {remedy}"
            )
        details = () if region else (f"{no_region} either",)
        raise Failure("there are no AWS credentials", remedy, Exit.REFUSED, details=details)
    if not region:
        raise Failure(no_region, "pass --region, or set AWS_REGION", Exit.BAD_INPUT)
    return ChainCaller(service.url, region, "", "", credentials=credentials)


class explained:  # noqa: N801 (a context manager)
    """Turn botocore's errors about credentials into Failures."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Raise Failure for an error of botocore."""
        from botocore.exceptions import BotoCoreError, ClientError

        if isinstance(error, BotoCoreError | ClientError):
            raise Failure(f"AWS credentials: {error}", _remedy(error), Exit.REFUSED) from error


def _remedy(error: Exception) -> str:
    from botocore import exceptions

    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError):
        return "sign in again: aws sso login"
    if isinstance(error, exceptions.ProfileNotFound):
        return "check the name: aws configure list-profiles"
    if isinstance(error, exceptions.ClientError):
        return "sign in again, and check that the profile may assume its role"
    return "check the profile in ~/.aws/config and ~/.aws/credentials"
