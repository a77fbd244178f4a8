"""The Lambda entry point: dispatch requests by route key, handle errors, write logs and metrics."""

import gc

# Until the end of this module: what is imported lasts, and looking through it takes long.
gc.disable()

import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from . import callers, config, dynamodb, logs, parameters, responses, selftest, store
from .logs import logger
from .operations import OPERATIONS, Operation, Request

REQUEST_SECONDS = 10.0
# The part of an invocation's remaining time that is reserved for its response.
RESERVE_SECONDS = 0.5
# The service name in log lines and metrics if SERVICE_NAME is not set.
UNNAMED = "unnamed"


class App(NamedTuple):
    """State that lasts as long as the execution environment."""

    settings: config.Settings
    client: dynamodb.Client

    def table(self, deadline: float) -> store.Table:
        """Return the tables for calls until `deadline` (seconds of time.monotonic())."""
        return store.Table(
            self.client,
            self.settings.table_name,
            self.settings.history_table_name,
            self.settings.filter_indexes,
            deadline,
        )


def start(environ: Mapping[str, str]) -> App | config.ConfigError:
    """Return the app, or the error if the configuration is invalid, which is logged here once."""
    service = environ.get("SERVICE_NAME", UNNAMED)
    try:
        settings = config.read(environ)
    except config.ConfigError as error:
        logs.configure(service, "INFO")
        logger.error("invalid configuration", extra={"problems": error.problems})
        return error
    logs.configure(service, settings.log_level)
    endpoint_url = settings.endpoint_url or dynamodb.regional_endpoint(settings.region)
    return App(settings, dynamodb.Client(endpoint_url, settings.region))


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle an API Gateway event (HTTP API, payload format 2.0) or a self-test event.

    A self-test event is `{"selfTest": true}`, with the optional members that `selftest.run`
    describes. `context` is the Lambda context object. A self-test raises if it fails. A request
    raises LookupError if its route is unknown; any other failure becomes an error response.
    """
    if event.get("selfTest"):
        return self_test(_app, event, context)
    return serve(_app, event, context)


def serve(
    app: App | config.ConfigError, event: parameters.Event, context: Any
) -> responses.Response:
    """Return the response to one request, and write its log line and metrics.

    Raises LookupError if the event's route key is unknown.
    """
    global _is_cold
    started, is_cold_start, _is_cold = time.monotonic(), _is_cold, False
    operation, run = _route(event)
    entry = {
        "operation": operation,
        "requestId": context.aws_request_id,
        "apiRequestId": event["requestContext"].get("requestId"),
    }
    faults: dict[str, float] = {}
    try:
        response = _run(app, run, event, context, entry)
    except Exception as error:  # noqa: BLE001 (the caller always gets a response)
        response = responses.problem_response(error, context.aws_request_id)
        details, faults = _classify(error, response["statusCode"])
        if "UnhandledExceptions" in faults:
            logger.exception("unhandled exception", extra=entry)
        entry |= details
    entry |= {"status": response["statusCode"], "coldStart": is_cold_start}
    entry["durationMs"] = round((time.monotonic() - started) * 1000, 1)
    _log_request(entry, faults)
    return response


def self_test(
    app: App | config.ConfigError, event: Mapping[str, Any], context: Any
) -> dict[str, Any]:
    """Run the self-test for the release gate or the heartbeat, and log the outcome.

    A success is also counted as a metric. A failure raises its cause, so that the apply fails, or
    the heartbeat counts as a function error.
    """
    entry = {"functionVersion": context.function_version, "requestId": context.aws_request_id}
    try:
        if isinstance(app, config.ConfigError):
            raise app  # noqa: TRY301 (logged below)
        deadline = _deadline(context, selftest.WAIT_SECONDS)
        result = selftest.run(app.settings, app.table, event, context, deadline)
    except Exception as error:
        logger.error("self-test failed", extra={**entry, "reason": str(error)})
        raise
    logger.info("self-test passed", extra=entry)
    logs.emit_metrics(app.settings.service, "self-test", {}, {"SelfTestsPassed": 1.0})
    return result


def _route(event: parameters.Event) -> tuple[str, Operation]:
    """Return the name and the function of the event's operation. Raises LookupError."""
    route_key = event.get("routeKey")
    if route_key not in OPERATIONS:
        raise LookupError(
            f"unknown routeKey {route_key!r}; it must be one of {', '.join(OPERATIONS)}"
        )
    return OPERATIONS[route_key]


def _run(
    app: App | config.ConfigError,
    run: Operation,
    event: parameters.Event,
    context: Any,
    entry: dict[str, Any],
) -> responses.Response:
    """Return the operation's response, and add the caller and the read units to the log entry.

    Raises the errors of the operation, ConfigError or NoIdentity.
    """
    if isinstance(app, config.ConfigError):
        raise app
    caller = callers.caller(event, app.settings.auth_modes)
    entry["caller"] = caller.identity
    table = app.table(_deadline(context, REQUEST_SECONDS))
    try:
        return run(Request(event, context.aws_request_id, _now, app.settings, table, caller))
    finally:
        entry["consumedReadUnits"] = table.consumed_read_units


def _deadline(context: Any, seconds: float) -> float:
    """Return the end of the calls (seconds of time.monotonic()), at most `seconds` from now."""
    remaining: float = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    return time.monotonic() + min(seconds, remaining)


def _classify(error: Exception, status: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the log fields and the alarm metrics for an error that became a response."""
    if isinstance(error, config.ConfigError):
        return {"problems": error.problems}, {"ConfigurationErrors": 1.0}
    if type(error) not in responses.PROBLEMS:
        return {}, {"UnhandledExceptions": 1.0}
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return {"cause": str(error)}, {}
    return {}, {}


def _log_request(entry: dict[str, Any], faults: dict[str, float]) -> None:
    """Write the line of a request, with its metrics."""
    traffic = {
        "ColdStarts": float(entry["coldStart"]),
        "ConsumedReadUnits": entry.get("consumedReadUnits", 0.0),
    }
    service = os.environ.get("SERVICE_NAME", UNNAMED)
    logs.write_request(service, _level(entry["status"]), entry, traffic, faults)


def _level(status: int) -> int:
    """Return the log level for a response status."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return logging.WARNING
    return logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO


def _now() -> datetime:
    """Return the current time, truncated to milliseconds as in a record's timestamps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


_app = start(os.environ)
_is_cold = True
# Later collections skip what was loaded (Python Library Reference, "gc").
gc.freeze()
gc.enable()
