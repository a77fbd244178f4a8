"""Makes records that other writers put into the table appear in listings: gives them what the indexes need."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lib import account, venvs
from lib.console import Failure, main
from lib.paths import LOCAL, shown
from records_api.api import instant
from records_api.fields import MAX_LENGTHS, RECORD_ID
from records_api.store import FEED, FEED_KEY, position

_PAGE_ITEMS = 100

Item = dict[str, Any]


def indexed(item: Mapping[str, Any]) -> Item:
    """Return the attributes that `item` needs to be listed, or raise ValueError with what stands in the way.

    `createdAt` is rewritten to the service's fixed width, in UTC, cut to the millisecond: the same moment otherwise.
    """
    if not isinstance(item["recordID"], str) or not RECORD_ID.fullmatch(item["recordID"]):
        raise ValueError("recordID is not one that a URL could carry")
    moment = instant(str(item.get("createdAt", "")))
    if moment is None:
        raise ValueError("createdAt is no RFC 3339 date-time")
    for name in ("type", "status", "submittedBy"):
        value = item.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_LENGTHS[name]:
            raise ValueError(f"{name} is no text of 1 to {MAX_LENGTHS[name]} characters")
    found = {"recordID": item["recordID"], "createdAt": moment[0]}
    return {"createdAt": moment[0], "position": position(found), FEED_KEY: FEED}


def reindex(table: Any, progress: Path, say: Callable[[str], None]) -> tuple[int, int]:  # noqa: ANN401 (boto3)
    """Index every item of `table` (a boto3 Table) that is not; return how many were and how many can't be.

    Where an earlier run broke off, `progress` holds the key to go on after. A record that the service or another run
    writes meanwhile is left as it is: each update has the condition that the item is still not indexed.
    """
    done = refused = 0
    for item in _scanned(table, progress):
        if FEED_KEY in item or "deletedAt" in item:
            continue
        try:
            attributes = indexed(item)
        except ValueError as reason:
            refused += 1
            say(f"left out: {item['recordID']!r}: {reason}")
            continue
        done += _write(table, item, attributes)
    return done, refused


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


def _write(table: Any, item: Item, attributes: Item) -> int:  # noqa: ANN401 (boto3)
    names = {f"#{name}": name for name in attributes}
    try:
        table.update_item(
            Key={"recordID": item["recordID"]},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ConditionExpression=f"attribute_not_exists(#{FEED_KEY}) AND #createdAt = :read",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":read": item["createdAt"]}
            | {f":{name}": value for name, value in attributes.items()},
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return 0
    return 1


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/reindex", description=__doc__)
    parser.add_argument("table", help="the output table_name")
    parser.add_argument("--region", help="default: AWS_REGION or the profile's")
    given = parser.parse_args()
    venvs.run_in("dev", "lib.reindex")
    progress = LOCAL / f"reindex-{given.table}.json"
    with account.explained(f"mend that and run it again; it goes on from {shown(progress)}"):
        table = account.session(given.region).resource("dynamodb").Table(given.table)
        done, refused = reindex(table, progress, print)
    print(f"{done} records indexed, {refused} left out")
    if refused:
        raise Failure(
            f"{refused} records can't be listed as they are",
            "mend the attributes named above, run it again",
        )


if __name__ == "__main__":
    main(_verb)
