"""What an import does with each row: the body and the idempotency key of its request."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from records_cli import columns, jsontext
from records_cli.choices import Duplicates, Extra
from records_cli.rows import ATTRIBUTES, Fields, Malformed

FIELDS = ("type", "status", "message", ATTRIBUTES)
MAX_BODY_BYTES = 65536


class Row(NamedTuple):
    """A row to import, with the number of its first line and the body of the request.

    `id` identifies content and key together, so a row is new to the journal if either changes.
    """

    line: int
    id: str
    key: str
    body: bytes


class Refusal(NamedTuple):
    """A row that is not imported. `status` is that of the API's response, or None."""

    line: int
    reason: str
    status: int | None = None


class Duplicate(NamedTuple):
    """A row that is not imported because it is equal to an earlier one."""

    line: int
    earlier: int


Prepared = Row | Refusal | Duplicate


@dataclass(frozen=True)
class Settings:
    """How rows become records: see the options of `records import`."""

    key_column: str | None = None
    extra: Extra = Extra.REFUSE
    duplicates: Duplicates = Duplicates.SKIP


def prepare(
    rows: Iterable[tuple[int, Fields | Malformed]], settings: Settings
) -> Iterator[Prepared]:
    """Yield what is to be done with each row.

    The key of a row is derived from its content, or from the column `settings.key_column`, so that
    the same row has the same key in every run and file.
    """
    seen: dict[str, tuple[str, int, int]] = {}  # by key: ID, line and number of equal rows
    for line, fields in rows:
        try:
            if isinstance(fields, Malformed):
                raise fields
            body = _body(fields, settings)
            text = jsontext.compact(body).encode()
            content = jsontext.canonical(body)
            key = _key(fields, content, settings.key_column)
        except Malformed as problem:
            yield Refusal(line, str(problem))
            continue
        except UnicodeEncodeError:
            yield Refusal(line, "has an unpaired surrogate, which is not valid Unicode")
            continue
        id_ = _digest(key, content)
        earlier_id, earlier, number = seen.setdefault(key, (id_, line, 0))
        if len(text) > MAX_BODY_BYTES:
            yield Refusal(line, f"takes {len(text)} bytes; a record has at most {MAX_BODY_BYTES}")
        elif not number and earlier == line:
            seen[key] = (id_, line, 1)
            yield Row(line, id_, f"import-{key}", text)
        elif earlier_id != id_:
            yield Refusal(line, f"has the key of line {earlier}, but other content")
        elif settings.duplicates is Duplicates.CREATE:
            seen[key] = (id_, earlier, number + 1)
            numbered = _digest(key, str(number))
            yield Row(line, _digest(numbered, content), f"import-{numbered}", text)
        elif settings.duplicates is Duplicates.REFUSE:
            yield Refusal(line, f"is equal to line {earlier}")
        else:
            yield Duplicate(line, earlier)


def unknown(names: Iterable[str], settings: Settings) -> list[str]:
    """Return the names that no record can have and that `settings` refuse."""
    if settings.extra is not Extra.REFUSE:
        return []
    return [name for name in names if name not in (*FIELDS, settings.key_column)]


def _body(fields: Fields, settings: Settings) -> Fields:
    """Return the body of the request. Raises Malformed."""
    if names := unknown(fields, settings):
        raise Malformed(f"has fields that callers can't set: {', '.join(names)}; see --extra")
    body = {name: fields[name] for name in FIELDS if name in fields}
    if settings.extra is Extra.ATTRIBUTES:
        extra = {name: value for name, value in fields.items() if name not in body}
        attributes = body.get(ATTRIBUTES, {})
        if extra and isinstance(attributes, dict):
            if both := sorted(extra.keys() & attributes.keys()):
                raise Malformed(f"has {both[0]} both as a field and in attributes")
            body[ATTRIBUTES] = attributes | extra
    return body


def _key(fields: Fields, content: str, column: str | None) -> str:
    """Return the digest from which the idempotency key is made. Raises Malformed."""
    if column is None:
        return _digest("content", content)
    value: Any = columns.value(fields, column)
    if not isinstance(value, str) or not value:
        raise Malformed(f"has no text or number as its key, {column}")
    return _digest("key", column, value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
