"""What the commands share: who calls, one call of the API, and its output."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.failure import Failure

if TYPE_CHECKING:
    from records_cli.client import Caller, Response

RecordID = Annotated[str, typer.Argument(metavar="RECORD_ID", show_default=False)]


class Role(StrEnum):
    """The caller whose keys sign the requests."""

    READER = "reader"
    WRITER = "writer"
    AUDITOR = "auditor"


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the members whose value is not None."""
    return {name: value for name, value in values.items() if value is not None}


def record_path(record_id: str) -> str:
    """Return a record's path below /records."""
    from urllib.parse import quote  # noqa: PLC0415 (--help does not need it)

    return f"/{quote(record_id, safe='')}"


def connect(context: typer.Context, role: Role) -> "Caller":
    """Return the caller named by the option --as, otherwise `role`."""
    from records_cli import local  # noqa: PLC0415 (--help does not need it)

    return local.connect(context.obj or role)


def call(
    context: typer.Context,
    role: Role,
    method: str,
    path: str = "",
    **request: Any,  # noqa: ANN401 (as for Caller.call)
) -> None:
    """Send one request and print the response. The option --as overrides `role`."""
    caller = connect(context, role)
    try:
        answer = caller.call(method, path, **request)
    except OSError as error:
        raise no_response(error) from error
    print_answer(answer)


def no_response(error: OSError) -> Failure:
    """Return the Failure for a request without a response."""
    return Failure(f"no response from the API: {error}", "run scripts/up")


def print_answer(answer: "Response") -> None:
    """Print the body to standard output, and ETag and Idempotency-Replayed to standard error.

    Raises Failure for an error status, after printing the body to standard error.
    """
    from http import HTTPStatus  # noqa: PLC0415 (--help does not need it)

    from records_cli import jsontext  # noqa: PLC0415 (--help does not need it)

    failed = answer.status >= HTTPStatus.BAD_REQUEST
    for name in ("etag", "idempotency-replayed"):
        if name in answer.headers:
            print(f"{name}: {answer.headers[name]}", file=sys.stderr)
    if answer.body:
        text = jsontext.pretty(jsontext.parse(answer.body))
        print(text, file=sys.stderr if failed else sys.stdout)
    if failed:
        raise Failure(f"the API returned {answer.status}", "see the response above")
