"""Measures how much memory the function needs for the largest page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.bench import growth
from lib.bench.endpoint import similar
from lib.bench.events import event
from lib.bench.runtime import Runtime, Subject
from lib.bench.workload import requests

# Many small values take the most memory for the same number of bytes.
_ATTRIBUTES = {
    "M": {
        f"group{group}": {"M": {f"value{number}": {"N": str(number)} for number in range(30)}}
        for group in range(30)
    }
}


def measure(python: Path, ours: Subject) -> Mapping[str, Any]:
    """Return the `bytes` and `records` of a page that its size ends, and the `peak_megabytes`."""
    tables = growth.new_tables()
    records = tables.tables[growth.RECORDS]
    with (
        growth.serve(tables) as url,
        Runtime(python, growth.with_endpoint(ours, url)) as runtime,
    ):
        runtime.invoke(requests()["create"].event)
        [template] = [stored.item for stored in records.items.values()]
        records.clear()
        records.load(similar(template | {"attributes": _ATTRIBUTES}, 1000))
        response = runtime.invoke(event("GET /records", query="limit=1000")).response
        return {
            "bytes": len(response["body"].encode()),
            "records": len(json.loads(response["body"])["records"]),
            "peak_megabytes": round(runtime.peak_megabytes(), 1),
        }
