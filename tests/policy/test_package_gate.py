"""Terraform refuses a package that is missing or older than its sources, and asks for nothing without sources."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lib import terraform
from policy.hcl import ROOT

MODULE = "modules/records-api"
TEST = """
mock_provider "aws" {
  source = "./tests/mocks"
}

run "plan" {
  command = plan
  variables {
    name        = "orders"
    environment = "dev"
  }
}
"""


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module beside two sources, with a package that claims to be built from them."""
    root = tmp_path_factory.mktemp("initialised")
    ignored = shutil.ignore_patterns(".terraform*", "*.tftest.hcl")
    for name in (MODULE, "modules/audit-trail", "modules/cost-budget"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    (root / MODULE / "tests" / "package.tftest.hcl").write_text(TEST)
    sources = {"records_api/handler.py": b"code", "requirements.txt": b"pins"}
    for name, content in sources.items():
        path = root / "lambda" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = "".join(f"{name}:{hashlib.sha256(content).hexdigest()}\n" for name, content in sorted(sources.items()))
    package = root / MODULE / "package"
    package.mkdir(exist_ok=True)
    (package / "records-api.zip").write_bytes(b"zip")
    (package / "manifest.json").write_text(json.dumps({"source_digest": hashlib.sha256(lines.encode()).hexdigest()}))
    run(root, root / "data", "init", "-backend=false")
    return root


@pytest.fixture
def checkout(initialised: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(initialised, tmp_path / "checkout", ignore=shutil.ignore_patterns("data")))


def run(checkout: Path, data: Path, *arguments: str) -> terraform.Result:
    """Run Terraform on the module in a checkout."""
    runner = terraform.ensure(data / "log")
    return runner.call(checkout / MODULE, *arguments, "-no-color", env=terraform.environment(data=data))


def plan(checkout: Path, initialised: Path) -> tuple[int, str]:
    """Plan the module with mocks; return the exit code and what was said, without its line breaks."""
    result = run(checkout, initialised / "data", "test")
    return result.code, " ".join(result.output.split())


def test_a_package_built_from_the_sources_is_taken(checkout: Path, initialised: Path) -> None:
    code, said = plan(checkout, initialised)
    assert code == 0, said


def test_a_package_older_than_its_sources_is_refused(checkout: Path, initialised: Path) -> None:
    (checkout / "lambda/records_api/handler.py").write_bytes(b"newer")
    code, said = plan(checkout, initialised)
    assert code == 1
    assert "The committed package was not built from these sources: run scripts/package" in said


def test_a_missing_package_is_refused(checkout: Path, initialised: Path) -> None:
    shutil.rmtree(checkout / MODULE / "package")
    code, said = plan(checkout, initialised)
    assert code == 1
    assert "records-api.zip is missing: run scripts/package" in said


def test_a_copy_without_sources_takes_the_package_as_it_is(checkout: Path, initialised: Path) -> None:
    shutil.rmtree(checkout / "lambda")
    code, said = plan(checkout, initialised)
    assert code == 0, said
