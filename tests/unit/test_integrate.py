"""The programs in docs/integrate.md work on files that records export writes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib import documents, venvs
from lib.paths import ROOT
from records_cli import csvcells, jsontext

PAGE = ROOT / "docs" / "integrate.md"
RECORDS: list[dict[str, Any]] = [
    {
        "recordID": f"r{number}",
        "createdAt": f"2026-01-3{number % 2}T09:30:0{number}.000Z",
        "updatedAt": f"2026-01-3{number % 2}T09:30:0{number}.000Z",
        "submittedBy": "ops",
        "type": "backup" if number < 4 else "note",
        "status": "failed" if number == 3 else "ok",
        # Only a later record has a message and a host.
        **({"message": "full disk", "attributes": {"host": "db-07"}} if number == 3 else {}),
        "version": 1,
    }
    for number in range(6)
]


def block(language: str) -> str:
    (text,) = [each.text for each in documents.blocks(PAGE) if each.language == language]
    return text


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with pandas and DuckDB, installed for this run."""
    folder = tmp_path_factory.mktemp("python")
    uv = str(venvs.uv())
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    packages = ["duckdb", "pandas"]
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *packages], check=True)
    return python


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an export."""
    records = [{"attributes": {}} | record for record in RECORDS]
    text = "".join(f"{jsontext.compact(jsontext.parse(json.dumps(each)))}\n" for each in records)
    (tmp_path / "records.ndjson").write_text(text)
    return tmp_path


def output(python: Path, program: str, folder: Path) -> list[list[str]]:
    """Return the words of each line that a program prints."""
    command = [str(python), "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.full
def test_pandas_counts_by_type_and_day(python: Path, folder: Path) -> None:
    program = block("python")
    lines = output(python, f"{program}\nprint(table.loc[3, 'attributes.host'])", folder)
    assert ["backup", "failed", "1"] in lines
    assert ["note", "ok", "2"] in lines
    assert [line for line in lines if line[0].startswith("2026-01-3")] == [
        ["2026-01-30", "00:00:00+00:00", "3"],
        ["2026-01-31", "00:00:00+00:00", "3"],
    ]
    assert lines[-1] == ["db-07"]


@pytest.mark.full
def test_duckdb_counts_and_reads_attributes(python: Path, folder: Path) -> None:
    statements = [each for each in block("sql").split(";") if each.strip()]
    program = "import duckdb\n" + "".join(
        f"result = duckdb.sql({each!r})\nif result: print(*result.fetchall(), sep='\\n')\n"
        for each in statements
    )
    lines = [" ".join(line) for line in output(python, program, folder)]
    assert lines[:3] == ["('backup', 'failed', 1)", "('backup', 'ok', 3)", "('note', 'ok', 2)"]
    assert lines[3].endswith("'db-07')")


@pytest.mark.full
def test_pandas_reads_the_csv(python: Path, folder: Path) -> None:
    columns = ["recordID", "message", "attributes.host"]
    text = csvcells.header(columns, guarded=True, bom=True)
    text += csvcells.rows(RECORDS, columns, guarded=True)
    (folder / "records.csv").write_text(text, newline="")
    program = "import pandas; print(*pandas.read_csv('records.csv').loc[3])"
    assert output(python, program, folder) == [["r3", "full", "disk", "db-07"]]
