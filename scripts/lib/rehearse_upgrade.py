"""Rehearses an upgrade on the emulator: applies an older commit, then this checkout over it.

Without a commit, it rehearses the upgrades from the oldest supported one and from the last release.

Fails if the plan replaces a resource that holds data or that callers or operators refer to, if a
record is lost or changed, or if a request fails during the upgrade.
"""

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lib import compatibility, scratch, terraform, venvs
from lib.client import Caller
from lib.console import Failure, argument_parser, main, step
from lib.emulator import REGION
from lib.paths import ENVIRONMENT, LOGS, ROOT
from lib.rehearsal_records import calling, create_records, differences, read_all
from records_api.config import OPERATIONS

OLDEST = "056e895"
_OLDEST_OPERATIONS = frozenset({"create", "delete", "get", "list", "update"})
# Replacing one of these loses data or evidence, or changes a name or address that others use.
KEPT = frozenset({
    "aws_apigatewayv2_api",
    "aws_apigatewayv2_stage",
    "aws_cloudtrail",
    "aws_cloudwatch_log_group",
    "aws_dynamodb_table",
    "aws_iam_policy",
    "aws_iam_role",
    "aws_kms_key",
    "aws_lambda_function",
    "aws_s3_bucket",
    "aws_sns_topic",
})  # fmt: skip
# The inputs of each module. All but records-api have their optional resources, except the
# anomaly monitor: the emulator has no Cost Explorer.
_INPUTS: Mapping[str, Mapping[str, Any]] = {
    "records-api": {
        "name": "upgrade",
        "environment": "dev",
        "alarms": {"emails": ["on-call@example.com"]},
        "audit": {"mode": "create", "force_destroy": True},
        "budget": {"monthly_usd": 25},
        "table": {"deletion_protection": False},
    },
    "audit-trail": {
        "name": "upgrade-trail",
        "environment": "dev",
        "bucket": {
            "access_logs": {"bucket": "${module.state-backend.bucket_name}"},
            "object_lock": {"days": 1, "mode": "GOVERNANCE"},
        },
        "delivery_topic": True,
    },
    "cost-budget": {
        "name": "upgrade-budget",
        "environment": "dev",
        "monthly_limit_usd": 25,
        "notify": {"create_topic": True, "emails": ["on-call@example.com"]},
    },
    "state-backend": {
        "name": "upgrade-state",
        "environment": "dev",
        "access_logs": {"bucket": "access-logs"},
    },
}


def check_out(ref: str, folder: Path) -> None:
    """Extract the files of commit `ref` into `folder`. Raises Failure if git does not know it."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", ref]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode != 0:
        raise Failure(
            f"git cannot read commit {ref}: {archive.stderr.decode().strip()}",
            "use a commit or tag of this repository; in a shallow clone, fetch it first",
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def replaced(plan: Mapping[str, Any]) -> list[str]:
    """Return the addresses of resources of a KEPT type that `plan` (Terraform's JSON) deletes."""
    return [
        change["address"]
        for change in plan.get("resource_changes", [])
        if change["type"] in KEPT and "delete" in change["change"]["actions"]
    ]


class _Deployment:
    """One root module whose module source can be switched, applied to one emulator."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder / "root"
        self._folder.mkdir()
        shutil.copy(ENVIRONMENT / ".terraform.lock.hcl", self._folder)
        self._runner = terraform.ensure(LOGS / "rehearse-upgrade.log")
        self._env = terraform.environment(url)
        self._url = url

    def use(self, checkout: Path, operations: Collection[str]) -> None:
        """Use the modules of `checkout` from now on, with these operations enabled."""
        # A relative path: Terraform copies a module with an absolute path, without its siblings.
        modules = os.path.relpath(checkout / "modules", self._folder)
        enabled = {"records-api": {"operations": sorted(operations)}}
        root = {
            "module": {
                name: {**inputs, **enabled.get(name, {}), "source": f"{modules}/{name}"}
                for name, inputs in _INPUTS.items()
            },
            "output": {"api_id": {"value": "${module.records-api.api_id}"}},
        }
        (self._folder / "main.tf.json").write_text(json.dumps(root))
        self._run("init", "-lockfile=readonly")

    def plan(self) -> Any:
        """Plan, and return the plan as Terraform's JSON."""
        self._run("plan", "-out=upgrade.tfplan")
        return self._runner.read(self._folder, "show", "-json", "upgrade.tfplan", env=self._env)

    def apply(self) -> None:
        """Apply what `plan` planned."""
        self._run("apply", "upgrade.tfplan")

    def caller(self) -> Caller:
        """Return the emulator's root user as a caller of the API."""
        outputs = self._runner.read(self._folder, "output", "-json", env=self._env)
        path = f"/_aws/execute-api/{outputs['api_id']['value']}/$default/records"
        return Caller(f"{self._url}{path}", REGION, "test", "test")

    def _run(self, verb: str, *arguments: str) -> None:
        self._runner.run(self._folder, verb, "-no-color", *arguments, env=self._env)


def rehearse(ref: str, folder: Path) -> None:
    """Deploy `ref` and upgrade it to this checkout, in `folder`. Raises Failure on any damage."""
    old = folder / "old"
    old.mkdir()
    check_out(ref, old)
    deployment = _Deployment(folder, scratch.emulator(folder).url)
    with step(f"apply {ref}") as line:
        deployment.use(old, _OLDEST_OPERATIONS)
        deployment.plan()
        deployment.apply()
        line.note = "done"
    caller = deployment.caller()
    with step("write records") as line:
        before = read_all(caller, create_records(caller))
        line.note = f"{len(before)} records"
    upgrade(deployment, caller, next(iter(before)))
    with step("compare records") as line:
        if changed := differences(before, read_all(caller, before)):
            raise Failure(
                f"changed records: {', '.join(changed)}",
                "a release must not change records or their ETags",
            )
        line.note = f"{len(before)} unchanged"


def upgrade(deployment: _Deployment, caller: Caller, record_id: str) -> None:
    """Plan this checkout over `deployment` and apply it while `caller` sends requests.

    The requests read record `record_id`, list records and create new ones. Raises Failure if the
    plan replaces a resource of a KEPT type, or if a request fails.
    """
    with step("plan the upgrade") as line:
        deployment.use(ROOT, OPERATIONS)
        if addresses := replaced(deployment.plan()):
            raise Failure(
                f"the upgrade replaces {', '.join(addresses)}",
                "add a moved block, or keep its name",
            )
        line.note = "no resource is replaced"
    with step("apply it under traffic") as line:
        with calling(caller, record_id) as failures:
            deployment.apply()
        if failures:
            raise Failure(
                f"{len(failures)} requests failed, the first: {failures[0]}",
                "a release must not interrupt callers",
            )
        line.note = "no request failed"


def starts() -> list[str]:
    """Return what upgrades begin at: the oldest supported commit, and the last release's tag."""
    release = compatibility.last_release()
    return [OLDEST, release] if release else [OLDEST]


def run(ref: str) -> None:
    """Rehearse the upgrade from commit `ref` on a temporary emulator. Raises Failure on damage."""
    with tempfile.TemporaryDirectory(prefix="records-upgrade-") as name:
        folder = Path(name)
        emulator = scratch.emulator(folder)
        emulator.start(persist=False)
        try:
            rehearse(ref, folder)
        finally:
            emulator.stop()


def _verb() -> None:
    parser = argument_parser(prog="scripts/rehearse-upgrade", description=__doc__)
    parser.add_argument(
        "ref",
        nargs="?",
        help=f"commit or tag to upgrade from (default: {OLDEST}, and the last release if any)",
    )
    ref = parser.parse_args().ref
    venvs.run_in("dev", "lib.rehearse_upgrade")
    venvs.ensure("emulator")
    for each in [ref] if ref else starts():
        run(each)


if __name__ == "__main__":
    main(_verb)
