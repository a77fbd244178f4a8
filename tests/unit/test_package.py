"""The Lambda package: builds are reproducible, and the committed package is current."""

import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
import zlib
from pathlib import Path

import pytest

from lib import archive, package, venvs
from lib.console import Failure
from lib.paths import ROOT
from records_api import __version__

needs_runtime = pytest.mark.skipif(
    not venvs.find_runtime(), reason=f"no Python {venvs.RUNTIME}, which compiles the package"
)

NAMES = ("records-api.zip", "manifest.json")
MAX_BYTES = 250_000
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
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "scripts"),
            "PYTHONHASHSEED": str(umask),
            "TMPDIR": str(folder.parent),
            "TZ": zone,
            "LC_ALL": locale,
        },
        umask=umask,
        check=True,
        capture_output=True,
    ).stdout


@pytest.fixture(scope="module")
def built() -> tuple[bytes, bytes]:
    """The package as the current sources make it, or the committed one without a Python 3.13."""
    if venvs.find_runtime():
        return package.build()
    zip_name, manifest_name = NAMES
    return (
        (package.PACKAGE / zip_name).read_bytes(),
        (package.PACKAGE / manifest_name).read_bytes(),
    )


@needs_runtime
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
    differ = [
        name
        for name, content in zip(NAMES, built, strict=True)
        if (package.PACKAGE / name).read_bytes() != content
    ]
    assert not differ, "run scripts/package"


def test_package_contains_code_license_and_digest_only(
    built: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "zip").write_bytes(built[0])
    zip_file = zipfile.ZipFile(tmp_path / "zip")
    names = zip_file.namelist()
    assert names == sorted(names)
    modules = {f"records_api/{path.name}" for path in (ROOT / "lambda/records_api").glob("*.py")}
    sources = {name for name in names if name.endswith(".py")}
    assert {name for name in sources if name.startswith("records_api/")} == modules
    compiled = {re.sub(r"(\w+)\.py$", r"__pycache__/\1.cpython-313.pyc", name) for name in sources}
    others = set(names) - sources - compiled
    assert sources | compiled <= set(names)
    kinds = {re.sub(r".*(/METADATA|/licenses/.*)$", r"\1", name) for name in others}
    assert kinds == {"/METADATA", "/licenses/LICENSE", "records_api/SOURCE_DIGEST"}
    assert {
        (entry.external_attr >> 16, entry.date_time, entry.create_system)
        for entry in zip_file.infolist()
    } == {(0o100644, (1980, 1, 1, 0, 0, 0), 3)}
    assert len(built[0]) < MAX_BYTES
    assert zip_file.testzip() is None


@needs_runtime
def test_lambda_runs_the_bytecode_and_shows_source_lines(
    built: tuple[bytes, bytes], tmp_path: Path
) -> None:
    (tmp_path / "zip").write_bytes(built[0])
    zipfile.ZipFile(tmp_path / "zip").extractall(tmp_path)
    config = tmp_path / "records_api" / "config.py"
    source = config.read_text()
    config.write_text(re.sub("(?m)^(?=.)", "not Python! ", source))
    line = next(line for line in source.splitlines() if "raise ConfigError(" in line)
    result = subprocess.run(
        [venvs.required_runtime(), "-c", "from records_api import config; config.read({})"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: TABLE_NAME is not set" in result.stderr
    assert f'File "{config}", line ' in result.stderr
    assert f"in read\n    not Python! {line}\n" in result.stderr


def test_compressed_content_is_what_zlib_reads() -> None:
    numbers = random.Random(20261124)
    texts = [
        bytes(numbers.choices(range(values), k=numbers.randrange(2000)))
        for values in (1, 2, 20, 256)
        for _ in range(20)
    ]
    far = numbers.randbytes(32_768)
    for content in [b"", b"a" * 10_000, far * 2, far + b"a" + far, *texts]:
        assert zlib.decompress(archive.deflated(content), wbits=-15) == content
    assert len(archive.deflated(far * 2)) < len(far) * 1.2


def test_manifest_describes_the_zip_and_the_sources(built: tuple[bytes, bytes]) -> None:
    manifest = json.loads(built[1])
    assert (
        manifest["zip_sha256_base64"]
        == base64.b64encode(hashlib.sha256(built[0]).digest()).decode()
    )
    assert manifest["version"] == __version__
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
    monkeypatch.setattr(venvs, "find_runtime", lambda: "python3.13")
    with pytest.raises(Failure, match=r"records-api\.zip does not match the sources"):
        package.check()
    package.write()
    package.check()
    assert package.is_current()
    (tmp_path / "manifest.json").write_bytes(built[1].replace(b'"files"', b'"Files"'))
    with pytest.raises(Failure, match=r"manifest\.json"):
        package.check()


def test_without_python_313_only_the_digest_is_compared(
    built: tuple[bytes, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "PACKAGE", tmp_path)
    monkeypatch.setattr(venvs, "find_runtime", str)
    with pytest.raises(Failure, match=r"run uv python install 3\.13, or pyenv install 3\.13"):
        package.build()
    with pytest.raises(Failure, match="does not match the sources"):
        package.check()
    for name, content in zip(NAMES, built, strict=True):
        (tmp_path / name).write_bytes(content)
    assert "the rebuild was not checked" in package.check()


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
