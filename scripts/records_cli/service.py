"""Finds the service to call.

The first of these that is set applies:
1. an option: `--url`, `--context` or `--terraform` (only one of them);
2. an environment variable: RECORDS_URL, then RECORDS_CONTEXT, then RECORDS_CONNECTION (the
   connection file of a local stack);
3. the current context: `records context use`;
4. the local stack of the checkout that contains the working directory.

A context applies as a whole: with its region, profile, token command. Options override them. A URL
of --url or RECORDS_URL that is that of the local stack (3 and 4) stands for the local stack.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from records_cli.app_options import Options
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from records_cli.contexts import Context

URL, CONTEXT = "RECORDS_URL", "RECORDS_CONTEXT"
_EXAMPLE = "https://<api id>.execute-api.<region>.amazonaws.com/records"


@dataclass(frozen=True)
class Service:
    """A service: the URL of its collection, and where that was found.

    `connection` is the connection file, if it is a local stack; the other members are those of its
    context.
    """

    url: str
    source: str
    region: str | None = None
    profile: str | None = None
    auth: str | None = None
    token_command: str | None = None
    connection: Path | None = None


def find(options: Options) -> Service:
    """Return the service to call. Raises Failure if there is none, or if a setting is invalid."""
    finders: dict[str, Callable[[], Service]] = {}
    if options.url is not None:
        finders["--url"] = lambda: _of_url(options.url or "", "--url")
    if options.context is not None:
        finders["--context"] = lambda: _of_context(options.context or "", "--context")
    if options.terraform is not None:
        finders["--terraform"] = lambda: of_terraform(options.terraform or Path())
    if len(finders) > 1:
        raise Failure(
            f"{' and '.join(finders)} exclude each other", "pass one of them", Exit.BAD_INPUT
        )
    for found in finders.values():
        return found()
    return _of_environment() or _of_current_context() or _of_checkout()


def checked_url(text: str, source: str) -> str:
    """Return the URL of a collection, with /records added if it is missing.

    Raises Failure if `text`, which comes from `source`, can't be the URL of a service.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # invalid brackets or port
        usable = False
    if not usable or not text.isascii() or not text.isprintable() or " " in text:
        raise Failure(f"{source}: {text!r} is not a URL", f"use {_EXAMPLE}", Exit.BAD_INPUT)
    if parts.query or parts.fragment or parts.username or parts.password:
        raise Failure(
            f"{source}: the URL has a query, a fragment or a user name",
            f"use {_EXAMPLE}",
            Exit.BAD_INPUT,
        )
    base = text.rstrip("/?#")
    return base if base.endswith("/records") else f"{base}/records"


def of_terraform(folder: Path) -> Service:
    """Return the service in the Terraform outputs of a folder. Raises Failure if there is none."""
    import json
    import shutil
    import subprocess

    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        raise Failure("--terraform: there is no terraform in PATH", "install it, or pass --url")
    command = [program, f"-chdir={folder}", "output", "-json", "-no-color"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Failure(
            f"--terraform: terraform output failed in {folder}: {_error(result.stderr)}",
            "run terraform init there, with credentials for its state, or pass --url",
            Exit.BAD_INPUT,
        )
    url = json.loads(result.stdout or "{}").get("records_url", {}).get("value")
    if not isinstance(url, str):
        raise Failure(
            f"--terraform: {folder} has no output records_url",
            "apply it, or add the output: value = module.<name>.records_url",
            Exit.BAD_INPUT,
        )
    return Service(checked_url(url, "--terraform"), f"the Terraform outputs of {folder}")


def _error(text: str) -> str:
    """Return the first error in Terraform's output, without its frame, on one line."""
    lines = [line.strip("│╷╵ \t") for line in text.splitlines()]
    lines = [line for line in lines if line]
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return next(iter([*errors, *lines]), "no message")[:300].rstrip(".")


def _of_url(text: str, source: str) -> Service:
    """Return the service at a URL. The local stack has its keys with it."""
    url = checked_url(text, source)
    file = _connection_of(url)
    return _of_connection(file, f"{source}; its keys: {file}") if file else Service(url, source)


def _connection_of(url: str) -> Path | None:
    """Return the connection file of the local stack, if `url` is that of the local stack."""
    from records_cli import local

    place = os.environ.get(local.VARIABLE)
    file = Path(place) if place else local.enclosing_connection()
    try:
        return file if file and local.read(file)["records_url"] == url else None
    except Failure:  # of a stack that is not the one to call
        return None


def _of_environment() -> Service | None:
    if url := os.environ.get(URL):
        return _of_url(url, URL)
    if name := os.environ.get(CONTEXT):
        return _of_context(name, CONTEXT)
    from records_cli import local

    if path := os.environ.get(local.VARIABLE):
        return _of_connection(Path(path), path)
    return None


def _of_context(name: str, source: str) -> Service:
    from records_cli import contexts

    return _with_settings(contexts.load().get(name), f"context {name} ({source})")


def _of_current_context() -> Service | None:
    from records_cli import contexts

    known = contexts.load()
    if known.current is None:
        return None
    return _with_settings(known.get(known.current), f"context {known.current} (the current one)")


def _with_settings(known: "Context", source: str) -> Service:
    url = checked_url(known.url, source)
    if not (known.profile or known.auth or known.token_command) and (file := _connection_of(url)):
        return _of_connection(file, f"{source}; its keys: {file}")
    return Service(url, source, known.region, known.profile, known.auth, known.token_command)


def _of_checkout() -> Service:
    from records_cli import local

    file = local.enclosing_connection()
    if file is None:
        raise Failure(
            "there is no service to call",
            "pass --url URL, or keep it: records context add NAME --url URL;"
            " for the local stack, run scripts/up and call records in that checkout",
            Exit.BAD_INPUT,
        )
    return _of_connection(file, str(file))


def _of_connection(file: Path, source: str) -> Service:
    from records_cli import local

    known = local.read(file)
    url, region = known["records_url"], known["region"]
    return Service(url, f"the local stack ({source})", region, connection=file)
