"""What the verbs share: the caller, one call of the API, and its output."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.app_options import SERVICE, Role, options

if TYPE_CHECKING:
    from collections.abc import Callable

    from records_cli.client import Caller, Response

__all__ = [
    "RecordID",
    "Role",
    "call",
    "checked",
    "connect",
    "not_empty",
    "print_answer",
    "record_path",
    "send",
    "without_none",
]


def not_empty(value: str) -> str:
    """Return a value of the command line. Raises BadParameter if it is empty."""
    if not value:
        raise typer.BadParameter("it is empty, like a shell variable that is not set")
    return value


RecordID = Annotated[
    str, typer.Argument(metavar="RECORD_ID", show_default=False, callback=not_empty)
]


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the members whose value is not None."""
    return {name: value for name, value in values.items() if value is not None}


def record_path(record_id: str) -> str:
    """Return a record's path below /records."""
    from urllib.parse import quote

    return f"/{quote(record_id, safe='')}"


def connect(context: typer.Context, role: Role) -> "Caller":
    """Return the caller that the global options name; `role` is used with a local stack.

    Raises Failure if there is no service, or if there are no credentials.
    """
    from records_cli import service, sign_in
    from records_cli.failure import Failure

    chosen = options(context)
    known = service.find(chosen)
    context.meta[SERVICE] = known
    try:
        return sign_in.caller(known, chosen, role)
    except Failure as failure:
        failure.is_of_service = True
        raise


def send(
    caller: "Caller",
    method: str,
    path: str = "",
    **request: Any,
) -> "Response":
    """Send one request and return its response. Raises Failure for an error, or without one."""
    return checked(lambda: caller.call(method, path, **request), method, caller.url)


def checked(request: "Callable[[], Response]", method: str, url: str) -> "Response":
    """Return the response to `request`, which is sent to `url`.

    Raises Failure if it is an error, or if there is none.
    """
    from http import HTTPStatus

    from records_cli import problems
    from records_cli.failure import Failure

    try:
        answer = request()
    except Failure as failure:  # the credentials have expired, or the token command failed
        failure.is_of_service = True
        raise
    except OSError as error:
        raise problems.no_response(error, method, url) from error
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise problems.failure(answer, method)
    return answer


def call(
    context: typer.Context,
    role: Role,
    method: str,
    path: str = "",
    **request: Any,
) -> None:
    """Send one request and print the response. Raises Failure for an error."""
    print_answer(send(connect(context, role), method, path, **request))


def print_answer(answer: "Response") -> None:
    """Print the body to standard output, and ETag and Idempotency-Replayed to standard error."""
    from records_cli import jsontext, terminal

    for name in ("etag", "idempotency-replayed"):
        if name in answer.headers:
            print(f"{name}: {answer.headers[name]}", file=sys.stderr)
    if answer.body:
        terminal.print_json(jsontext.pretty(jsontext.parse(answer.body)))
