"""The command `records`: list, get, create, update and delete records of the local stack."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli import __version__
from records_cli.failure import Failure

if TYPE_CHECKING:
    from records_cli.client import Answer

# client and json are imported where they are used: `--help` does not need them and should be quick.


def _kebab_case(token: str) -> str:
    """Return an option's name with hyphens, so that --submittedBy is --submitted-by."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in token)


app = typer.Typer(
    name="records",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _kebab_case},
)


class Role(StrEnum):
    """The caller whose keys sign the requests."""

    READER = "reader"
    WRITER = "writer"


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"records {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    role: Annotated[
        Role | None,
        typer.Option("--as", help="Caller (default: reader for list and get, else writer)."),
    ] = None,
    version: Annotated[  # noqa: ARG001 (its callback acts)
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Call the records API of the local stack, which scripts/up starts."""
    context.obj = role


RecordID = Annotated[str, typer.Argument(metavar="RECORD_ID", show_default=False)]
Condition = Annotated[
    str | None,
    typer.Option("--if-match", metavar="ETAG", help="Fail unless the record has this ETag."),
]
Type = Annotated[str, typer.Option("--type", help="Type of the record, such as deployment.")]
Status = Annotated[str, typer.Option("--status", help="Status, such as ok.")]
NewType = Annotated[str | None, typer.Option("--type", help="New type.")]
NewStatus = Annotated[str | None, typer.Option("--status", help="New status.")]
Message = Annotated[str | None, typer.Option("--message", help="Free text.")]
Attributes = Annotated[
    str | None, typer.Option("--attributes", metavar="JSON", help="Additional data: a JSON object.")
]


@app.command("list")
def list_records(
    context: typer.Context,
    type_: Annotated[str | None, typer.Option("--type", help="Filter by type.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Filter by status.")] = None,
    submitted_by: Annotated[
        str | None, typer.Option("--submitted-by", help="Filter by caller.")
    ] = None,
    created_after: Annotated[
        str | None,
        typer.Option("--created-after", metavar="TIME", help="RFC 3339 time."),
    ] = None,
    created_before: Annotated[
        str | None,
        typer.Option("--created-before", metavar="TIME", help="RFC 3339 time."),
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="asc or desc (default: desc, newest first).")
    ] = None,
    limit: Annotated[
        str | None, typer.Option("--limit", help="Number of records per page.")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option("--cursor", help="The `next` of the previous page.")
    ] = None,
) -> None:
    """Print one page of records, newest first."""
    query = {
        "type": type_,
        "status": status,
        "submittedBy": submitted_by,
        "createdAfter": created_after,
        "createdBefore": created_before,
        "order": order,
        "limit": limit,
        "cursor": cursor,
    }
    _call(context, Role.READER, "GET", query=_without_none(query))


@app.command()
def get(context: typer.Context, record_id: RecordID) -> None:
    """Print one record; its ETag goes to standard error."""
    _call(context, Role.READER, "GET", _path(record_id))


@app.command()
def create(
    context: typer.Context,
    type_: Type,
    status: Status,
    message: Message = None,
    attributes: Attributes = None,
    key: Annotated[
        str | None,
        typer.Option("--key", help="Idempotency key: a repeated call creates no second record."),
    ] = None,
) -> None:
    """Create a record and print it."""
    body = _body(type_, status, message, attributes)
    headers = {} if key is None else {"Idempotency-Key": key}
    _call(context, Role.WRITER, "POST", body=body, headers=headers)


@app.command()
def update(
    context: typer.Context,
    record_id: RecordID,
    type_: NewType = None,
    status: NewStatus = None,
    message: Message = None,
    attributes: Attributes = None,
    if_match: Condition = None,
) -> None:
    """Change the fields that are set, and print the record."""
    body = _body(type_, status, message, attributes)
    headers = _condition(if_match)
    _call(context, Role.WRITER, "PATCH", _path(record_id), body=body, headers=headers)


@app.command()
def delete(context: typer.Context, record_id: RecordID, if_match: Condition = None) -> None:
    """Delete a record."""
    _call(context, Role.WRITER, "DELETE", _path(record_id), headers=_condition(if_match))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _path(record_id: str) -> str:
    from urllib.parse import quote

    return f"/{quote(record_id, safe='')}"


def _condition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}


def _body(
    type_: str | None, status: str | None, message: str | None, attributes: str | None
) -> dict[str, object]:
    import json

    body = _without_none({"type": type_, "status": status, "message": message})
    if attributes is not None:
        try:
            body["attributes"] = json.loads(attributes)
        except ValueError as error:
            raise Failure(
                f"--attributes is not JSON: {error}",
                """quote it for the shell: --attributes '{"host": "db-07"}'""",
            ) from error
    return body


def _call(
    context: typer.Context,
    role: Role,
    method: str,
    path: str = "",
    **request: Any,  # noqa: ANN401 (as for Caller.call)
) -> None:
    """Send one request and print the response. The option --as overrides `role`."""
    from records_cli.local import connect

    caller = connect(context.obj or role)
    try:
        answer = caller.call(method, path, **request)
    except OSError as error:
        raise Failure(f"no response from the API: {error}", "run scripts/up") from error
    _print(answer)


def _print(answer: "Answer") -> None:
    """Print the body to standard output, and ETag and Idempotency-Replayed to standard error.

    Raises Failure for an error status, after printing the body to standard error.
    """
    import json
    from http import HTTPStatus

    failed = answer.status >= HTTPStatus.BAD_REQUEST
    for name in ("etag", "idempotency-replayed"):
        if name in answer.headers:
            print(f"{name}: {answer.headers[name]}", file=sys.stderr)
    if answer.body:
        text = json.dumps(answer.json(), indent=2, ensure_ascii=False)
        print(text, file=sys.stderr if failed else sys.stdout)
    if failed:
        raise Failure(f"the API returned {answer.status}", "see the response above")


def main() -> None:
    """Run the command; a Failure is printed to standard error and exits with code 1."""
    try:
        app(prog_name="records")
    except Failure as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
