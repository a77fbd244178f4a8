"""scripts/smoke against the emulator. tests/contract/test_smoke.py has its failures."""

import os
import re
import subprocess
from typing import Any

import pytest

from e2e.instances import Instance, Instances
from e2e.support import created, send_with_token
from lib.client import Caller
from lib.paths import ROOT
from lib.smoke import CHECKS, WRITE_CHECK

NEW = {"type": "smoke", "status": "new"}


def smoke(url: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(ROOT / "scripts" / "smoke"), url, *arguments]
    return subprocess.run(command, env=inherited | env, capture_output=True, text=True, check=False)


def as_caller(key: dict[str, str], **other: str) -> dict[str, str]:
    key = key | other
    return {
        "AWS_ACCESS_KEY_ID": key["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
    }


def passed(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the names of the checks of a run, which must have passed and read a record."""
    assert result.returncode == 0, result
    assert "no record to get" not in result.stdout
    return [name for name in (*CHECKS, WRITE_CHECK) if f"\n{name} " in f"\n{result.stdout}"]


def test_checks_pass_with_reader_credentials(connection: dict[str, Any], writer: Caller) -> None:
    created(writer)
    result = smoke(
        connection["records_url"],
        "--region",
        connection["region"],
        **as_caller(connection["reader"]),
    )
    assert passed(result) == list(CHECKS)


def test_checks_pass_with_a_bearer_token(extra_instances: Instances) -> None:
    assert (
        send_with_token(
            extra_instances.tokens.url, extra_instances.token(), "POST", body=NEW
        ).status
        == 201
    )
    result = smoke(
        extra_instances.tokens.url, "--auth", "jwt", RECORDS_TOKEN=extra_instances.token()
    )
    assert passed(result) == list(CHECKS)


def test_open_instance_skips_the_authentication_check(open_instance: Instance) -> None:
    assert (
        send_with_token(open_instance.url, "", "POST", body=NEW | {"submittedBy": "smoke"}).status
        == 201
    )
    result = smoke(open_instance.url, "--auth", "none")
    assert passed(result) == [name for name in CHECKS if name != "anonymous requests rejected"]
    assert smoke(open_instance.url, "--auth", "jwt").returncode == 1


def test_write_deletes_its_record(connection: dict[str, Any], writer: Caller) -> None:
    env = as_caller(connection["writer"])
    result = smoke(connection["records_url"], "--region", connection["region"], "--write", **env)
    assert passed(result) == [*CHECKS, WRITE_CHECK]
    (record_id,) = re.findall(r"(\S+) created, read and deleted", result.stdout)
    assert writer.call("GET", f"/{record_id}").status == 404


@pytest.mark.parametrize(
    "wrong", [{"secret_access_key": "x" * 40}, {"access_key_id": "AKIA0000000000000000"}]
)
def test_invalid_credentials_are_reported(
    connection: dict[str, Any], wrong: dict[str, str]
) -> None:
    env = as_caller(connection["reader"], **wrong)
    result = smoke(connection["records_url"], "--region", connection["region"], **env)
    assert result.returncode == 1
    cause, remedy = result.stderr.splitlines()
    assert cause.startswith("error: status 403, expected 200: ")
    assert remedy.startswith("  fix: ")
