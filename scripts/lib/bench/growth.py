"""Counts what requests read as the tables grow, and what each request reads, writes and logs.

The functions call tables in memory (lib.bench.tables) over HTTP. These count the items and bytes
that each call reads, from which DynamoDB's units follow.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.bench import events, workload
from lib.bench.endpoint import similar
from lib.bench.measure import Report
from lib.bench.runtime import Runtime, Subject
from lib.bench.tables import Table, Tables, total
from lib.bench.units import Item
from records_api import history
from records_api.entries import CHANGES_INDEX
from records_api.store import INDEXES

RECORDS, HISTORY = "records-bench", "records-bench-history"
MODELLED_SIZES = (1_000_000, 10_000_000)
# The newest records have the type that is asked for, and the newest entries belong to one record:
# as many in tables of any size.
_SELECTED = 500
_SELECTED_TYPE, _OTHER_TYPE = "backup", "health-check"
_LIMIT = 100
_DEEP = 0.7  # the part of a table that precedes its deep page

Answer = Callable[[Mapping[str, Any]], Any]  # event -> response of the function
Counts = dict[str, dict[str, float]]  # request -> what is counted -> value


def measure(python: Path, ours: Subject, sizes: Sequence[int], report: Report) -> dict[str, Counts]:
    """Return size of the tables -> request -> `calls`, `items` and units.

    `scan_for_a_type` is what a list of one type costs without an index: it reads the whole table.
    """
    tables = new_tables()
    with serve(tables) as url, Runtime(python, with_endpoint(ours, url)) as runtime:
        return count(tables, lambda event: runtime.invoke(event).response, sizes, report)


def count(
    tables: Tables, answer: Answer, sizes: Sequence[int], report: Report
) -> dict[str, Counts]:
    """Fill empty tables to each of `sizes` and return what `measure` returns.

    `answer` is the function, which creates the first record.
    """
    _succeed(answer, workload.requests()["create"].event)
    records, entries = _contents(tables, max(sizes))
    for table in tables.tables.values():
        table.clear()
    results, stored = {}, 0
    for size in sizes:
        tables.tables[RECORDS].load(records[stored:size])
        tables.tables[HISTORY].load(entries[stored:size])
        stored = size
        deep = int(size * _DEEP)
        results[str(size)] = {
            name: _counted(tables, answer, request)
            for name, request in _requests(answer, records[deep], entries).items()
        }
        results[str(size)]["scan_for_a_type"] = _scan(tables)
        report(f"{size:,} records")
    return results


def per_request(python: Path, subjects: Sequence[Subject], folder: Path) -> dict[str, Counts]:
    """Return subject -> request -> its units, its calls, and the bytes that it logs.

    The requests are those that all peers answer, in tables of 1,000 records.
    """
    tables = new_tables()
    names = ("page_100", "get", "create")
    results: dict[str, Counts] = {}
    with serve(tables) as url:
        for subject in subjects:
            log = folder / f"{subject.name}.log"
            with Runtime(python, with_endpoint(subject, url), log=log) as runtime:

                def answer(event: Any, runtime: Runtime = runtime) -> Any:
                    return runtime.invoke(event).response

                if not results:  # the first subject is this service, which writes the templates
                    count(tables, answer, [1000], lambda _: None)
                requests = {name: workload.requests()[name].event for name in names}
                record_id = next(iter(tables.tables[RECORDS].items))[0]
                requests["get"] = events.event("GET /records/{recordID}", record_id=record_id)
                results[subject.name] = {}
                for name, event in requests.items():
                    before = log.stat().st_size
                    counted = _counted(tables, answer, event)
                    results[subject.name][name] = counted | {
                        "log_bytes": log.stat().st_size - before
                    }
    return results


def ratio(results: Mapping[str, Counts]) -> float:
    """Return the largest ratio of the units of a page in the largest and the smallest tables."""
    sizes = sorted(results, key=int)
    small, large = results[sizes[0]], results[sizes[-1]]
    pages = [name for name in small if name.startswith("page_")]
    return max(large[name]["read_units"] / small[name]["read_units"] for name in pages)


def model(results: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return what requests would read in tables of MODELLED_SIZES, on a line through the last two.

    This is a model: nothing was measured at these sizes.
    """
    before, last = sorted(results, key=int)[-2:]
    return {
        str(size): {
            request: {
                name: round(value + (value - results[before][request][name]) * factor, 1)
                for name, value in counted.items()
            }
            for request, counted in results[last].items()
        }
        for size in MODELLED_SIZES
        for factor in [(size - int(last)) / (int(last) - int(before))]
    }


def new_tables() -> Tables:
    """Return the empty tables of the service, as modules/records-api defines them."""
    indexes = {index: (attribute, "position") for attribute, index in INDEXES.items()}
    return Tables(
        {
            RECORDS: Table(("recordID",), indexes),
            HISTORY: Table(("recordID", "version"), {CHANGES_INDEX: ("feed", "position")}),
        }
    )


def _contents(tables: Tables, size: int) -> tuple[list[Item], list[Item]]:
    """Return `size` records and as many entries, the newest first, like the ones in the tables."""
    [record], [entry] = (
        [stored.item for stored in tables.tables[name].items.values()]
        for name in (RECORDS, HISTORY)
    )
    records = list(similar(record, size + 1))[1:]
    for item in records[_SELECTED:]:
        item["type"] = {"S": _OTHER_TYPE}
    entries = list(similar(entry, size + 1))[1:]
    for version, item in zip(range(_SELECTED, 0, -1), entries, strict=False):
        item |= {"recordID": records[0]["recordID"], "version": {"N": str(version)}}
        changed = {"changedAt": item["changedAt"]["S"], "recordID": item["recordID"]["S"]}
        item["position"] = {"S": history.position({**changed, "version": version})}
    return records, entries


def _requests(answer: Answer, deep: Item, entries: Sequence[Item]) -> dict[str, Any]:
    """Return the requests to count. Pages of one type are read from the oldest records on.

    Without the index of the type, a Query would read all other records before these.
    """
    before = f"limit={_LIMIT}&createdBefore={quote(deep['createdAt']['S'], safe='')}"
    cursor = json.loads(_succeed(answer, _list(before))["body"])["next"]
    oldest, record_id = f"limit={_LIMIT}&order=asc", entries[0]["recordID"]["S"]
    route = "GET /records/{recordID}/history"
    middle = quote(entries[_SELECTED]["changedAt"]["S"], safe="")
    return {
        "page_first": _list(f"limit={_LIMIT}"),
        "page_deep": _list(f"{before}&cursor={cursor}"),
        "page_of_type": _list(f"{oldest}&type={_SELECTED_TYPE}"),
        "page_of_type_and_status": _list(f"{oldest}&status=failed&type={_SELECTED_TYPE}"),
        "page_history": events.event(route, record_id=record_id, query=f"limit={_LIMIT}"),
        "page_changes": events.event("GET /changes", query=f"limit={_LIMIT}"),
        "page_changes_deep": events.event("GET /changes", query=f"limit={_LIMIT}&since={middle}"),
    }


def _list(query: str) -> dict[str, Any]:
    return events.event("GET /records", query=query)


def _counted(tables: Tables, answer: Answer, event: Mapping[str, Any]) -> dict[str, float]:
    """Return what the calls of one request add up to."""
    tables.calls.clear()
    _succeed(answer, event)
    return total(tables.calls)


def _succeed(answer: Answer, event: Mapping[str, Any]) -> Any:
    """Return the response to a request. Raises RuntimeError if it is an error."""
    response = answer(event)
    if response["statusCode"] not in (200, 201):
        raise RuntimeError(f"{event['routeKey']} {event['rawQueryString']}: {response}")
    return response


def _scan(tables: Tables) -> dict[str, float]:
    """Return what it costs to find the records of one type with a Scan."""
    tables.calls.clear()
    request: dict[str, Any] = {
        "TableName": RECORDS,
        "FilterExpression": "#type = :type",
        "ExpressionAttributeNames": {"#type": "type"},
        "ExpressionAttributeValues": {":type": {"S": _SELECTED_TYPE}},
    }
    while True:
        response = tables.answer("Scan", request)
        if "LastEvaluatedKey" not in response:
            return total(tables.calls)
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def with_endpoint(subject: Subject, url: str) -> Subject:
    """Return a function that calls the tables at this endpoint."""
    settings = {
        "AWS_ENDPOINT_URL_DYNAMODB": url,
        "HISTORY_TABLE_NAME": HISTORY,
        "TABLE_NAME": RECORDS,
    }
    return subject._replace(environment={**subject.environment, **settings})


@contextmanager
def serve(tables: Tables) -> Iterator[str]:
    """Serve the tables in DynamoDB's protocol, without TLS; yield the endpoint's URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet for each response
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            operation = self.headers["x-amz-target"].rpartition(".")[2]
            content = json.dumps(tables.answer(operation, request)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Write no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
