"""Repairs records that other programs wrote to the table, so that listings include them."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib import account, venvs
from lib.console import Failure, argument_parser, main
from lib.paths import LOCAL, shown
from records_api import representation
from records_api.fields import MAX_LENGTHS, RECORD_ID
from records_api.parameters import instant
from records_api.store import FEED, FEED_KEY, VERSION_ATTRIBUTES, position

_PAGE_ITEMS = 100
# An update is conditional on these: it fails if one has changed since the item was read.
_CONDITIONAL = (*VERSION_ATTRIBUTES, FEED_KEY, "position")

Item = dict[str, Any]


def repairs(item: Mapping[str, Any]) -> Item:
    """Return the attributes to set on `item`, so that listings include it; none if they already do.

    `createdAt` is rewritten to the service's fixed width, in UTC, truncated to the millisecond. A
    version that is not a whole number becomes 1, which is what the API returns for it. A changed
    item gets a new `writeToken`, and the next version if the change is visible to callers. So the
    ETag changes with the representation, and an update that read the old item does not undo the
    repair. Raises ValueError if the item can't be listed.
    """
    if not RECORD_ID.fullmatch(item["recordID"]):
        raise ValueError("recordID can't be used in a URL")
    moment = instant(str(item.get("createdAt", "")))
    if moment is None:
        raise ValueError("createdAt is not an RFC 3339 date-time")
    for name in ("type", "status", "submittedBy"):
        value = item.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_LENGTHS[name]:
            raise ValueError(f"{name} is not a string of 1 to {MAX_LENGTHS[name]} characters")
    wanted: Item = {"createdAt": moment[0], FEED_KEY: FEED}
    wanted["position"] = position({**item, **wanted})
    if "version" in item:
        wanted["version"] = representation.version(dict(item))
    changed = {name: value for name, value in wanted.items() if item.get(name) != value}
    if not changed:
        return {}
    if representation.public(dict(item)) != representation.public({**item, **changed}):
        changed["version"] = representation.version(dict(item)) + 1
    return changed | {"writeToken": secrets.token_hex(16)}


def reindex(
    table: Any,
    progress: Path,
    report: Callable[[str], None],
) -> tuple[int, int]:
    """Repair every item of `table` (a boto3 Table) that needs it.

    Returns the number of repaired items, and the number of items that can't be repaired, each of
    which is passed to `report` as one line. The file `progress` holds the key after which an
    interrupted run continues. An item that is modified concurrently is read and repaired again.
    """
    repaired = reported = 0
    for item in _scanned(table, progress):
        try:
            repaired += _repair(table, item)
        except ValueError as reason:
            reported += 1
            report(f"{item['recordID']!r} can't be listed: {reason}")
            continue
        if "deletedAt" not in item and not isinstance(item.get("expiresAt", Decimal()), Decimal):
            reported += 1
            report(f"{item['recordID']!r} never expires: expiresAt is not a number of seconds")
    return repaired, reported


def _repair(table: Any, item: Item) -> bool:
    """Repair one item; return whether it needed repair. Raises ValueError if it can't be listed."""
    key = {"recordID": item["recordID"]}
    current: Item | None = item
    while current and "deletedAt" not in current:
        changed = repairs(current)
        if not changed or _update(table, current, changed):
            return bool(changed)
        current = table.get_item(Key=key, ConsistentRead=True).get("Item")
    return False


def _scanned(table: Any, progress: Path) -> Iterator[Item]:
    start = {"ExclusiveStartKey": json.loads(progress.read_text())} if progress.exists() else {}
    while True:
        page = table.scan(Limit=_PAGE_ITEMS, ConsistentRead=True, **start)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            progress.unlink(missing_ok=True)
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        progress.parent.mkdir(parents=True, exist_ok=True)
        progress.write_text(json.dumps(page["LastEvaluatedKey"]))


def _update(table: Any, item: Item, changed: Item) -> bool:
    """Set `changed` unless `item` was modified since it was read; return whether it was set.

    An item that a transaction is changing at the moment counts as modified.
    """
    errors = table.meta.client.exceptions
    conditions = [
        f"#{name} = :old_{name}" if name in item else f"attribute_not_exists(#{name})"
        for name in _CONDITIONAL
    ]
    old = {f":old_{name}": item[name] for name in _CONDITIONAL if name in item}
    try:
        table.update_item(
            Key={"recordID": item["recordID"]},
            UpdateExpression="SET " + ", ".join(f"#{name} = :new_{name}" for name in changed),
            ConditionExpression=" AND ".join(conditions),
            ExpressionAttributeNames={f"#{name}": name for name in (*_CONDITIONAL, *changed)},
            ExpressionAttributeValues=old | {f":new_{name}": changed[name] for name in changed},
        )
    except (errors.ConditionalCheckFailedException, errors.TransactionConflictException):
        return False
    return True


def _verb() -> None:
    parser = argument_parser(prog="scripts/reindex", description=__doc__)
    parser.add_argument("table", help="table name: the output table_name")
    parser.add_argument("--region", help="AWS region (default: AWS_REGION or the profile's)")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.reindex")
    progress = LOCAL / f"reindex-{arguments.table}.json"
    fix = f"fix the cause and run the same command again; it continues from {shown(progress)}"
    with account.explained(fix):
        table = account.session(arguments.region).resource("dynamodb").Table(arguments.table)
        repaired, reported = reindex(table, progress, print)
    print(f"{repaired} records repaired, {reported} not repaired")
    if reported:
        raise Failure(
            f"{reported} records must be corrected manually",
            "correct the attributes named above and run the same command again",
        )


if __name__ == "__main__":
    main(_verb)
