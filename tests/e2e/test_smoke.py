"""scripts/smoke against the stack, as a person runs it against a deployment."""

import os
import re
import subprocess
from typing import Any

import pytest

from e2e.instances import Instance, Instances
from e2e.talk import bearer, created
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


def passed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the names of the checks that a run made; it must have made a record's, too."""
    assert done.returncode == 0, done
    assert "no record to get" not in done.stdout
    return [name for name in (*CHECKS, WRITE_CHECK) if f"\n{name} " in f"\n{done.stdout}"]


def test_a_reader_finds_nothing_amiss(connection: dict[str, Any], writer: Caller) -> None:
    created(writer)
    done = smoke(
        connection["records_url"],
        "--region",
        connection["region"],
        **as_caller(connection["reader"]),
    )
    assert passed(done) == list(CHECKS)


def test_the_bearer_of_a_token_finds_nothing_amiss(beside: Instances) -> None:
    assert bearer(beside.tokens.url, beside.token(), "POST", body=NEW).status == 201
    done = smoke(beside.tokens.url, "--auth", "jwt", RECORDS_TOKEN=beside.token())
    assert passed(done) == list(CHECKS)


def test_where_nobody_is_asked_for_credentials_the_rest_is_checked(open_instance: Instance) -> None:
    assert bearer(open_instance.url, "", "POST", body=NEW | {"submittedBy": "smoke"}).status == 201
    done = smoke(open_instance.url, "--auth", "none")
    assert passed(done) == [name for name in CHECKS if name != "refuses strangers"]
    assert smoke(open_instance.url, "--auth", "jwt").returncode == 1


def test_write_leaves_nothing_where_delete_is_on(
    connection: dict[str, Any], writer: Caller
) -> None:
    env = as_caller(connection["writer"])
    done = smoke(connection["records_url"], "--region", connection["region"], "--write", **env)
    assert passed(done) == [*CHECKS, WRITE_CHECK]
    (record_id,) = re.findall(r"(\S+) created, read and deleted", done.stdout)
    assert writer.call("GET", f"/{record_id}").status == 404


def test_write_needs_a_writer_and_names_what_it_leaves_where_delete_is_off(
    connection: dict[str, Any], open_instance: Instance
) -> None:
    env = as_caller(connection["reader"])
    done = smoke(connection["records_url"], "--region", connection["region"], "--write", **env)
    assert done.returncode == 1
    assert "POST was answered 403" in done.stderr
    assert "use credentials with the writer policy" in done.stderr

    done = smoke(open_instance.url, "--auth", "none", "--write")
    assert done.returncode == 0, done
    (record_id,) = re.findall(r"(\S+) \(type smoke-\S+\) stays: DELETE", done.stdout)
    assert bearer(open_instance.url, "", "GET", f"/{record_id}").status == 200


@pytest.mark.parametrize(
    "given", [{"secret_access_key": "x" * 40}, {"access_key_id": "AKIA0000000000000000"}]
)
def test_who_is_not_let_in_is_told_in_two_lines(
    connection: dict[str, Any], given: dict[str, str]
) -> None:
    env = as_caller(connection["reader"], **given)
    done = smoke(connection["records_url"], "--region", connection["region"], **env)
    assert done.returncode == 1
    cause, remedy = done.stderr.splitlines()
    assert cause.startswith("error: answered 403 instead of 200: ")
    assert remedy.startswith("  fix: ")
