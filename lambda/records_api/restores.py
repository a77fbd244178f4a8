"""Restoring an earlier version of a record from its history."""

from . import entries, history, records
from .fields import CLIENT_FIELDS, RECORD_ID, Invalid, Problem, check
from .history import Entry
from .jsontext import parse
from .representation import public
from .store import Record, Table
from .writes import Origin

# What a deleted record keeps besides its content: of its representation, and of its entry.
KEPT_FIELDS = ("recordID", "createdAt", "submittedBy")
KEPT_ATTRIBUTES = ("expiresAt", "requestHash")


class VersionNotFound(Exception):
    """The history has no such version, or it holds no content; the text says which."""


class NothingToRestore(Exception):
    """The record already has the content of the version."""


def restore(
    table: Table, record_id: str, version: int, precondition: records.Precondition, origin: Origin
) -> Record:
    """Give a record the content of an earlier version, also if it was deleted, and return it.

    Concurrent modification is handled as in `records.change`. Raises records.NotFound if the
    ID is malformed, VersionNotFound, Invalid or records.TooLarge if the content exceeds the current
    limits, records.PreconditionFailed, NothingToRestore, and the errors of `store`.
    """
    if not RECORD_ID.fullmatch(record_id):
        raise records.NotFound
    now = int(origin.clock().timestamp())
    entry = _with_content(entries.get_entry(table, record_id, version, now), version)
    earlier = parse(entry["record"])
    content = records.content_of(earlier)
    _check_restorable(content, version)

    def restored(current: Record | None) -> Record:
        records.check_precondition(current, precondition)
        if current is None:
            shown = {name: earlier[name] for name in KEPT_FIELDS if name in earlier}
            hidden = {name: entry[name] for name in KEPT_ATTRIBUTES if name in entry}
            return shown | hidden | content
        if history.canonical(records.content_of(public(current))) == history.canonical(content):
            raise NothingToRestore
        return records.without_content(current) | content

    return records.change(table, record_id, history.RESTORE, restored, origin)


def _with_content(entry: Entry | None, version: int) -> Entry:
    """Return the entry if it holds a record. Raises VersionNotFound."""
    if entry is None:
        raise VersionNotFound(f"The record has no version {version}.")
    if entry["record"] is None:
        if "redacted" in entry:
            reason = "its content was redacted"
        elif "omitted" in entry:
            reason = "its content was too large to keep"
        else:
            reason = "the record is deleted in it"
        raise VersionNotFound(f"Version {version} cannot be restored: {reason}.")
    return entry


def _check_restorable(content: Record, version: int) -> None:
    """Raise Invalid if the content of a version, which another program wrote, is not valid now."""
    try:
        check(content, CLIENT_FIELDS)
    except Invalid as error:
        rule = f"names version {version}, which does not meet the current limits"
        raise Invalid(
            Problem("pointer", ("version",), f"{rule}: {each['pointer']} {each['detail']}")
            for each in error.errors
        ) from error
