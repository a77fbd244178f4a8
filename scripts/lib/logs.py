"""Prints the log lines of the local stack's function, or those of one request."""

import argparse
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lib import account, venvs
from lib.client import connection
from lib.console import Failure, argument_parser, main
from lib.emulator import EMULATOR

_LINES = 50
_POLL_SECONDS = 1.0
_OVERLAP_MS = 5000  # lines can arrive late, and out of order across log streams
_FIRST = ("operation", "status", "durationMs")
_SHOWN_APART = {"exc_info", "level", "message", "service", "stack_info", "timestamp"}
# Lambda's lines about each invocation; the function logs the same in its summary line.
_RUNTIME = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ")

Event = Mapping[str, Any]  # as FilterLogEvents returns it


@dataclass
class Selection:
    """Selects the function's lines from the events of its log group, each once.

    `wanted`, if set, is the ID of one request, either API Gateway's or the invocation's; then only
    the lines of that request are selected.
    """

    wanted: str | None = None
    _ids: set[str] = field(default_factory=set)
    _seen: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    def new(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the selected events that no earlier call has yielded, in order of time."""
        ordered = sorted(events, key=lambda event: event["timestamp"])
        ids = self._ids_in(ordered)
        counts: Counter[tuple[str, int, str]] = Counter()
        for event in ordered:
            key = (event["logStreamName"], event["timestamp"], event["message"])
            counts[key] += 1
            if counts[key] <= self._seen[key]:
                continue
            self._seen[key] += 1
            message = event["message"]
            fields = parsed(message)
            if message.startswith(_RUNTIME) or (fields and not without_metrics(fields)):
                continue
            if self.wanted is None or any(each in message for each in ids):
                yield event

    def _ids_in(self, events: Iterable[Event]) -> set[str]:
        """Return the IDs of the wanted request that are known so far."""
        if self.wanted is not None:
            self._ids.add(self.wanted)
            for event in events:
                line = parsed(event["message"])
                if self.wanted in (line.get("requestId"), line.get("apiRequestId")):
                    self._ids.update(
                        str(line[name]) for name in ("requestId", "apiRequestId") if line.get(name)
                    )
        return self._ids


def parsed(message: str) -> dict[str, Any]:
    """Return the fields of a JSON log line, or no fields if it is plain text."""
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def without_metrics(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a line before its metrics, which are its end or the whole line."""
    return dict(itertools.takewhile(lambda field: field[0] != "_aws", fields.items()))


def readable(event: Event) -> str:
    """Return a log line for display: time, level, message, then the other fields."""
    line = without_metrics(parsed(event["message"]))
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    if not line:
        return f"{_time(moment)}         {_printable(event['message'].rstrip())}"
    if isinstance(line.get("timestamp"), str):
        moment = datetime.fromisoformat(line["timestamp"])
    names = [name for name in _FIRST if name in line]
    names += [name for name in line if name not in _SHOWN_APART and name not in names]
    fields = "".join(f"  {name}={_value(line[name])}" for name in names if line[name] is not None)
    message = _printable(str(line.get("message", "")))
    text = f"{_time(moment)} {line.get('level', ''):<8}{message}{fields}"
    for name in ("exc_info", "stack_info"):
        text += "".join(
            f"\n    {_printable(each)}" for each in str(line.get(name) or "").splitlines()
        )
    return text


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _value(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=True)


def _printable(text: str) -> str:
    # Log lines contain text from callers, which must not send control codes to the terminal.
    return "".join(
        each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text
    )


def _verb() -> None:
    parser = argument_parser(prog="scripts/logs", description=__doc__)
    parser.add_argument(
        "request_id",
        nargs="?",
        metavar="REQUEST_ID",
        help="print only this request: x-request-id of its response or requestId of an error",
    )
    parser.add_argument(
        "--follow", "-f", action="store_true", help="wait for new lines and print them"
    )
    parser.add_argument(
        "--lines",
        "-n",
        type=int,
        default=_LINES,
        help=f"without REQUEST_ID: number of latest lines to print (default: {_LINES})",
    )
    arguments = parser.parse_args()
    if arguments.request_id == "":
        raise Failure(
            "REQUEST_ID is empty", "pass the x-request-id of a response, or omit REQUEST_ID"
        )
    if arguments.lines < 0:
        raise Failure("--lines must not be negative", f"pass a number such as {_LINES}")
    if EMULATOR.pid() is None:
        raise Failure("the local stack is not running", "run scripts/up")
    venvs.run_in("dev", "lib.logs")
    known = connection()
    with account.explained("run scripts/up"):
        _show(known["log_group"], known["region"], arguments)


def _show(group: str, region: str, arguments: argparse.Namespace) -> None:
    import boto3

    client = boto3.client(
        "logs",
        endpoint_url=EMULATOR.url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 (the emulator's root user)
    )
    pages = client.get_paginator("filter_log_events")
    selection = Selection(arguments.request_id)

    def new_since(start: int) -> list[Event]:
        results = pages.paginate(logGroupName=group, startTime=start)
        return list(selection.new(event for page in results for event in page["events"]))

    events = new_since(0)
    if not events and arguments.request_id and not arguments.follow:
        raise Failure(
            f"no log lines for request {arguments.request_id}",
            "check the ID; requests that API Gateway rejects do not reach the function",
        )
    for event in events if arguments.request_id else events[len(events) - arguments.lines :]:
        print(readable(event), flush=True)
    latest = max((event["timestamp"] for event in events), default=0)
    try:
        while arguments.follow:
            time.sleep(_POLL_SECONDS)
            for event in new_since(max(0, latest - _OVERLAP_MS)):
                print(readable(event), flush=True)
                latest = max(latest, event["timestamp"])
    except KeyboardInterrupt:
        pass  # the usual way to end --follow


if __name__ == "__main__":
    main(_verb)
