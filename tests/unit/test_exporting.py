"""Exports to a file: complete, without duplicates, and continued after any interruption."""

import errno
import hashlib
import io
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from records_cli import exporting
from records_cli.exporting import Source, Summary
from records_cli.failure import Failure

PAGES: list[list[dict[str, Any]]] = [[{"n": 1}, {"n": 2}], [], [{"n": 3}], [{"n": 4}, {"n": 5}]]
CONTENT = b'{"n": 1}\n{"n": 2}\n{"n": 3}\n{"n": 4}\n{"n": 5}\n'
COMPLETE = Summary(5, hashlib.sha256(CONTENT).hexdigest())
SETTINGS = {"service": "http://x/records", "type": "t", "since": "2h"}
QUERY = {"type": "t", "createdAfter": "2026-01-31T09:30:00.000Z"}


class Stopped(BaseException):
    """What a kill is to the code that runs: nothing of it handles this."""


def pages(
    query: dict[str, str], cursor: str | None
) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    assert query == QUERY
    for number in range(int(cursor or 0), len(PAGES)):
        yield PAGES[number], str(number + 1) if number + 1 < len(PAGES) else None


def encode(records: list[dict[str, Any]], _is_first: bool) -> bytes:
    return "".join(f"{json.dumps(each)}\n" for each in records).encode()


def export(file: Path, *, read: Any = pages, **options: Any) -> Summary:
    settings, query = options.pop("settings", SETTINGS), options.pop("query", QUERY)
    return exporting.to_file(file, settings, query, Source(read, encode), **options)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "all.ndjson"


def test_export_is_one_file_with_count_and_digest(file: Path) -> None:
    assert export(file) == COMPLETE
    assert file.read_bytes() == CONTENT
    assert list(file.parent.iterdir()) == [file]


def test_stream_has_the_same_bytes() -> None:
    out = io.BytesIO()
    assert exporting.to_stream(out, QUERY, Source(pages, encode)) == COMPLETE
    assert out.getvalue() == CONTENT


def test_export_stopped_at_any_step_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop before each call that reads a page, changes a file or synchronizes it; run again."""
    left = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Stopped
            return function(*arguments, **options)

        return call

    def read(query: dict[str, str], cursor: str | None) -> Iterator[Any]:
        yield from map(counted(lambda page: page), pages(query, cursor))

    monkeypatch.setattr(os, "fsync", counted(lambda _: None))
    for name in ("open", "replace", "unlink", "touch"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    for stop_after in itertools.count(1):
        file = tmp_path / f"{stop_after}" / "all.ndjson"
        file.parent.mkdir()
        left = stop_after
        try:
            export(file, read=read)
            break
        except Stopped:
            left = 0
        assert export(file) == COMPLETE
        assert file.read_bytes() == CONTENT
        assert list(file.parent.iterdir()) == [file]
    assert stop_after > 20


def test_page_is_on_the_disk_before_it_is_counted(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def fsync(descriptor: int) -> None:
        number, folder = os.fstat(descriptor).st_ino, file.parent
        places = [each for each in (folder, *folder.iterdir()) if each.stat().st_ino == number]
        steps.append(f"sync {places[0].name}")

    def replace(source: Path, target: Path) -> None:
        steps.append(f"name {target.name}")
        source.rename(target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    export(file)
    folder = f"sync {file.parent.name}"
    count = ["sync all.ndjson.progress.new", "name all.ndjson.progress", folder]
    page = ["sync all.ndjson.part", *count]
    assert steps == [*count, *page * len(PAGES), "name all.ndjson", folder]


def noted_pages(asked: list[str | None]) -> Any:
    def read(query: dict[str, str], cursor: str | None) -> Iterator[Any]:
        asked.append(cursor)
        return pages(query, cursor)

    return read


def interrupted(file: Path, after: int) -> None:
    """Begin an export and stop it after some pages."""

    def read(query: dict[str, str], cursor: str | None) -> Iterator[Any]:
        for number, page in enumerate(pages(query, cursor)):
            if number == after:
                raise Stopped
            yield page

    with pytest.raises(Stopped):
        export(file, read=read)


def test_continued_export_reads_only_what_is_missing(file: Path) -> None:
    interrupted(file, 3)
    assert not file.exists()
    asked: list[str | None] = []
    # --since 2h is another time now, but the export keeps the one with which it began.
    later = QUERY | {"createdAfter": "2026-01-31T10:30:00.000Z"}
    assert export(file, read=noted_pages(asked), query=later) == COMPLETE
    assert asked == ["3"]


def test_bytes_that_were_not_counted_are_cut_off(file: Path) -> None:
    interrupted(file, 3)
    with file.with_name("all.ndjson.part").open("ab") as part:
        part.write(b'{"n": 4}\n' * 9)
    assert export(file) == COMPLETE
    assert file.read_bytes() == CONTENT


def test_changed_part_is_not_continued(file: Path) -> None:
    interrupted(file, 3)
    part = file.with_name("all.ndjson.part")
    part.write_bytes(part.read_bytes().replace(b"1", b"7"))
    with pytest.raises(Failure, match="was changed after it was written"):
        export(file)
    part.write_bytes(b"")
    with pytest.raises(Failure, match="was changed after it was written"):
        export(file)


def test_other_export_is_not_continued(file: Path) -> None:
    interrupted(file, 3)
    with pytest.raises(Failure, match="belongs to another export: type was 't', now 'u'"):
        export(file, settings=SETTINGS | {"type": "u"})
    file.with_name("all.ndjson.progress").write_text("{}")
    with pytest.raises(Failure, match="is not the progress of an export"):
        export(file)


def test_existing_file_is_kept_unless_overwritten(file: Path) -> None:
    file.write_text("mine")
    with pytest.raises(Failure, match="exists") as failure:
        export(file)
    assert failure.value.remedy == "choose another name, or add --overwrite"

    def interrupted_read(_query: dict[str, str], _cursor: str | None) -> Iterator[Any]:
        raise Stopped

    with pytest.raises(Stopped):
        export(file, read=interrupted_read, overwrite=True)
    assert file.read_text() == "mine"
    assert export(file, overwrite=True) == COMPLETE
    assert file.read_bytes() == CONTENT
    file.with_name("all.ndjson.part").write_text("somebody else's")
    with pytest.raises(Failure, match=r"\.part exists, but .*\.progress does not"):
        export(file, overwrite=True)


def test_two_exports_do_not_write_to_one_file(file: Path) -> None:
    def read(query: dict[str, str], cursor: str | None) -> Iterator[Any]:
        with pytest.raises(Failure, match="another process is exporting"):
            export(file)
        return pages(query, cursor)

    assert export(file, read=read) == COMPLETE


def test_full_disk_is_one_error_and_the_export_continues(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronize, calls = os.fsync, iter(range(100))

    def fsync(descriptor: int) -> None:
        if next(calls) == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synchronize(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Failure) as failure:
        export(file)
    assert failure.value.cause == f"no space left for {file}: No space left on device"
    assert failure.value.remedy == "make room and run the same command again; it continues"
    assert export(file) == COMPLETE
    assert file.read_bytes() == CONTENT
