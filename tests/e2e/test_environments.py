"""From an empty account to dev and prod, following the README of environments/bootstrap."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e import copies
from e2e.dev import VALUES as DEV_VALUES
from e2e.policies import check_policies
from lib import terraform
from lib.client import Caller
from lib.emulator import REGION
from lib.terraform import Result, Terraform, environment

BUCKET = f"records-tfstate-000000000000-{REGION}"
OTHER_REGION = "eu-west-1"

# test_operate.py creates the trail, whose bucket takes a minute.
VALUES = DEV_VALUES | {"audit": {"mode": "off"}}

UNSAFE = """
module "records_api" {
  log_retention_days = 30
}
"""


@dataclass(frozen=True)
class Account:
    """An account that is empty at first, and the environments that are applied to it."""

    url: str
    environments: Path
    terraform: Terraform

    @property
    def env(self) -> dict[str, str]:
        values = {f"TF_VAR_{name}": json.dumps(value) for name, value in VALUES.items()}
        return environment(self.url) | values | {"TF_CLI_CONFIG_FILE": str(self.terraform.config)}

    def run_commands(self, commands: str) -> str:
        """Run commands of a README, answering yes to every question; return the output."""
        inputs = {
            "PATH": f"{Path(self.terraform.binary).parent}:{os.environ['PATH']}",
            "TF_CLI_ARGS": "-no-color",
            "TF_CLI_ARGS_apply": "-auto-approve",
            "TF_CLI_ARGS_init": "-force-copy -lockfile=readonly",
        }
        done = subprocess.run(
            ["sh", "-euxc", commands],
            cwd=self.environments.parent,
            env=self.env | inputs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def run(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        return self.terraform.call(
            self.environments / name, *arguments, env=self.env | dict(env or {})
        )

    def records(
        self, name: str, region: str = REGION, env: Mapping[str, str] | None = None
    ) -> Caller:
        """Return the account's root as a caller of an environment's service."""
        outputs = self.terraform.read(
            self.environments / name, "output", "-json", env=self.env | dict(env or {})
        )
        url = re.fullmatch(
            r"https://(\w+)\.execute-api\.([\w-]+)\.amazonaws\.com/records",
            outputs["records_url"]["value"],
        )
        assert url
        assert url[2] == region
        return Caller(
            f"{self.url}/_aws/execute-api/{url[1]}/$default/records", region, "test", "test"
        )

    def plan_of_applied(self, name: str) -> Any:
        """Return Terraform's JSON of a plan without changes, in which every value is known."""
        plan = self.run(name, "plan", "-no-color", "-lock=false", "-refresh=false", "-out=applied")
        assert plan.code == 0, plan.output
        folder = self.environments / name
        return self.terraform.read(folder, "show", "-json", "applied", env=self.env)

    def state_files(self) -> set[str]:
        """Return the keys in the state bucket."""
        return {
            entry["Key"]
            for entry in copies.aws(self.url, "s3").list_objects_v2(Bucket=BUCKET)["Contents"]
        }


def steps_of(readme: str) -> list[str]:
    """Return the commands of a README's numbered sections."""
    return re.findall(r"^## \d\. .*?^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)


def created(caller: Caller, kind: str) -> Any:
    response = caller.call("POST", body={"type": kind, "status": "new"})
    assert response.status == 201, response
    return response.json()


def listed(caller: Caller) -> list[Any]:
    response = caller.call("GET")
    assert response.status == 200, response
    return list(response.json()["records"])


def resources_of(url: str, service: str) -> dict[str, list[str]]:
    """Return the names of a service's resources in this region by kind, without deleted keys."""
    iam, kms = copies.aws(url, "iam"), copies.aws(url, "kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    names_by_kind = {
        "APIs": [api["Name"] for api in copies.aws(url, "apigatewayv2").get_apis()["Items"]],
        "functions": [
            each["FunctionName"] for each in copies.aws(url, "lambda").list_functions()["Functions"]
        ],
        "key aliases": [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]],
        "keys": [key["Description"] for key in keys if key["KeyState"] != "PendingDeletion"],
        "log groups": [
            group["logGroupName"]
            for group in copies.aws(url, "logs").describe_log_groups()["logGroups"]
        ],
        "policies": [
            policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]
        ],
        "roles": [role["RoleName"] for role in iam.list_roles()["Roles"]],
        "tables": copies.aws(url, "dynamodb").list_tables()["TableNames"],
    }
    return {
        kind: [name for name in names if service in name and OTHER_REGION not in name]
        for kind, names in names_by_kind.items()
    }


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    environments = copies.environments(tmp_path)
    with copies.emulator(tmp_path) as url:
        yield Account(url, environments, terraform.ensure(tmp_path / "terraform.log"))


def check_state_lock(account: Account) -> None:
    """In another region, a second apply during the first one fails and changes nothing."""
    elsewhere = {"TF_DATA_DIR": str(account.environments / "elsewhere")}
    state = "records-api/dev-elsewhere.tfstate"
    backend = [f"-backend-config={setting}" for setting in (f"bucket={BUCKET}", f"key={state}")]
    init = ["init", "-no-color", "-lockfile=readonly", *backend]
    assert account.run("dev", *init, env=elsewhere).code == 0
    region = f"-var=region={OTHER_REGION}"
    with subprocess.Popen(
        [account.terraform.binary, f"-chdir={account.environments / 'dev'}", "apply", region],
        env=account.env | elsewhere | {"TF_INPUT": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as first:
        assert first.stdout
        output = ""
        while "Enter a value" not in output and (more := first.stdout.read(1)):
            output += more
        second = account.run("dev", "apply", "-no-color", "-auto-approve", region, env=elsewhere)
        assert (second.code, second.error) == (1, "Error acquiring the state lock")
        assert f"{BUCKET}/{state}" in second.output
        assert f"{state}.tflock" in account.state_files()
        output += first.communicate("yes\n")[0]
    assert first.returncode == 0, output
    assert f"{state}.tflock" not in account.state_files()
    assert listed(account.records("dev", OTHER_REGION, elsewhere)) == []


def test_readme_creates_dev_and_prod(account: Account, tmp_path: Path) -> None:
    commands = "".join(steps_of((account.environments / "bootstrap/README.md").read_text()))
    assert "No changes." in account.run_commands(commands)
    assert account.state_files() == {
        "bootstrap.tfstate",
        "records-api/dev.tfstate",
        "records-api/prod.tfstate",
    }
    assert not list(account.environments.glob("*/*.tfstate*"))

    # Both are in one account, and each has its own records.
    dev, prod = account.records("dev"), account.records("prod")
    in_dev, in_prod = created(dev, "dev"), created(prod, "prod")
    assert (listed(dev), listed(prod)) == ([in_dev], [in_prod])

    check_policies("prod", account.plan_of_applied("prod"), tmp_path)
    check_state_lock(account)

    # environments/prod has the profile prod (tests/policy/test_profile.py has all of its rules).
    override = account.environments / "prod/unsafe_override.tf"
    override.write_text(UNSAFE)
    failed = account.run("prod", "plan", "-no-color")
    override.unlink()
    assert failed.code == 1
    assert "prod requires log_retention_days" in " ".join(failed.output.split())

    # Destroying dev removes all of its resources and none of prod.
    assert all(resources_of(account.url, "records-dev").values())
    destroyed = account.run("dev", "destroy", "-no-color", "-auto-approve")
    assert destroyed.code == 0, destroyed.output
    assert {
        kind: names for kind, names in resources_of(account.url, "records-dev").items() if names
    } == {}
    assert listed(prod) == [in_prod]
