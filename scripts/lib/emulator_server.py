"""The emulator's server process: serves ministack, copies its state, and adds what it lacks.

`lib.emulator` runs this file by its path, with -P, on the emulator's interpreter. Functions run on
that interpreter too, so they must not be able to import this project. Therefore this file imports
only the standard library and, when it runs as a program, the emulator's packages.
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
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

COPY_SECONDS = 10.0
# Hypercorn closes a connection that has been idle this long, even if the next request has already
# arrived: the request is processed and its response lost. No client here stays idle for a day.
KEEP_ALIVE_SECONDS = 24 * 60 * 60
# An SDK repeats a call within seconds, so its first response is still among the last ones.
KEPT_RESPONSES = 1000

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def newest(copies: Path) -> Path | None:
    """Return the newest complete copy in the folder `copies`, or None."""
    complete = (path for path in copies.glob("*") if path.name.isdecimal())
    return max(complete, key=lambda path: int(path.name), default=None)


def publish(state: Path, copies: Path) -> None:
    """Copy the folder `state` to a new numbered folder in `copies` and delete the older ones.

    The copy gets its number only when it is complete and on disk, so after a kill or a power
    failure either this copy or the previous one exists. The files are hard links, because the
    emulator replaces its state files and never changes them in place.
    """
    previous = newest(copies)
    number = int(previous.name) + 1 if previous else 1
    unfinished = copies / f"{number}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(state, unfinished, copy_function=os.link)
    os.utime(unfinished)  # copytree copied the modification time of `state`
    for path in (*unfinished.rglob("*"), unfinished):
        _sync(path)
    unfinished.rename(copies / str(number))
    _sync(copies)
    for path in copies.iterdir():
        if path.name != str(number):
            shutil.rmtree(path, ignore_errors=True)


def restore(state: Path, copies: Path) -> None:
    """Replace the folder `state` with the newest copy; do nothing if there is no copy."""
    latest = newest(copies)
    if latest is not None:
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(latest, state)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


class Repeater:
    """An ASGI application that answers a repeated call of an SDK with its first response.

    The AWS SDK for Go sometimes closes its connection while the response arrives, mostly on a busy
    machine (aws-sdk-go-v2, issue 2737). It then repeats the call, and a call that is not
    idempotent, such as AddPermission, would fail. The attempts of a call share an ID (AWS SDK for
    Rust, module invocation_id). Only successful responses are kept, so an attempt after an error is
    carried out.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._responses: dict[bytes, asyncio.Future[list[dict[str, Any]]]] = {}

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Any,
        send: Any,
    ) -> None:
        """Serve one request."""
        call_id = dict(scope.get("headers", ())).get(b"amz-sdk-invocation-id")
        if call_id is None:
            await self._app(scope, receive, send)
            return
        first = self._responses.get(call_id)
        if first is not None and (messages := await first):
            logging.getLogger(__name__).warning("repeated the response to %s", scope["path"])
            while (await receive()).get("more_body"):
                pass
            for message in messages:
                await send(message)
            return
        await self._serve(call_id, scope, receive, send)

    async def _serve(
        self,
        call_id: bytes,
        scope: dict[str, Any],
        receive: Any,
        send: Any,
    ) -> None:
        """Serve the first attempt of a call, and keep its response if it is successful."""
        messages: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            messages.append(message)
            await send(message)

        response = self._responses[call_id] = asyncio.get_running_loop().create_future()
        try:
            await self._app(scope, receive, keep)
        finally:
            is_success = bool(messages) and messages[0]["status"] < HTTPStatus.BAD_REQUEST
            response.set_result(messages if is_success else [])
            if not is_success:
                self._responses.pop(call_id, None)
            while len(self._responses) > KEPT_RESPONSES:
                del self._responses[next(iter(self._responses))]


class Keeper:
    """An ASGI application that copies the state of `app` after requests.

    Copies are made on the server's event loop, so no request changes the state while it is written.
    """

    def __init__(self, app: App, state: Path, copies: Path) -> None:
        self._app, self._state, self._copies = app, state, copies
        self._changed = False

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Any,
        send: Any,
    ) -> None:
        """Serve one request; mark the state as changed when it begins and when it ends."""
        changes = scope["type"] == "http" and not scope["path"].startswith("/_ministack/")
        self._changed |= changes
        try:
            await self._app(scope, receive, send)
        finally:
            self._changed |= changes

    async def copy_at_intervals(self, save: Callable[[], None]) -> None:
        """Copy the state every COPY_SECONDS if a request has been served; never returns."""
        errors, logger = _Errors(), logging.getLogger("persistence")
        logger.addHandler(errors)
        logger.setLevel(logging.WARNING)  # otherwise every copy adds a line for each service
        while True:
            await asyncio.sleep(COPY_SECONDS)
            if self._changed:
                self._changed = errors.seen = False
                save()
                self._changed |= errors.seen  # retry what could not be saved
                self.publish()

    def publish(self) -> None:
        """Publish the saved state as a copy; log an error if that fails."""
        try:
            publish(self._state, self._copies)
        except OSError:
            self._changed = True
            logging.getLogger(__name__).exception("the state could not be copied")


class _Errors(logging.Handler):
    """Records whether an error was logged, because the emulator's save_all raises none."""

    seen = False

    def emit(self, record: logging.LogRecord) -> None:
        self.seen |= record.levelno >= logging.ERROR


def query_definition(
    action: str, request: dict[str, Any], stored: MutableMapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Perform a CloudWatch Logs action on the saved queries in `stored`; return its response."""
    if action == "PutQueryDefinition":
        key = request.get("queryDefinitionId") or str(uuid4())
        stored[key] = request | {"queryDefinitionId": key}
        return {"queryDefinitionId": key}
    if action == "DeleteQueryDefinition":
        return {"success": stored.pop(request["queryDefinitionId"], None) is not None}
    prefix = request.get("queryDefinitionNamePrefix", "")
    return {
        "queryDefinitions": [each for each in stored.values() if each["name"].startswith(prefix)]
    }


def add_saved_queries() -> None:
    """Add the saved queries of Logs Insights to the emulator, which does not support them.

    They can be stored, listed and deleted, so that Terraform can apply dev and prod unchanged. They
    are part of the emulator's saved state.
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
        query: Any,
    ) -> Any:
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
    """Raise the limit of open files to its maximum, as the emulator's own command does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS may refuse its own hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def configuration(host: str, port: int) -> Any:
    """Return hypercorn's configuration."""
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"{host}:{port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    return config


async def serve(state: Path | None, copies: Path) -> None:
    """Serve until SIGTERM or SIGINT. With the folder `state`, the emulator then saves its state."""
    ministack = importlib.import_module("ministack.app")
    hypercorn = importlib.import_module("hypercorn.asyncio")
    add_saved_queries()
    config = configuration(os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"]))
    app = Repeater(ministack.app)
    if state is None:
        await hypercorn.serve(app, config)
        return
    keeper = Keeper(app, state, copies)
    parts = vars(ministack)["_build_persistence_save_dict"]  # no public function returns them
    copying = asyncio.create_task(keeper.copy_at_intervals(lambda: ministack.save_all(parts())))
    await hypercorn.serve(keeper, config)
    copying.cancel()
    keeper.publish()


def main() -> None:
    """Run the emulator, configured by environment variables; the argument is the copies' folder."""
    copies = Path(sys.argv[1])
    copies.mkdir(parents=True, exist_ok=True)
    state = Path(os.environ["STATE_DIR"]) if os.environ.get("PERSIST_STATE") == "1" else None
    if state is not None:
        restore(state, copies)  # before the import of the emulator, which reads the folder
    raise_file_limit()
    asyncio.run(serve(state, copies))


if __name__ == "__main__":
    main()
