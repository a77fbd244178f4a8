"""Writes all pages of a listing to a file, so that an interrupted export continues.

While an export runs, its records are in FILE.part, and FILE.progress says how far they are
complete: a page is first written and synchronized to the disk, and then counted there together with
the cursor of the next page. So the same command again cuts off what was not counted, and continues:
no record is missing, and none is there twice. FILE itself appears when it is complete.
"""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

from records_cli.failure import Failure

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]  # tested before each use

FORMAT = "records-export-1"
_CHUNK = 1 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Records = list[dict[str, Any]]
Query = dict[str, str]
# Yields the pages of a query after a cursor (None: from the beginning), each with the cursor of the
# next page.
Pages = Callable[[Query, str | None], Iterator[tuple[Records, str | None]]]
# Returns the bytes of a page; the second argument says whether it is the first.
Encode = Callable[[Records, bool], bytes]
Progress = Callable[[str], None]


class Source(NamedTuple):
    """Where the records come from, their bytes in the file, and what is told the progress."""

    pages: Pages
    encode: Encode
    progress: Progress = lambda _: None


class Summary(NamedTuple):
    """What an export contains: the number of records, and the SHA-256 of all bytes."""

    records: int
    sha256: str


@dataclass(frozen=True)
class State:
    """How far an export is complete.

    `settings` are those of the command, and `query` is what they meant when it began: `--since 2h`
    means another time later. The first `size` bytes of the file have `records` records and the
    digest `sha256`; `cursor` is that of the next page.
    """

    settings: dict[str, Any]
    query: Query
    cursor: str | None = None
    size: int = 0
    records: int = 0
    sha256: str = hashlib.sha256().hexdigest()
    is_complete: bool = False


def to_stream(out: IO[bytes], query: Query, source: Source) -> Summary:
    """Write all records to a stream, which can't be continued. Raises OSError."""
    digest, count, is_first = hashlib.sha256(), 0, True
    for records, _ in source.pages(query, None):
        data = source.encode(records, is_first)
        out.write(data)
        digest.update(data)
        count, is_first = count + len(records), False
        source.progress(f"{count:,} records")
    out.flush()
    return Summary(count, digest.hexdigest())


def to_file(
    file: Path, settings: dict[str, Any], query: Query, source: Source, *, overwrite: bool = False
) -> Summary:
    """Write all records to a new file, or continue an export that was interrupted.

    `settings` identify the export: a file begun with others is not continued. An export that is
    continued keeps the `query` with which it began. Raises Failure if
    the file exists and `overwrite` is not set, or if it can't be written; what is written so far
    stays, except that nothing is left of an export that never began.
    """
    part, state_file = file.with_name(f"{file.name}.part"), file.with_name(f"{file.name}.progress")
    with _explained(file):
        state = _begin(file, part, state_file, State(settings, query), overwrite=overwrite)
        if not state.is_complete or part.exists():
            with part.open("r+b") as out, _locked(out, file):
                state = _write(out, state_file, state, source)
            part.replace(file)
            _sync_folder(file)
        state_file.unlink()
    return Summary(state.records, state.sha256)


def _begin(file: Path, part: Path, state_file: Path, new: State, *, overwrite: bool) -> State:
    """Return the state of an interrupted export, or begin a new one. Raises Failure."""
    remedy = f"repeat the command that began it, or delete {part} and {state_file}"
    if state_file.exists():
        state = _read(state_file, remedy)
        for name in {**state.settings, **new.settings}:
            before, now = state.settings.get(name), new.settings.get(name)
            if before != now:
                cause = f"{part} belongs to another export: {name} was {before!r}, now {now!r}"
                raise Failure(cause, remedy)
        if not state.is_complete:
            part.touch()
        elif not part.exists() and not file.exists():
            raise Failure(f"{file} is gone", f"delete {state_file}, and export again")
        return state
    if file.exists() and not (overwrite and file.is_file()):
        raise Failure(f"{file} exists", "choose another name, or add --overwrite")
    if part.exists():
        raise Failure(f"{part} exists, but {state_file} does not", f"delete or rename {part}")
    _save(state_file, new)
    part.touch()
    return new


def _write(out: IO[bytes], state_file: Path, state: State, source: Source) -> State:
    """Write the pages after `state` and return the last state."""
    digest = _digest(out, state.size)
    if digest.hexdigest() != state.sha256:
        cause = f"{out.name} was changed after it was written"
        raise Failure(cause, f"delete {out.name} and {state_file}, and export again")
    out.truncate(state.size)
    out.seek(state.size)
    if state.records:
        source.progress(f"{state.records:,} records, continued")
    if state.is_complete:
        return state
    for records, cursor in source.pages(state.query, state.cursor):
        data = source.encode(records, state.size == 0)
        out.write(data)
        digest.update(data)
        out.flush()
        os.fsync(out.fileno())
        state = replace(
            state,
            cursor=cursor,
            size=state.size + len(data),
            records=state.records + len(records),
            sha256=digest.hexdigest(),
            is_complete=cursor is None,
        )
        _save(state_file, state)
        source.progress(f"{state.records:,} records")
    return state


def _digest(file: IO[bytes], size: int) -> "hashlib._Hash":
    """Return the digest of the first `size` bytes."""
    digest = hashlib.sha256()
    file.seek(0)
    while size and (chunk := file.read(min(size, _CHUNK))):
        digest.update(chunk)
        size -= len(chunk)
    return digest


def _read(state_file: Path, remedy: str) -> State:
    try:
        content = json.loads(state_file.read_text(encoding="utf-8"))
        state = State(**{name: content[name] for name in content if name != "format"})
        is_known = content["format"] == FORMAT
    except (ValueError, KeyError, TypeError):
        is_known = False
    if not is_known:
        raise Failure(f"{state_file} is not the progress of an export", remedy)
    return state


def _save(state_file: Path, state: State) -> None:
    """Replace the state atomically, and not before everything is on the disk."""
    new = state_file.with_name(f"{state_file.name}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(state_file)
    _sync_folder(state_file)


def _sync_folder(file: Path) -> None:
    """Make a rename in the folder of a file permanent, where the system allows it."""
    if os.name == "posix":
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _locked(out: IO[bytes], file: Path) -> Iterator[None]:
    """Hold the file, so that two exports do not write to it. A killed process lets it go."""
    if fcntl is not None:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cause = f"another process is exporting to {file}"
            raise Failure(cause, "wait for it, or choose another name") from None
    yield


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn an OSError of a file into a Failure."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            file.with_name(f"{file.name}.progress.new").unlink(missing_ok=True)
        if error.errno in _NO_SPACE:
            cause = f"no space left for {file}: {error.strerror}"
            remedy = "make room and run the same command again; it continues"
        else:
            cause = f"{error.filename or file} can't be written: {error.strerror or error}"
            remedy = "check the path and its permissions, and run the same command again"
        raise Failure(cause, remedy) from error
