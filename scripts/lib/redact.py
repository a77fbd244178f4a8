"""Erases the content of versions from a record's history. All hashes stay valid.

Without --apply, it only says what it would do. It adds an entry with your identity, the reason and
the versions. docs/evidence.md has the steps before and after, and says where content remains.
"""

import argparse
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lib import account, venvs
from lib.boto3_client import Boto3Client
from lib.console import Failure, argument_parser, main
from records_api import entries, history, representation, store, writes
from records_api.fields import CLIENT_FIELDS
from records_api.history import Entry
from records_api.jsontext import parse
from records_api.store import Record, Table, Write

MAX_REASON = 500
# A transaction has at most 100 actions and 4 MB ("Amazon DynamoDB Transactions: How it works").
# The new entries and the record take part in it too.
_MAX_ENTRIES, _MAX_BYTES = 90, 3_000_000
_ATTEMPTS = 5


class Request(NamedTuple):
    """What to redact, who does it and why."""

    record_id: str
    versions: tuple[int, ...]
    identity: str
    reason: str


class State(NamedTuple):
    """What the tables hold.

    `record` is None if there is no visible record; `newest` is the end of the chain; `pending` are
    the requested entries that have content.
    """

    record: Record | None
    newest: Entry
    pending: list[Entry]


def read(table: Table, request: Request, now: datetime) -> State:
    """Return what the tables hold. Raises Failure if the request can't be carried out."""
    record_id, seconds = request.record_id, int(now.timestamp())
    item = store.get(table, record_id)
    record = item if representation.is_visible(item, now) else None
    newest = entries.newest(table, record_id, seconds)
    if newest is None:
        raise Failure(f"{record_id} has no history", "check the record ID and the table names")
    if record is None and newest["recordHash"] is not None:
        raise Failure(
            f"the record {record_id} is gone without a delete entry",
            "restore it with records restore, delete it with records delete, and run this again",
        )
    pending = []
    for version in dict.fromkeys(request.versions):
        entry = entries.get_entry(table, record_id, version, seconds)
        if _has_content(record_id, version, entry, record) and entry is not None:
            pending.append(entry)
    return State(record, newest, pending)


def transaction(table: Table, request: Request, state: State, now: datetime) -> list[Write]:
    """Return the members of a transaction that redacts what is pending, or as much as fits.

    Each is conditional on what was read, so a concurrent change makes the transaction fail. The
    record keeps its content and gets the next version. Raises Conflict if the history has grown.
    """
    batch = _batch(state.pending)
    author = history.Author(request.identity, f"redact-{secrets.token_hex(16)}")
    origin = writes.Origin(author, secrets.token_hex(16), lambda: now)
    turn = writes.turn(table, request.record_id, state.record, origin, now)
    if state.record is None and turn.link != history.link(state.newest):
        raise store.Conflict  # nothing else shows that the record was restored
    stated: dict[str, Any] = {
        "reason": request.reason,
        "redactedVersions": sorted(int(each["version"]) for each in batch),
    }
    if state.record is None and "expiresAt" in state.newest:
        stated["expiresAt"] = int(state.newest["expiresAt"])
    record = None if state.record is None else writes.stamped(turn, state.record, origin)
    members = writes.members(table, turn, history.REDACT, record, origin, **stated)
    return [*members, *(_emptied(table, each) for each in batch)]


def preview(table: Table, request: Request, report: Callable[[str], None]) -> None:
    """Report what `redact` does: which versions it erases, and the entry that it adds."""
    pending = read(table, request, datetime.now(UTC)).pending
    for entry in pending:
        author = f"{entry['changedAt']} by {entry['changedBy']}"
        report(f"version {entry['version']} ({entry['change']}, {author}): its content is erased")
    if done := set(request.versions) - {int(entry["version"]) for entry in pending}:
        report(f"redacted already: {_listed(done)}")
    if pending:
        report(f"an entry is added: by {request.identity}, reason: {request.reason}")


def redact(
    table: Table,
    request: Request,
    report: Callable[[str], None],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Redact what is pending. Raises Failure if the record keeps changing."""
    conflicts = 0
    while (state := read(table, request, clock())).pending:
        try:
            store.transact(table, transaction(table, request, state, clock()))
        except store.Conflict as conflict:
            conflicts += 1
            if conflicts == _ATTEMPTS:
                raise Failure(
                    f"{request.record_id} was changed during each of {conflicts} attempts",
                    "run the same command again when nobody changes the record",
                ) from conflict
        else:
            report(f"redacted: {_listed(int(each['version']) for each in _batch(state.pending))}")


def _has_content(record_id: str, version: int, entry: Entry | None, record: Record | None) -> bool:
    """Return whether an entry has content to erase; False if it was redacted before.

    Raises Failure if it never had any, or if the record still has the same content.
    """
    if entry is None:
        cause = f"{record_id} has no version {version}"
        raise Failure(cause, f"choose from the versions that records history {record_id} shows")
    if "redacted" in entry:
        return False
    if entry["record"] is None:
        what = "the record was too large to keep" if "omitted" in entry else "it is a deletion"
        cause = f"version {version} of {record_id} has no content: {what}"
        raise Failure(cause, f"leave out version {version}")
    if record is not None and _content(parse(entry["record"])) == _content(record):
        raise Failure(
            f"version {version} of {record_id} has the content of the current record",
            "update or delete the record first; then redact the version",
        )
    return True


def _content(record: Mapping[str, Any]) -> str:
    """Return what clients wrote of a record, as text to compare."""
    public = representation.public(dict(record))
    return history.canonical({name: public[name] for name in CLIENT_FIELDS if name in public})


def _batch(pending: Iterable[Entry]) -> list[Entry]:
    """Return as many entries as one transaction takes, at least one."""
    batch: list[Entry] = []
    size = 0
    for entry in pending:
        size += len(entry["record"].encode())
        if batch and (size > _MAX_BYTES or len(batch) == _MAX_ENTRIES):
            break
        batch.append(entry)
    return batch


def _emptied(table: Table, entry: Entry) -> Write:
    """Return the update that erases the content of an entry that was not altered meanwhile."""
    values = {"hash": entry["hash"], "null": None, "true": True}
    return {
        "Update": {
            "TableName": table.history_name,
            "Key": store.encode({name: entry[name] for name in ("recordID", "version")}),
            "UpdateExpression": "SET #record = :null, #redacted = :true",
            "ConditionExpression": "#hash = :hash",
            **store.placeholders(["hash", "record", "redacted"], values),
        }
    }


def _listed(versions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(versions)))


def _reason(text: str) -> str:
    if not 1 <= len(text.strip()) <= MAX_REASON:
        raise argparse.ArgumentTypeError(f"must have 1 to {MAX_REASON} characters")
    return text.strip()


def _version(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a version: use a number from 1")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(
        prog="scripts/redact",
        description=__doc__,
        epilog="example: scripts/redact 01a206a3-8211-7f1e-819d-7ace002ed565 3 4 "
        "--table orders-prod --history-table orders-prod-history --reason 'INC-1234: password'",
    )
    parser.add_argument("record_id", metavar="RECORD_ID")
    parser.add_argument("versions", metavar="VERSION", type=_version, nargs="+")
    parser.add_argument("--table", required=True, help="records table: the output table_name")
    parser.add_argument(
        "--history-table", required=True, help="history table: the output history_table_name"
    )
    parser.add_argument(
        "--reason",
        required=True,
        type=_reason,
        help="why; the history keeps it, so do not repeat what is erased",
    )
    parser.add_argument("--apply", action="store_true", help="do it; otherwise, only say what")
    parser.add_argument("--region", help="AWS region (default: AWS_REGION or the profile's)")
    return parser


def _verb() -> None:
    arguments = _parser().parse_args()
    venvs.run_in("dev", "lib.redact")
    with account.explained("use credentials that may read and write both tables"):
        session = account.session(arguments.region)
        identity = session.client("sts").get_caller_identity()["Arn"]
        client = Boto3Client(session.client("dynamodb"))
        table = Table(
            client, arguments.table, arguments.history_table, frozenset(), deadline=math.inf
        )
        versions = tuple(arguments.versions)
        request = Request(arguments.record_id, versions, identity, arguments.reason)
        preview(table, request, print)
        if not arguments.apply:
            print("nothing was changed; run the same command again with --apply")
            return
        redact(table, request, print)
        print("docs/evidence.md lists where the content remains, such as backups")


if __name__ == "__main__":
    main(_verb)
