"""Shows the log lines of the local stack's function, or those of one request."""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lib import account, venvs
from lib.client import connection
from lib.console import Failure, main
from lib.emulator import EMULATOR

_LINES = 50
_POLL_SECONDS = 1.0
_OVERLAP_MS = 5000  # lines can arrive late, and out of order across log streams
_FIRST = ("operation", "status", "durationMs")
_SHOWN_APART = {"exc_info", "level", "message", "service", "stack_info", "timestamp"}
# Lines of the runtime about each invocation, which the function's own summary line repeats.
_RUNTIME = ("START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ")

Event = Mapping[str, Any]  # as FilterLogEvents returns it


@dataclass
class Selection:
    """Picks the function's lines out of the events of its log group, each once.

    With `wanted`, the lines of that request: either of its ids will do, that of API Gateway or that
    of the invocation.
    """

    wanted: str | None = None
    _ids: set[str] = field(default_factory=set)
    _seen: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    def new(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that belong to the selection and were not among those of an earlier call."""
        ordered = sorted(events, key=lambda event: event["timestamp"])
        ids = self._ids_in(ordered)
        met: Counter[tuple[str, int, str]] = Counter()
        for event in ordered:
            key = (event["logStreamName"], event["timestamp"], event["message"])
            met[key] += 1
            if met[key] <= self._seen[key]:
                continue
            self._seen[key] += 1
            message = event["message"]
            if message.startswith(_RUNTIME) or "_aws" in parsed(message):  # `_aws`: a metric
                continue
            if self.wanted is None or any(each in message for each in ids):
                yield event

    def _ids_in(self, events: Iterable[Event]) -> set[str]:
        """Return the ids of the wanted request, as far as its lines have told them."""
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
    """Return the fields of a JSON log line, or no fields where it is plain text."""
    try:
        line = json.loads(message)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def readable(event: Event) -> str:
    """Return a log line as people read it: time, level, message, then the other fields."""
    line = parsed(event["message"])
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    if not line:
        return f"{_time(moment)}         {_printable(event['message'].rstrip())}"
    if isinstance(line.get("timestamp"), str):
        moment = datetime.fromisoformat(line["timestamp"])
    names = [name for name in _FIRST if name in line]
    names += [name for name in line if name not in _SHOWN_APART and name not in names]
    fields = "".join(f"  {name}={_value(line[name])}" for name in names if line[name] is not None)
    text = f"{_time(moment)} {line.get('level', ''):<8}{_printable(str(line.get('message', '')))}{fields}"
    for name in ("exc_info", "stack_info"):
        text += "".join(
            f"\n    {_printable(each)}" for each in str(line.get(name) or "").splitlines()
        )
    return text


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _value(value: Any) -> str:  # noqa: ANN401 (JSON)
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, ensure_ascii=True)


def _printable(text: str) -> str:
    # What a log line holds may come from a caller, and must not reach the terminal as control codes.
    return "".join(
        each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text
    )


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/logs", description=__doc__)
    parser.add_argument(
        "request_id",
        nargs="?",
        metavar="REQUEST_ID",
        help="show this request only: the x-request-id of its response, or the requestId of an error",
    )
    parser.add_argument("--follow", "-f", action="store_true", help="keep waiting for new lines")
    parser.add_argument(
        "--lines",
        "-n",
        type=int,
        default=_LINES,
        help=f"without REQUEST_ID: how many of the latest lines to show (default: {_LINES})",
    )
    arguments = parser.parse_args()
    if arguments.request_id == "":
        raise Failure("REQUEST_ID is empty", "pass the x-request-id of a response, or leave it out")
    if arguments.lines < 0:
        raise Failure("--lines must not be negative", f"pass a number such as {_LINES}")
    if EMULATOR.pid() is None:
        raise Failure("no local stack is running", "run scripts/up")
    venvs.run_in("dev", "lib.logs")
    known = connection()
    with account.explained("run scripts/up"):
        _show(known["log_group"], known["region"], arguments)


def _show(group: str, region: str, arguments: argparse.Namespace) -> None:
    import boto3  # noqa: PLC0415 (there only once the environment is)

    client = boto3.client(
        "logs",
        endpoint_url=EMULATOR.url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 (the emulator's root)
    )
    pages = client.get_paginator("filter_log_events")
    selection = Selection(arguments.request_id)

    def new_since(start: int) -> list[Event]:
        found = pages.paginate(logGroupName=group, startTime=start)
        return list(selection.new(event for page in found for event in page["events"]))

    events = new_since(0)
    if not events and arguments.request_id and not arguments.follow:
        raise Failure(
            f"no log line of request {arguments.request_id}",
            "check the id; a request that API Gateway refused never reached the function",
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
