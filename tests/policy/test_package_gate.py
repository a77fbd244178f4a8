"""Terraform rejects a package that is missing or older than its sources."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from lib import terraform
from policy.hcl import ROOT

MODULE = "modules/records-api"
TEST = """
mock_provider "aws" {{
  source = "./mocks"
}}

run "plan" {{
  command = plan
  module {{ source = "./{checkout}/modules/records-api" }}
  variables {{
    name        = "orders"
    environment = "local"
  }}
}}
"""

Errors = Mapping[str, list[str]]


def checkout(root: Path) -> Path:
    """Copy the module to `root` with two sources and a package with their digest."""
    ignored = shutil.ignore_patterns(".terraform*", "tests", "examples")
    for name in (MODULE, "modules/audit-trail", "modules/cost-budget"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    sources = {"records_api/handler.py": b"code", "requirements.txt": b"pins"}
    for name, content in sources.items():
        path = root / "lambda" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = "".join(
        f"{name}:{hashlib.sha256(content).hexdigest()}\n"
        for name, content in sorted(sources.items())
    )
    package = root / MODULE / "package"
    package.mkdir(exist_ok=True)
    (package / "records-api.zip").write_bytes(b"zip")
    (package / "manifest.json").write_text(
        json.dumps(
            {"source_digest": hashlib.sha256(lines.encode()).hexdigest(), "version": "1.0.0"}
        )
    )
    return root


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Errors:
    """The errors of a plan of each checkout; one command plans all, because its start is slow."""
    root = tmp_path_factory.mktemp("checkouts")
    checkout(root / "built")
    (checkout(root / "older") / "lambda/records_api/handler.py").write_bytes(b"newer")
    shutil.rmtree(checkout(root / "missing") / MODULE / "package")
    shutil.rmtree(checkout(root / "no_sources") / "lambda")
    shutil.copytree(ROOT / MODULE / "tests/mocks", root / "mocks")
    shutil.copy(ROOT / MODULE / "versions.tf", root)
    messages: dict[str, list[str]] = {}
    for name in ("built", "older", "missing", "no_sources"):
        (root / f"{name}.tftest.hcl").write_text(TEST.format(checkout=name))
    runner = terraform.ensure(root / "log")
    env = terraform.environment(data=root / "data")
    runner.run(root, "init", "-backend=false", "-no-color", env=env)
    for line in runner.call(root, "test", "-json", env=env).output.splitlines():
        message = json.loads(line)
        name = message.get("@testfile", "").removesuffix(".tftest.hcl")
        if message.get("test_run", {}).get("progress") == "complete":
            messages[name] = []
        elif message["type"] == "diagnostic":
            messages[name].append(message["diagnostic"]["detail"])
    return messages


def test_package_built_from_the_sources_is_accepted(errors: Errors) -> None:
    assert errors["built"] == []


def test_package_older_than_its_sources_is_rejected(errors: Errors) -> None:
    assert errors["older"] == [
        "The committed package was not built from these sources: run scripts/package and commit it."
    ]


def test_missing_package_is_rejected(errors: Errors) -> None:
    assert "records-api.zip is missing: run scripts/package" in errors["missing"][0]


def test_package_without_sources_is_accepted(errors: Errors) -> None:
    assert errors["no_sources"] == []
