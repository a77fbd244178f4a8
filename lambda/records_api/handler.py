"""The Lambda entry point: the event, the dispatch table keyed by route key, the one catch-all."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from . import api, callers, config, dynamodb, logs, records, responses, selftest, store
from .logs import logger

REQUEST_SECONDS = 10.0
# What an invocation keeps back to answer in, when it is called with less time than REQUEST_SECONDS.
RESERVE_SECONDS = 0.5
# Stands for the service in log lines and metrics where SERVICE_NAME is the very variable that is missing.
UNNAMED = "unnamed"


class Request(NamedTuple):
    """One request and what serves it."""

    event: api.Event
    id: str
    now: datetime
    settings: config.Settings
    table: store.Table
    caller: records.Caller


def list_records(request: Request) -> responses.Response:
    """Answer `GET /records`."""
    listing, page = api.listing(request.event), responses.Page()
    now = int(request.now.timestamp())
    after = store.page(request.table, listing.query, listing.limit, listing.after, now, page.add)
    is_gzip_accepted = api.accepts_gzip(request.event)
    return responses.page(listing, page, after, request.id, gzip=is_gzip_accepted)


def get_record(request: Request) -> responses.Response:
    """Answer `GET /records/{recordID}`; preconditions in the order of RFC 9110, section 13.2.2."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    record = records.get(request.table, record_id, request.now)
    tag = records.tag(record)
    if not conditions.selects(tag):
        raise records.PreconditionFailed(tag)
    if conditions.is_known(tag):
        return responses.response(HTTPStatus.NOT_MODIFIED, request.id, etag=tag)
    return responses.record(HTTPStatus.OK, record, request.id)


def create_record(request: Request) -> responses.Response:
    """Answer `POST /records`."""
    api.no_parameters(request.event)
    record, is_replay = records.create(
        request.table,
        api.body(request.event, api.JSON),
        request.caller,
        request.now,
        key=api.idempotency_key(request.event),
        retention_days=request.settings.retention_days,
        open_auth=request.settings.auth_mode == "NONE",
    )
    replayed = {"idempotency_replayed": "true"} if is_replay else {}
    location = f"records/{record['recordID']}"
    return responses.record(HTTPStatus.CREATED, record, request.id, location=location, **replayed)


def update_record(request: Request) -> responses.Response:
    """Answer `PATCH /records/{recordID}`."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    patch = api.body(request.event, api.MERGE_PATCH, api.JSON)
    record = records.update(request.table, record_id, patch, conditions.allow_write, request.now)
    return responses.record(HTTPStatus.OK, record, request.id)


def delete_record(request: Request) -> responses.Response:
    """Answer `DELETE /records/{recordID}`."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    records.delete(request.table, record_id, conditions.allow_write, request.now)
    return responses.response(HTTPStatus.NO_CONTENT, request.id)


OPERATIONS: dict[str, tuple[str, Callable[[Request], responses.Response]]] = {
    "GET /records": ("list", list_records),
    "GET /records/{recordID}": ("get", get_record),
    "POST /records": ("create", create_record),
    "PATCH /records/{recordID}": ("update", update_record),
    "DELETE /records/{recordID}": ("delete", delete_record),
}


class App(NamedTuple):
    """What lives as long as the execution environment."""

    settings: config.Settings
    client: dynamodb.Client

    def table(self, deadline: float) -> store.Table:
        """Return the table, for calls that end by `deadline` (time.monotonic() seconds)."""
        return store.Table(
            self.client, self.settings.table_name, self.settings.filter_indexes, deadline
        )


def start(environ: Mapping[str, str]) -> App | config.ConfigError:
    """Return what serves requests, or what is wrong with the environment variables, logged once with every name."""
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
    """Answer an API Gateway event (HTTP API, payload format 2.0) or a self-test, `{"selfTest": true}`.

    `context` is the Lambda context object. A failed self-test raises; a request of API Gateway never does.
    """
    if event.get("selfTest"):
        return self_test(_app, event, context)
    return serve(_app, event, context)


def serve(app: App | config.ConfigError, event: api.Event, context: Any) -> responses.Response:
    """Return the response to one request, and log one line about it."""
    global _is_cold
    began, is_cold, _is_cold = time.monotonic(), _is_cold, False
    if event.get("routeKey") not in OPERATIONS:
        raise LookupError(f"routeKey {event.get('routeKey')!r} is none of {', '.join(OPERATIONS)}")
    operation, run = OPERATIONS[event["routeKey"]]
    api_request_id = event["requestContext"].get("requestId")
    about = {
        "operation": operation,
        "requestId": context.aws_request_id,
        "apiRequestId": api_request_id,
    }
    faults: dict[str, float] = {}
    try:
        response = _answer(app, run, event, context, about)
    except Exception as error:  # noqa: BLE001 - the one catch-all: whatever it is, the caller gets an answer
        response = responses.problem(error, context.aws_request_id)
        if isinstance(error, config.ConfigError):
            faults["ConfigurationErrors"] = 1
            about["problems"] = error.problems
        elif type(error) not in responses.PROBLEMS:
            faults["UnhandledExceptions"] = 1
            logger.exception("unhandled exception", extra=about)
        elif response["statusCode"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
            about["cause"] = str(error)
    about |= {"status": response["statusCode"], "coldStart": is_cold}
    about["durationMs"] = round((time.monotonic() - began) * 1000, 1)
    logger.log(_level(response["statusCode"]), "request", extra=about)
    traffic = {
        "ColdStarts": float(is_cold),
        "ConsumedReadUnits": about.get("consumedReadUnits", 0.0),
    }
    logs.emit_metrics(os.environ.get("SERVICE_NAME", UNNAMED), operation, traffic, faults)
    return response


def self_test(
    app: App | config.ConfigError, event: Mapping[str, Any], context: Any
) -> dict[str, Any]:
    """Run the self-test for the release gate or the heartbeat, and log or count how it ended.

    Raises what failed, so that the gate's apply fails and a failed heartbeat is an error of the function.
    """
    about = {"functionVersion": context.function_version, "requestId": context.aws_request_id}
    try:
        if isinstance(app, config.ConfigError):
            raise app  # noqa: TRY301 (it is logged below)
        result = selftest.run(app.settings, app.table, event, context)
    except Exception as error:
        logger.error("self-test failed", extra={**about, "reason": str(error)})
        raise
    logger.info("self-test passed", extra=about)
    logs.emit_metrics(app.settings.service, "self-test", {}, {"SelfTestsPassed": 1.0})
    return result


def _answer(
    app: App | config.ConfigError,
    run: Callable[[Request], responses.Response],
    event: api.Event,
    context: Any,
    about: dict[str, Any],
) -> responses.Response:
    """Return the operation's response, or raise; `about` learns who called and what the reads cost."""
    if isinstance(app, config.ConfigError):
        raise app
    caller = callers.caller(event, app.settings.auth_mode)
    about["caller"] = caller.identity
    remaining = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    table = app.table(time.monotonic() + min(REQUEST_SECONDS, remaining))
    try:
        return run(Request(event, context.aws_request_id, _now(), app.settings, table, caller))
    finally:
        about["consumedReadUnits"] = table.consumed_read_units


def _level(status: int) -> int:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return logging.WARNING
    return logging.ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO


def _now() -> datetime:
    """Return the present, cut to the milliseconds that a record keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


_app = start(os.environ)
_is_cold = True
