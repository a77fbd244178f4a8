"""The verbs for records: list, get, create, update, delete and restore."""

from typing import Annotated

import typer

from records_cli.call import RecordID, Role, call, record_path, without_none
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

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
    call(context, Role.READER, "GET", query=without_none(query))


def get(context: typer.Context, record_id: RecordID) -> None:
    """Print one record; its ETag goes to standard error."""
    call(context, Role.READER, "GET", record_path(record_id))


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
    call(context, Role.WRITER, "POST", body=body, headers=headers)


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
    call(context, Role.WRITER, "PATCH", record_path(record_id), body=body, headers=headers)


def delete(context: typer.Context, record_id: RecordID, if_match: Condition = None) -> None:
    """Delete a record."""
    call(context, Role.WRITER, "DELETE", record_path(record_id), headers=_condition(if_match))


def restore(
    context: typer.Context,
    record_id: RecordID,
    version: Annotated[
        int, typer.Argument(metavar="VERSION", help="Version to restore; see records history.")
    ],
    if_match: Condition = None,
) -> None:
    """Write an earlier version of a record again, as its next version, and print the record.

    It also brings back a deleted record.

    \b
    Example:
      records restore RECORD_ID 3
    """
    path, body = f"{record_path(record_id)}/restore", {"version": version}
    call(context, Role.WRITER, "POST", path, body=body, headers=_condition(if_match))


def _condition(if_match: str | None) -> dict[str, str]:
    return {} if if_match is None else {"If-Match": if_match}


def _body(
    type_: str | None, status: str | None, message: str | None, attributes: str | None
) -> dict[str, object]:
    import json

    body = without_none({"type": type_, "status": status, "message": message})
    if attributes is not None:
        try:
            body["attributes"] = json.loads(attributes)
        except ValueError as error:
            raise Failure(
                f"--attributes is not JSON: {error}",
                """quote it for the shell: --attributes '{"host": "db-07"}'""",
                Exit.BAD_INPUT,
            ) from error
    return body
