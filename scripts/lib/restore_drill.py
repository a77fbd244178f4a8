"""Restores a table to a point in time as a copy, checks that the copy is complete, and deletes the copy."""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lib import account, venvs
from lib.console import Failure, main, step

if TYPE_CHECKING:
    import boto3

# A record carries the time its request began; its write may follow this much later.
_WRITE_LAG = timedelta(seconds=15)
_WAIT_SECONDS, _WAITS = 10, 6 * 60 * 4  # four hours; AWS restores most tables within one
_SHOWN = 5

Item = Mapping[str, Any]  # attribute values by name, as DynamoDB's API has them


@dataclass(frozen=True)
class Version:
    """One record in one table: the digest of its content, and when it was last written."""

    digest: str
    written: str


@dataclass(frozen=True)
class Comparison:
    """What happened to the records since the restored moment. `missing` and `wrong` are defects of the copy."""

    same: list[str]
    created: list[str]
    changed: list[str]
    removed: list[str]
    missing: list[str]
    wrong: list[str]


def digest(item: Item) -> str:
    """Return the SHA-256 of an item's content, whatever the order of its attributes, members and set elements."""

    def plain(value: Any) -> Any:  # noqa: ANN401 (an attribute value)
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
    """Return what `compare` needs to know of an item. Records of other writers may have no `updatedAt`."""
    moments = [
        item[name]["S"]
        for name in ("deletedAt", "updatedAt", "createdAt")
        if "S" in item.get(name, {})
    ]
    return Version(digest(item), moments[0] if moments else "")


def compare(
    table: Mapping[str, Version], copy: Mapping[str, Version], moment: datetime
) -> Comparison:
    """Compare a table with its copy as of `moment`, both by record id."""
    # Text in the service's fixed form (UTC, milliseconds), which sorts by time.
    since = (
        (moment.astimezone(UTC) - _WRITE_LAG)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    new = {key for key, here in table.items() if here.written > since}
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
    """Return one digest of the content of several records."""
    return hashlib.sha256(
        "".join(f"{key}:{versions[key].digest}\n" for key in keys).encode()
    ).hexdigest()


def versions(dynamodb: Any, table: str) -> dict[str, Version]:  # noqa: ANN401 (a boto3 client)
    """Read a whole table."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {item["recordID"]["S"]: version(item) for page in pages for item in page["Items"]}


def moment_of(dynamodb: Any, table: str, wanted: datetime | None) -> datetime:  # noqa: ANN401 (a boto3 client)
    """Return the moment to restore, by default the latest there is; raises Failure where AWS can't restore that."""
    described = dynamodb.describe_continuous_backups(TableName=table)[
        "ContinuousBackupsDescription"
    ]
    recovery = described["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        raise Failure(
            f"{table} has no point-in-time recovery",
            "set table.point_in_time_recovery = true, and apply",
        )
    earliest, latest = recovery["EarliestRestorableDateTime"], recovery["LatestRestorableDateTime"]
    if wanted is not None and not earliest <= wanted <= latest:
        raise Failure(f"{wanted} can't be restored", f"pass --at from {earliest} to {latest}")
    return wanted or latest


def drill(
    session: "boto3.Session",
    table: str,
    wanted: datetime | None,
    say: Callable[[str], None],
    *,
    keep: bool,
) -> None:
    """Run the drill. Raises Failure where the copy lacks a record or has another content for it."""
    dynamodb = session.client("dynamodb")
    with ExitStack() as cleanup:
        with step("moment") as this:
            moment = moment_of(dynamodb, table, wanted)
            this.note = str(moment)
        copy = f"{table}-drill-{datetime.now(UTC):%Y%m%d%H%M%S}"
        with step("restored") as this:
            # Without indexes: they follow from the records, and building them takes most of the time.
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=table,
                TargetTableName=copy,
                RestoreDateTime=moment,
                GlobalSecondaryIndexOverride=[],
            )
            if not keep:
                cleanup.callback(_delete, dynamodb, copy, say)
            dynamodb.get_waiter("table_exists").wait(
                TableName=copy, WaiterConfig={"Delay": _WAIT_SECONDS, "MaxAttempts": _WAITS}
            )
            this.note = copy
        with step("compared") as this:
            here, there = versions(dynamodb, table), versions(dynamodb, copy)
            found = compare(here, there, moment)
            this.note = f"{len(found.same)} records are the same"
        say(
            f"  {table}: {len(here)} records, content {content(here, found.same)[:16]} of those in both"
        )
        say(
            f"  {copy}: {len(there)} records, content {content(there, found.same)[:16]} of those in both"
        )
        say(
            f"  since then: {len(found.created)} created, {len(found.changed)} changed, {len(found.removed)} removed"
        )
        if bad := found.missing + found.wrong:
            cause = (
                f"{len(found.missing)} records are missing from the copy, {len(found.wrong)} differ"
            )
            raise Failure(
                f"{cause}: {', '.join(bad[:_SHOWN])}",
                "run it again with --keep and inspect the copy",
            )


def _delete(dynamodb: Any, copy: str, say: Callable[[str], None]) -> None:  # noqa: ANN401 (a boto3 client)
    try:
        dynamodb.delete_table(TableName=copy)
    except dynamodb.exceptions.ResourceInUseException:
        say(
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
            f"{text!r} is not a time with a zone: pass one such as 2026-01-31T09:30:00Z"
        )
    return moment


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/restore-drill", description=__doc__)
    parser.add_argument("table", help="the output table_name; both tables are read in full")
    parser.add_argument(
        "--at", type=_moment, help="RFC 3339 (default: the latest that AWS can restore)"
    )
    parser.add_argument("--keep", action="store_true", help="do not delete the copy")
    parser.add_argument("--region", help="default: AWS_REGION or the profile's")
    given = parser.parse_args()
    venvs.run_in("dev", "lib.restore_drill")
    with account.explained("use credentials that may restore, read and delete tables"):
        drill(account.session(given.region), given.table, given.at, print, keep=given.keep)


if __name__ == "__main__":
    main(_verb)
