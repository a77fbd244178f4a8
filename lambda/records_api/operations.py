"""The operations of the API: each turns a request into a response."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

from . import (
    api,
    config,
    entries,
    history,
    ids,
    itemtext,
    listing,
    page_responses,
    parameters,
    records,
    representation,
    responses,
    restores,
    store,
    writes,
)


class Request(NamedTuple):
    """One request, with everything an operation needs to process it."""

    event: parameters.Event
    id: str
    clock: Callable[[], datetime]
    settings: config.Settings
    table: store.Table
    caller: records.Caller

    def origin(self) -> writes.Origin:
        """Return the origin of the changes that the request makes."""
        author = history.Author(self.caller.identity, self.id)
        return writes.Origin(author, ids.token(), self.clock)


def list_records(request: Request) -> responses.Response:
    """Handle `GET /records`."""
    query, limit, after, _ = list_request = parameters.list_request(request.event)
    page, now = page_responses.Page(), int(request.clock().timestamp())
    last_key = listing.read_page(request.table, query, limit, after, now, page.add_record)
    gzip = api.accepts_gzip(request.event)
    return page_responses.list_response(list_request, page, last_key, request.id, gzip=gzip)


def get_record(request: Request) -> responses.Response:
    """Handle `GET /records/{recordID}`.

    Preconditions are evaluated in the order of RFC 9110, section 13.2.2.
    """
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    item = records.get(request.table, record_id, request.clock())
    tag = representation.tag(store.decode_only(item, "version", "writeToken"))
    if not conditions.selects(tag):
        raise records.PreconditionFailed(tag)
    if conditions.is_known(tag):
        return responses.response(HTTPStatus.NOT_MODIFIED, request.id, etag=tag)
    return responses.text_response(HTTPStatus.OK, itemtext.record_json(item), tag, request.id)


def create_record(request: Request) -> responses.Response:
    """Handle `POST /records`."""
    api.require_no_parameters(request.event)
    record, is_replay = records.create(
        request.table,
        api.body(request.event, api.JSON),
        request.caller,
        request.origin(),
        key=api.idempotency_key(request.event),
        retention_days=request.settings.retention_days,
        open_auth="NONE" in request.settings.auth_modes,
    )
    headers = {"location": f"records/{record['recordID']}"}
    if is_replay:
        headers["idempotency_replayed"] = "true"
    return responses.record_response(HTTPStatus.CREATED, record, request.id, **headers)


def update_record(request: Request) -> responses.Response:
    """Handle `PATCH /records/{recordID}`."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    patch = api.body(request.event, api.MERGE_PATCH, api.JSON)
    record = records.update(
        request.table, record_id, patch, conditions.allow_write, request.origin()
    )
    return responses.record_response(HTTPStatus.OK, record, request.id)


def delete_record(request: Request) -> responses.Response:
    """Handle `DELETE /records/{recordID}`."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    records.delete(request.table, record_id, conditions.allow_write, request.origin())
    return responses.response(HTTPStatus.NO_CONTENT, request.id)


def restore_record(request: Request) -> responses.Response:
    """Handle `POST /records/{recordID}/restore`."""
    record_id, conditions = api.record_id(request.event), api.conditions(request.event)
    version = api.version(request.event)
    record = restores.restore(
        request.table, record_id, version, conditions.allow_write, request.origin()
    )
    return responses.record_response(HTTPStatus.OK, record, request.id)


def read_history(request: Request) -> responses.Response:
    """Handle `GET /records/{recordID}/history`."""
    history_request = parameters.history_request(request.event)
    page = page_responses.Page()
    version = records.read_history(
        request.table,
        history_request.record_id,
        history_request.limit,
        history_request.after,
        request.clock(),
        page.add_entry,
        descending=history_request.descending,
    )
    gzip = api.accepts_gzip(request.event)
    return page_responses.history_response(history_request, page, version, request.id, gzip=gzip)


def read_changes(request: Request) -> responses.Response:
    """Handle `GET /changes`.

    Changes that are not settled follow the settled ones, and the cursor stays before them.
    """
    changes = parameters.changes_request(request.event)
    page, table, moment = page_responses.Page(), request.table, request.clock()
    now = int(moment.timestamp())
    horizon = representation.timestamp(moment - entries.SETTLING_TIME)
    reached = entries.read_changes(
        table, changes.after, horizon, changes.limit, now, page.add_entry
    )
    room = changes.limit - len(page.texts)
    if changes.shows_unsettled and reached.is_end and room:
        entries.read_changes(table, reached.place, entries.END, room, now, page.add_unsettled)
    gzip = api.accepts_gzip(request.event)
    return page_responses.changes_response(page, reached, request.id, gzip=gzip)


Operation = Callable[[Request], responses.Response]

# The name and the function of each operation, by route key.
OPERATIONS: dict[str, tuple[str, Operation]] = {
    "GET /records": ("list", list_records),
    "GET /records/{recordID}": ("get", get_record),
    "POST /records": ("create", create_record),
    "PATCH /records/{recordID}": ("update", update_record),
    "DELETE /records/{recordID}": ("delete", delete_record),
    "POST /records/{recordID}/restore": ("restore", restore_record),
    "GET /records/{recordID}/history": ("history", read_history),
    "GET /changes": ("changes", read_changes),
}
