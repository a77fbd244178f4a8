"""Bearer tokens: from RECORDS_TOKEN or a command. They are never part of a message."""

import base64
import binascii
import json
import math
import os
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from records_cli.exit_codes import Exit
from records_cli.failure import Failure

TOKEN = "RECORDS_TOKEN"  # noqa: S105 (the name of a variable)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_EARLY_SECONDS = 60  # a token is replaced so long before it expires


def source(url: str, command: str | None) -> Callable[[], str]:
    """Return a function that returns the token for a request to `url`.

    `command` prints it; without one, it is in RECORDS_TOKEN. Raises Failure if there is no token,
    or if the request would not be encrypted.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise Failure(
            f"a bearer token must not be sent unencrypted to {url}",
            "use https://",
            Exit.BAD_INPUT,
        )
    if command is not None:
        return CommandToken(command)
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise Failure(
            f"there is no bearer token: {TOKEN} is not set",
            f"set {TOKEN}, or pass --token-command",
            Exit.REFUSED,
        )
    _check(token, TOKEN)
    return lambda: token


class CommandToken:
    """The bearer token that a command prints. It runs again shortly before the token expires."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        """Return the token. Raises Failure if the command fails or prints something else."""
        if not self._token or time.time() >= self._until:
            self._token = self._run()
            self._until = expiry(self._token) - _EARLY_SECONDS
        return self._token

    def _run(self) -> str:
        import shlex
        import subprocess

        remedy = "run it in a shell: it must print a bearer token and nothing else"
        try:
            words = shlex.split(self._command)
            result = subprocess.run(words, stdout=subprocess.PIPE, check=False)
        except (OSError, ValueError, IndexError) as error:
            raise Failure(f"the token command failed: {error}", remedy, Exit.REFUSED) from error
        if result.returncode != 0:
            cause = f"the token command failed with exit code {result.returncode}"
            raise Failure(cause, remedy, Exit.REFUSED)
        token = result.stdout.decode(errors="replace").strip()
        _check(token, "the output of the token command")
        return token


def _check(token: str, source: str) -> None:
    """Raise Failure unless `token` can be sent in a header; the message does not contain it."""
    if not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
        raise Failure(
            f"{source} is not a bearer token", "pass the token alone, without Bearer", Exit.REFUSED
        )


def expiry(token: str) -> float:
    """Return when a JWT expires, in epoch seconds; infinity if it does not say so."""
    known = claims(token).get("exp")
    return float(known) if isinstance(known, int | float) else math.inf


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a JWT, which are not verified; empty if it is not a JWT."""
    try:
        payload = token.split(".")[1]
        content = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return content if isinstance(content, dict) else {}
