"""The examples of modules/records-api, applied. tests/e2e/test_up.py applies the minimal one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import copies
from lib import terraform
from lib.client import send
from lib.paths import ENVIRONMENT, ROOT

EXAMPLES = ROOT / "modules/records-api/examples"
PATHS = {'"../.."': '"../../modules/records-api"', '"../../../': '"../../modules/'}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator with the key, the certificate and the hosted zone that the examples look up."""
    with copies.emulator(tmp_path_factory.mktemp("emulator")) as url:
        kms = copies.aws(url, "kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/records", TargetKeyId=key)
        certificate = {"DomainName": "records.example.com", "ValidationMethod": "DNS"}
        copies.aws(url, "acm").request_certificate(**certificate)
        copies.aws(url, "route53").create_hosted_zone(Name="example.com", CallerReference="1")
        yield url


# `complete` needs version 7 of a function and a package in S3.
@pytest.mark.full
@pytest.mark.parametrize(
    "name", ["jwt-browser", "own-key", "read-only", "staging", "two-instances"]
)
def test_example_can_be_applied(endpoint: str, tmp_path: Path, name: str) -> None:
    """The release gate runs the self-test: roles, tables and key of the example work together."""
    (tmp_path / "modules").symlink_to(ROOT / "modules")
    (tmp_path / "lambda").symlink_to(ROOT / "lambda")
    root = tmp_path / "examples" / name
    shutil.copytree(EXAMPLES / name, root)
    shutil.copy(ENVIRONMENT / ".terraform.lock.hcl", root)
    override = (root / "override.tf").read_text()
    for old, new in PATHS.items():
        override = override.replace(old, new)
    (root / "override.tf").write_text(override)
    runner, env = terraform.ensure(tmp_path / "terraform.log"), terraform.environment(endpoint)
    runner.run(root, "init", "-no-color", "-lockfile=readonly", env=env)
    runner.run(root, "apply", "-no-color", "-auto-approve", env=env)
    if name == "jwt-browser":
        outputs = runner.read(root, "output", "-json", env=env)
        assert outputs["records_url"]["value"] == ("https://records.example.com/records")
        headers = {
            "host": "records.example.com",
            "origin": "https://app.example.com",
            "access-control-request-method": "POST",
        }
        assert send("OPTIONS", f"{endpoint}/records", b"", headers).status == 204
