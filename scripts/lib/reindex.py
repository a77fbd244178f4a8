"""Makes records that other programs put into the table appear in listings, and repairs what keeps them out."""

import argparse
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from lib import account, venvs
from lib.console import Failure, main
from lib.paths import LOCAL, shown
from records_api import records
from records_api.api import instant
from records_api.fields import MAX_LENGTHS, RECORD_ID
from records_api.store import FEED, FEED_KEY, VERSION_ATTRIBUTES, position

_PAGE_ITEMS = 100
# What an update depends on: it is not made if one of these has changed since the item was read.
_CONDITIONAL = (*VERSION_ATTRIBUTES, FEED_KEY, "position")

Item = dict[str, Any]


def repairs(item: Mapping[str, Any]) -> Item:
    """Return the attributes to set on `item`: none, if it is listed already. Raises ValueError if it can't be.

    `createdAt` is rewritten to the service's fixed width, in UTC, cut to the millisecond. A version
    that the API shows as 1, because it is not a whole number, becomes 1. An item that is changed gets
    a new `writeToken`, and the next version if callers see the change: no representation changes
    under its old ETag, and an update that read the item before does not undo the repair.
    """
    if not RECORD_ID.fullmatch(item["recordID"]):
        raise ValueError("recordID can't stand in a URL")
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
        wanted["version"] = records.version(dict(item))
    changed = {name: value for name, value in wanted.items() if item.get(name) != value}
    if not changed:
        return {}
    if records.public(dict(item)) != records.public({**item, **changed}):
        changed["version"] = records.version(dict(item)) + 1
    return changed | {"writeToken": secrets.token_hex(16)}


def reindex(table: Any, progress: Path, say: Callable[[str], None]) -> tuple[int, int]:  # noqa: ANN401 (boto3)
    """Repair every item of `table` (a boto3 Table) that needs it; return how many, and how many were named instead.

    Where an earlier run broke off, `progress` holds the key to go on after. An item that somebody changes meanwhile is
    read again, and repaired as it is then.
    """
    done = named = 0
    for item in _scanned(table, progress):
        try:
            done += _repair(table, item)
        except ValueError as reason:
            named += 1
            say(f"{item['recordID']!r} can't be listed: {reason}")
            continue
        if "deletedAt" not in item and not isinstance(item.get("expiresAt", Decimal()), Decimal):
            named += 1
            say(f"{item['recordID']!r} never expires: expiresAt is not a number of seconds")
    return done, named


def _repair(table: Any, item: Item) -> bool:  # noqa: ANN401 (boto3)
    """Repair an item; return whether that was needed. Raises ValueError if it can't be listed."""
    key = {"recordID": item["recordID"]}
    current: Item | None = item
    while current and "deletedAt" not in current:
        changed = repairs(current)
        if not changed or _update(table, current, changed):
            return bool(changed)
        current = table.get_item(Key=key, ConsistentRead=True).get("Item")
    return False


def _scanned(table: Any, progress: Path) -> Iterator[Item]:  # noqa: ANN401 (boto3)
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


def _update(table: Any, item: Item, changed: Item) -> bool:  # noqa: ANN401 (boto3)
    """Set the attributes, unless the item has changed since it was read; return whether they were set."""
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
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/reindex", description=__doc__)
    parser.add_argument("table", help="the output table_name")
    parser.add_argument("--region", help="default: AWS_REGION or the profile's")
    given = parser.parse_args()
    venvs.run_in("dev", "lib.reindex")
    progress = LOCAL / f"reindex-{given.table}.json"
    fix = f"fix the cause and run it again; it goes on from {shown(progress)}"
    with account.explained(fix):
        table = account.session(given.region).resource("dynamodb").Table(given.table)
        done, named = reindex(table, progress, print)
    print(f"{done} records repaired, {named} named above")
    if named:
        raise Failure(
            f"{named} records need to be corrected by hand",
            "correct the attributes named above and run it again",
        )


if __name__ == "__main__":
    main(_verb)
