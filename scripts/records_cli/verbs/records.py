"""The verbs for single records: get, create, update, delete and restore."""

import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from records_cli.call import RecordID, Role, call, connect, record_path, send, without_none
from records_cli.exit_codes import Exit
from records_cli.failure import Failure

if TYPE_CHECKING:
    from records_cli.bodies import Body


Condition = Annotated[
    str | None,
    typer.Option("--if-match", metavar="ETAG", help="Fail unless the record has this ETag."),
]
Type = Annotated[
    str | None, typer.Option("--type", metavar="TEXT", help="Type, such as deployment.")
]
Status = Annotated[str | None, typer.Option("--status", metavar="TEXT", help="Status, such as ok.")]
Message = Annotated[str | None, typer.Option("--message", metavar="TEXT", help="Free text.")]
Attributes = Annotated[
    str | None,
    typer.Option("--attributes", metavar="JSON", help="Additional data: a JSON object."),
]
Attr = Annotated[
    list[str] | None,
    typer.Option(
        "--attr",
        metavar="NAME=TEXT",
        help="One attribute; NAME:=JSON for other types; A.B=TEXT inside an object. Repeatable.",
    ),
]
File = Annotated[
    str | None,
    typer.Option("-f", "--file", metavar="FILE", help="JSON object; - is standard input."),
]


def get(context: typer.Context, record_id: RecordID) -> None:
    """Print one record as JSON; its ETag goes to standard error.

    \b
    Examples:
      records get RECORD_ID
      records get RECORD_ID 2>/dev/null | jq .attributes
    """
    call(context, Role.READER, "GET", record_path(record_id))


def create(
    context: typer.Context,
    type_: Type = None,
    status: Status = None,
    message: Message = None,
    attributes: Attributes = None,
    attr: Attr = None,
    file: File = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            help="Idempotency key: a repeated call creates no second record. [default: random]",
        ),
    ] = None,
) -> None:
    """Create a record and print it as JSON. It needs a type and a status.

    Options replace the fields of a file.

    \b
    Examples:
      records create --type deployment --status ok --attr service=billing --attr build:=42
      records create --type backup --status failed --message "Disk full" --key backup-2026-01-31
      echo '{"type": "check", "status": "ok"}' | records create -f -
    """
    from uuid import uuid4

    body = _body(file, {"type": type_, "status": status, "message": message}, attributes, attr)
    if missing := [f"--{name}" for name in ("type", "status") if name not in body]:
        raise Failure(
            f"{' and '.join(missing)} missing", "pass it, or a file with -f", Exit.BAD_INPUT
        )
    key = str(uuid4()) if key is None else key
    headers = {"Idempotency-Key": key}
    try:
        call(context, Role.WRITER, "POST", body=_encoded(body), headers=headers)
    except Failure as failure:
        if failure.code != Exit.OUTCOME_UNKNOWN:
            raise
        remedy = f"repeat the command with --key {key}: it creates at most one record"
        raise failure.changed(remedy=remedy) from failure


def update(
    context: typer.Context,
    record_id: RecordID,
    type_: Type = None,
    status: Status = None,
    message: Message = None,
    attributes: Attributes = None,
    attr: Attr = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="FIELD", help="message, or attributes.NAME. Repeatable."),
    ] = None,
    file: File = None,
    if_match: Condition = None,
) -> None:
    """Change fields of a record, keep the others, and print it as JSON.

    A file is a JSON Merge Patch: null removes a field. Other attributes are kept.

    \b
    Examples:
      records update RECORD_ID --status done --attr minutes:=12
      records update RECORD_ID --remove message --remove attributes.ticket
      records update RECORD_ID --status done --if-match 3-0a1b2c3d4e5f
    """
    from records_cli import bodies

    body = _body(file, {"type": type_, "status": status, "message": message}, attributes, attr)
    bodies.add_removals(body, remove or [])
    if not body:
        raise Failure(
            "there is nothing to change",
            "pass --status, --message, --attr, --remove or -f",
            Exit.BAD_INPUT,
        )
    headers = _condition(if_match)
    path = record_path(record_id)
    call(context, Role.WRITER, "PATCH", path, body=_encoded(body), headers=headers)


def delete(context: typer.Context, record_id: RecordID, if_match: Condition = None) -> None:
    """Delete a record. Its history is kept, and records restore brings it back.

    \b
    Examples:
      records delete RECORD_ID
      records delete RECORD_ID --if-match 3-0a1b2c3d4e5f
    """
    caller = connect(context, Role.WRITER)
    send(caller, "DELETE", record_path(record_id), headers=_condition(if_match))
    print(f"deleted: {record_id}; its versions: records history {record_id}", file=sys.stderr)


def restore(
    context: typer.Context,
    record_id: RecordID,
    version: Annotated[
        int, typer.Argument(metavar="VERSION", help="Version to restore; see records history.")
    ],
    if_match: Condition = None,
) -> None:
    """Write an earlier version of a record again, as its next version.

    It prints the record, and also brings back a deleted one.

    \b
    Example:
      records restore RECORD_ID 3
    """
    path, body = f"{record_path(record_id)}/restore", {"version": version}
    call(context, Role.WRITER, "POST", path, body=body, headers=_condition(if_match))


def _condition(if_match: str | None) -> dict[str, str]:
    """Return the header of --if-match; the quotes of an ETag, which shells remove, are added."""
    if if_match is None:
        return {}
    is_bare = re.fullmatch(r"\d+-[0-9a-f]{12}", if_match)
    return {"If-Match": f'"{if_match}"' if is_bare else if_match}


def _body(
    file: str | None,
    fields: dict[str, Any],
    attributes: str | None,
    assignments: list[str] | None,
) -> "Body":
    from records_cli import bodies

    body = bodies.from_file(file) | without_none(fields)
    if attributes is not None:
        body["attributes"] = bodies.json_object(attributes, "--attributes")
    bodies.add_attributes(body, assignments or [])
    return body


def _encoded(body: "Body") -> bytes:
    from records_cli import jsontext

    return jsontext.compact(body).encode()
