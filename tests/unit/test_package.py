"""The Lambda package: builds are reproducible, and the committed package is current."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from lib import package
from lib.console import Failure
from lib.paths import ROOT

BUILD = """
import sys
import tomllib
from pathlib import Path
from lib.package import build
sys.stdout.buffer.write(build(Path(sys.argv[1]))[0])
"""


def build_in(folder: Path, *, umask: int, zone: str, locale: str) -> bytes:
    """Copy the sources to `folder` and build there, in a process with these settings."""
    shutil.copytree(ROOT / "lambda", folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for path in folder.rglob("*"):
        os.utime(path, (umask * 1e6, umask * 1e6))
        path.chmod(0o777 & ~umask)
    return subprocess.run(
        [sys.executable, "-c", BUILD, folder],
        env={**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "TZ": zone, "LC_ALL": locale},
        umask=umask,
        check=True,
        capture_output=True,
    ).stdout


@pytest.fixture(scope="module")
def built() -> tuple[bytes, bytes]:
    return package.build()


def test_builds_with_different_settings_are_identical(tmp_path: Path) -> None:
    one = build_in(tmp_path / "one", umask=0o022, zone="UTC", locale="C.UTF-8")
    other = build_in(
        tmp_path / "a longer path" / "other",
        umask=0o077,
        zone="Asia/Kathmandu",
        locale="tr_TR.ISO-8859-9",
    )
    assert one == other
    assert len(one) > 10_000


def test_committed_package_matches_the_sources(built: tuple[bytes, bytes]) -> None:
    names = ("records-api.zip", "manifest.json")
    differ = [
        name
        for name, content in zip(names, built, strict=True)
        if (package.PACKAGE / name).read_bytes() != content
    ]
    assert not differ, "run scripts/package"


def test_package_contains_code_license_and_digest_only(
    built: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "zip").write_bytes(built[0])
    archive = zipfile.ZipFile(tmp_path / "zip")
    names = archive.namelist()
    assert names == sorted(names)
    modules = {f"records_api/{path.name}" for path in (ROOT / "lambda/records_api").glob("*.py")}
    assert {name for name in names if name.startswith("records_api/")} == modules | {
        "records_api/SOURCE_DIGEST"
    }
    kinds = {
        re.sub(r".*(\.py|/METADATA|/licenses/.*)$", r"\1", name) for name in set(names) - modules
    }
    assert kinds == {".py", "/METADATA", "/licenses/LICENSE", "records_api/SOURCE_DIGEST"}
    assert {
        (entry.external_attr >> 16, entry.date_time[0], entry.compress_type)
        for entry in archive.infolist()
    } == {(0o100644, 1980, zipfile.ZIP_STORED)}


def test_manifest_describes_the_zip_and_the_sources(built: tuple[bytes, bytes]) -> None:
    manifest = json.loads(built[1])
    assert (
        manifest["zip_sha256_base64"]
        == base64.b64encode(hashlib.sha256(built[0]).digest()).decode()
    )
    lines = [
        f"{name.removeprefix('lambda/')}:{digest}\n"
        for name, digest in sorted(manifest["files"].items())
    ]
    assert manifest["source_digest"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    on_disk = {
        name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in manifest["files"]
    }
    assert manifest["files"] == on_disk


def test_digest_covers_names_and_content_of_all_files() -> None:
    files = {"records_api/a.py": b"a = 1\n", "requirements.txt": b""}
    variants = [
        files,
        files | {"records_api/a.py": b"a = 2\n"},
        {"records_api/b.py": b"a = 1\n", "requirements.txt": b""},
        files | {"records_api/b.py": b""},
        files | {"requirements.txt": b"x\n"},
    ]
    assert len({package.source_digest(variant) for variant in variants}) == len(variants)
    assert package.source_digest(dict(reversed(files.items()))) == package.source_digest(files)


def test_check_reports_the_file_that_differs(
    built: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "PACKAGE", tmp_path)
    monkeypatch.setattr(package, "build", lambda: built)
    with pytest.raises(Failure, match=r"records-api\.zip does not match the sources"):
        package.check()
    package.write()
    package.check()
    assert package.is_current()
    (tmp_path / "manifest.json").write_bytes(built[1].replace(b'"files"', b'"Files"'))
    with pytest.raises(Failure, match=r"manifest\.json"):
        package.check()


def test_truncated_zip_is_not_current(
    built: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "PACKAGE", tmp_path)
    assert not package.is_current()
    (tmp_path / "manifest.json").write_bytes(built[1])
    (tmp_path / "records-api.zip").write_bytes(built[0][:-1])
    assert not package.is_current()


def test_deployed_and_tested_dependency_versions_match() -> None:
    deployed = re.findall(
        r"^([\w-]+)==(\S+)", (ROOT / "lambda/requirements.txt").read_text(), re.MULTILINE
    )
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = [(package["name"], package.get("version")) for package in lock["package"]]
    assert [pin for pin in locked if pin[0] == "python-json-logger"] == deployed


def test_lock_file_uses_the_public_index_only() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    sources = {str(package["source"]) for package in lock["package"]}
    assert sources == {"{'registry': 'https://pypi.org/simple'}", "{'editable': '.'}"}
