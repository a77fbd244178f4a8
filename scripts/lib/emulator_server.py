"""The emulator's server process: serves ministack, copies its state, and stores saved queries.

`lib.emulator` runs this file by its path, with -P, on the emulator's interpreter. Functions run on
that interpreter too, so nothing of this project may be importable there. For the same reason this
file imports only the standard library and, once it runs as a program, what the emulator brings.
"""

import asyncio
import copy
import importlib
import json
import logging
import os
import resource
import shutil
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

COPY_SECONDS = 10.0
# Hypercorn closes a connection that has been idle this long, even where the next request is in its
# buffer already: the request is carried out and its answer lost. A day is longer than any client
# here stays idle.
KEEP_ALIVE_SECONDS = 24 * 60 * 60

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def newest(copies: Path) -> Path | None:
    """Return the newest complete copy in the folder `copies`, or None."""
    complete = (path for path in copies.glob("*") if path.name.isdecimal())
    return max(complete, key=lambda path: int(path.name), default=None)


def publish(state: Path, copies: Path) -> None:
    """Copy the folder `state` to a new numbered folder in `copies` and delete the older ones.

    The copy gets its number only when it is complete and on disk, so a kill or a power cut at any
    moment leaves either this copy or the one before. The files are linked, not duplicated: the
    emulator replaces its state files and never changes them in place.
    """
    before = newest(copies)
    number = int(before.name) + 1 if before else 1
    unfinished = copies / f"{number}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(state, unfinished, copy_function=os.link)
    os.utime(unfinished)  # copytree gave it the times of `state`
    for path in (*unfinished.rglob("*"), unfinished):
        _sync(path)
    unfinished.rename(copies / str(number))
    _sync(copies)
    for path in copies.iterdir():
        if path.name != str(number):
            shutil.rmtree(path, ignore_errors=True)


def restore(state: Path, copies: Path) -> None:
    """Make the folder `state` the newest copy again; without any copy, leave it as it is."""
    found = newest(copies)
    if found is not None:
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(found, state)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


class Keeper:
    """Knows whether a request came since the last copy, and makes the copies.

    Everything runs on the server's event loop, so no request is halfway through a step while the
    state is written.
    """

    def __init__(self, app: App, state: Path, copies: Path) -> None:
        self._app, self._state, self._copies = app, state, copies
        self._changed = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 (ASGI)
        """Serve one request, as an ASGI application. It counts when it begins and when it ends."""
        counts = scope["type"] == "http" and not scope["path"].startswith("/_ministack/")
        self._changed |= counts
        try:
            await self._app(scope, receive, send)
        finally:
            self._changed |= counts

    async def copy_at_intervals(self, save: Callable[[], None]) -> None:
        """Copy the state every COPY_SECONDS in which a request came; never returns."""
        errors, logger = _Errors(), logging.getLogger("persistence")
        logger.addHandler(errors)
        logger.setLevel(logging.WARNING)  # otherwise every copy adds a line for each service
        while True:
            await asyncio.sleep(COPY_SECONDS)
            if self._changed:
                self._changed = errors.seen = False
                save()
                self._changed |= errors.seen  # what could not be saved is tried again
                self.publish()

    def publish(self) -> None:
        """Publish the saved state as a copy; say so in the log where that fails."""
        try:
            publish(self._state, self._copies)
        except OSError:
            self._changed = True
            logging.getLogger(__name__).exception("no copy of the state was made")


class _Errors(logging.Handler):
    """Remembers that an error was logged: the emulator's save_all raises none."""

    seen = False

    def emit(self, record: logging.LogRecord) -> None:
        self.seen |= record.levelno >= logging.ERROR


def query_definition(
    action: str, given: dict[str, Any], stored: MutableMapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Carry out an action of CloudWatch Logs on the saved queries in `stored` and return its answer."""
    if action == "PutQueryDefinition":
        key = given.get("queryDefinitionId") or str(uuid4())
        stored[key] = given | {"queryDefinitionId": key}
        return {"queryDefinitionId": key}
    if action == "DeleteQueryDefinition":
        return {"success": stored.pop(given["queryDefinitionId"], None) is not None}
    prefix = given.get("queryDefinitionNamePrefix", "")
    return {
        "queryDefinitions": [each for each in stored.values() if each["name"].startswith(prefix)]
    }


def add_saved_queries() -> None:
    """Let the emulator store the saved queries of Logs Insights, which it lacks, with its other state.

    They are stored and listed, nothing more: without that, no configuration with saved queries, so
    none of dev or prod, could be applied to it unchanged.
    """
    logs: Any = importlib.import_module("ministack.services.cloudwatch_logs")
    stored = importlib.import_module("ministack.core.responses").AccountRegionScopedDict()
    handle, get_state, load_state = logs.handle_request, logs.get_state, logs.load_persisted_state
    actions = {f"{verb}QueryDefinition" for verb in ("Put", "Delete")} | {
        "DescribeQueryDefinitions"
    }

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action not in actions:
            return await handle(method, path, headers, body, query)
        answer = json.dumps(query_definition(action, json.loads(body), stored)).encode()
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, answer

    def load_persisted_state(data: dict[str, Any]) -> None:
        stored.update(data.get("query_definitions", {}))
        load_state(data)

    logs.handle_request = handle_request
    logs.get_state = lambda: get_state() | {"query_definitions": copy.deepcopy(stored)}
    logs.load_persisted_state = load_persisted_state


def raise_file_limit() -> None:
    """Allow as many open files as the system lets this process have, as the emulator's command does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS: the hard limit may be more than it takes
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def configuration(host: str, port: int) -> Any:  # noqa: ANN401 (hypercorn is not installed where types are checked)
    """Return hypercorn's configuration."""
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    return config


async def serve(state: Path | None, copies: Path) -> None:
    """Serve until SIGTERM or SIGINT; the emulator then saves its state if it has a folder for it."""
    ministack = importlib.import_module("ministack.app")
    hypercorn = importlib.import_module("hypercorn.asyncio")
    add_saved_queries()
    config = configuration(os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"]))
    if state is None:
        await hypercorn.serve(ministack.app, config)
        return
    keeper = Keeper(ministack.app, state, copies)
    copying = asyncio.create_task(
        keeper.copy_at_intervals(
            lambda: ministack.save_all(ministack._build_persistence_save_dict())  # noqa: SLF001
        )
    )
    await hypercorn.serve(keeper, config)
    copying.cancel()
    keeper.publish()


def main() -> None:
    """Run the emulator; its environment variables say how, the only argument where the copies go."""
    copies = Path(sys.argv[1])
    copies.mkdir(parents=True, exist_ok=True)
    state = Path(os.environ["STATE_DIR"]) if os.environ.get("PERSIST_STATE") == "1" else None
    if state is not None:
        restore(state, copies)  # before the emulator is imported, which reads its folder
    raise_file_limit()
    asyncio.run(serve(state, copies))


if __name__ == "__main__":
    main()
