"""Restores both tables to one point in time as copies, verifies the copies, and deletes them."""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lib import account, venvs
from lib.console import Failure, argument_parser, main, step

if TYPE_CHECKING:
    import boto3

# A record has the time at which its request began. Its write may follow this much later.
_WRITE_LAG = timedelta(seconds=15)
_WAIT_SECONDS, _WAITS = 10, 6 * 60 * 4  # four hours; AWS restores most tables within one
_SHOWN = 5
_JUST_WRITTEN = "~"  # after every time

Item = Mapping[str, Any]  # attribute name -> value, as in DynamoDB's API


@dataclass(frozen=True)
class Version:
    """One item in one table: the digest of its content, and the time of its last write."""

    digest: str
    written: str


@dataclass(frozen=True)
class Comparison:
    """Keys of items by what happened since the restored moment.

    `missing` and `wrong` are defects of the copy.
    """

    same: list[str]
    created: list[str]
    changed: list[str]
    removed: list[str]
    missing: list[str]
    wrong: list[str]


def digest(item: Item) -> str:
    """Return the SHA-256 of `item`, in hex. The order of attributes and set elements is ignored."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: sorted(map(str, part)) if name in ("BS", "NS", "SS") else plain(part)
                for name, part in value.items()
            }
        return [plain(part) for part in value] if isinstance(value, list) else value

    text = json.dumps(
        {name: plain(value) for name, value in item.items()}, sort_keys=True, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()


def version(item: Item) -> Version:
    """Return the version of `item`, a record or an entry of the history, for `compare`.

    Other writers' records may lack `updatedAt`. An entry keeps its `changedAt` when it is redacted,
    so a redacted one counts as just written.
    """
    if "redacted" in item:
        return Version(digest(item), _JUST_WRITTEN)
    moments = [
        item[name]["S"]
        for name in ("changedAt", "deletedAt", "updatedAt", "createdAt")
        if "S" in item.get(name, {})
    ]
    return Version(digest(item), moments[0] if moments else "")


def compare(
    table: Mapping[str, Version], copy: Mapping[str, Version], moment: datetime
) -> Comparison:
    """Compare a table with its copy as of `moment`; both map the key of an item to its version."""
    # In the service's fixed format (UTC, milliseconds), where text order is time order.
    since = (
        (moment.astimezone(UTC) - _WRITE_LAG)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    new = {key for key, current in table.items() if current.written > since}
    differing = {key for key in table.keys() & copy.keys() if table[key].digest != copy[key].digest}
    absent = table.keys() - copy.keys()
    return Comparison(
        same=sorted(table.keys() & copy.keys() - differing),
        created=sorted(absent & new),
        changed=sorted(differing & new),
        removed=sorted(copy.keys() - table.keys()),
        missing=sorted(absent - new),
        wrong=sorted(differing - new),
    )


def content(versions: Mapping[str, Version], keys: list[str]) -> str:
    """Return the SHA-256, in hex, over the digests of the items `keys`."""
    return hashlib.sha256(
        "".join(f"{key}:{versions[key].digest}\n" for key in keys).encode()
    ).hexdigest()


def versions(dynamodb: Any, table: str) -> dict[str, Version]:
    """Return key -> version for every item of `table`. A key of several attributes has `#`."""
    schema = dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
    names = [element["AttributeName"] for element in schema]
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {
        "#".join(text for name in names for text in item[name].values()): version(item)
        for page in pages
        for item in page["Items"]
    }


def moment_of(
    dynamodb: Any,
    tables: Sequence[str],
    wanted: datetime | None,
) -> datetime:
    """Return the moment to restore: `wanted`, or the latest possible if that is None.

    Raises Failure if AWS can't restore all `tables` to that moment.
    """
    earliest, latest = [], []
    for table in tables:
        description = dynamodb.describe_continuous_backups(TableName=table)
        recovery = description["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
            raise Failure(
                f"point-in-time recovery of {table} is disabled",
                "set table.point_in_time_recovery = true and apply",
            )
        earliest.append(recovery["EarliestRestorableDateTime"])
        latest.append(recovery["LatestRestorableDateTime"])
    first, last = max(earliest), min(latest)
    if wanted is not None and not first <= wanted <= last:
        raise Failure(f"{wanted} can't be restored", f"pass --at from {first} to {last}")
    return wanted or last


def drill(
    session: "boto3.Session",
    tables: Sequence[str],
    wanted: datetime | None,
    report: Callable[[str], None],
    *,
    keep: bool,
) -> None:
    """Run the drill for all `tables`; pass the result to `report`, line by line.

    With `keep`, keep the copies. Raises Failure if an item is missing from a copy or differs in it.
    """
    dynamodb = session.client("dynamodb")
    with ExitStack() as cleanup:
        with step("moment") as line:
            moment = moment_of(dynamodb, tables, wanted)
            line.note = str(moment)
        suffix = f"-drill-{datetime.now(UTC):%Y%m%d%H%M%S}"
        copies = {table: f"{table}{suffix}" for table in tables}
        with step("restore") as line:
            for table, copy in copies.items():
                _start_restore(dynamodb, table, copy, moment)
                if not keep:
                    cleanup.callback(_delete, dynamodb, copy, report)
            for copy in copies.values():
                _wait_for(dynamodb, copy)
            line.note = ", ".join(copies.values())
        failures = [_compared(dynamodb, *pair, moment, report) for pair in copies.items()]
        if causes := [cause for cause in failures if cause]:
            raise Failure(
                "; ".join(causes), "run the same command again with --keep and inspect the copies"
            )


def _start_restore(dynamodb: Any, table: str, copy: str, moment: datetime) -> None:
    """Restore a table as a copy without indexes: they can be rebuilt, and take most of the time."""
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table,
        TargetTableName=copy,
        RestoreDateTime=moment,
        GlobalSecondaryIndexOverride=[],
    )


def _wait_for(dynamodb: Any, table: str) -> None:
    """Wait until a table exists."""
    limits = {"Delay": _WAIT_SECONDS, "MaxAttempts": _WAITS}
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=limits)


def _compared(
    dynamodb: Any,
    table: str,
    copy: str,
    moment: datetime,
    report: Callable[[str], None],
) -> str:
    """Compare a table with its copy; return what is wrong with the copy, or an empty text."""
    with step(f"comparison of {table}") as line:
        original, restored = versions(dynamodb, table), versions(dynamodb, copy)
        result = compare(original, restored, moment)
        line.note = f"{len(result.same)} items are identical"
    for name, items in ((table, original), (copy, restored)):
        identical = content(items, result.same)[:16]
        report(f"  {name}: {len(items)} items, digest of the identical ones: {identical}")
    report(
        f"  since that moment: {len(result.created)} created, {len(result.changed)} changed, "
        f"{len(result.removed)} removed"
    )
    if bad := result.missing + result.wrong:
        return (
            f"{len(result.missing)} items of {table} are missing from the copy, "
            f"{len(result.wrong)} differ: {', '.join(bad[:_SHOWN])}"
        )
    return ""


def _delete(dynamodb: Any, copy: str, report: Callable[[str], None]) -> None:
    try:
        dynamodb.delete_table(TableName=copy)
    except dynamodb.exceptions.ResourceInUseException:
        report(
            f"{copy} is still being created and cannot be deleted yet. "
            f"Delete it later: aws dynamodb delete-table --table-name {copy}"
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time with a time zone: use the format 2026-01-31T09:30:00Z"
        )
    return moment


def _verb() -> None:
    parser = argument_parser(prog="scripts/restore-drill", description=__doc__)
    for name, contents in (("table_name", "records"), ("history_table_name", "history")):
        parser.add_argument(
            name, help=f"table of the {contents}: the output {name}. It and its copy are scanned"
        )
    parser.add_argument(
        "--at", type=_moment, help="RFC 3339 time to restore (default: the latest possible)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the copies")
    parser.add_argument("--region", help="AWS region (default: AWS_REGION or the profile's)")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.restore_drill")
    with account.explained("use credentials that may restore, read and delete tables"):
        session = account.session(arguments.region)
        tables = (arguments.table_name, arguments.history_table_name)
        drill(session, tables, arguments.at, print, keep=arguments.keep)


if __name__ == "__main__":
    main(_verb)
