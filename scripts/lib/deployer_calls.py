"""Records the AWS calls that Terraform makes when it applies, changes and destroys the modules.

The AWS provider writes every request that it sends to its debug log, with the service, the
operation and the type of the resource.
"""

import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lib import scratch, terraform
from lib.console import step
from lib.emulator import REGION
from lib.paths import ENVIRONMENT, ROOT

STACK = ROOT / "tests" / "policy" / "deployer"
DOMAIN, ZONE = "records.example.com", "example.com"  # those of the stack
_RUNS: Mapping[str, tuple[str, ...]] = {
    "apply": ("apply", "-auto-approve"),
    "change": ("apply", "-auto-approve", "-var=changed=true"),
    "destroy": ("destroy", "-auto-approve", "-var=changed=true"),
}
_ENTRY = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \[\w+\] +(?=\S)", re.MULTILINE)
_FIELD = re.compile(r'(?:\s|[{,]")(rpc[.]\w+|tf_rpc|tf_\w+_type)"?[=:](?:"([^"]*)"|(\S+))')
_SENT = "HTTP Request Sent"
_APPLY = "ApplyResourceChange"  # the call of the plugin protocol that changes a resource

# The calls of each resource type or `data.<type>`: those of a plan, and all others.
Calls = dict[str, dict[str, list[str]]]


class Request(NamedTuple):
    """A request to AWS: the resource type, the call, and whether the provider was changing it.

    `kind` is `data.<type>` for a data source, and empty for the provider itself. `call` is the
    service and the operation, such as `Lambda.CreateFunction`.
    """

    kind: str
    call: str
    in_apply: bool


def requests(log: str) -> Iterator[Request]:
    """Yield the requests in a debug log of the AWS provider."""
    unfinished = ""
    for entry in _ENTRY.split(log):
        text = unfinished + entry.partition(": ")[2].removesuffix("\n")
        if text.startswith("{") and _SENT in text and not text.endswith("}"):
            unfinished = text  # a request that is too large for one entry
            continue
        unfinished = ""
        if _SENT in text:
            fields = {name: quoted or bare for name, quoted, bare in _FIELD.findall(text)}
            data = fields.get("tf_data_source_type", "")
            kind = fields.get("tf_resource_type", f"data.{data}" if data else "")
            call = f"{fields['rpc.service']}.{fields['rpc.method']}"
            yield Request(kind, call, fields["tf_rpc"] == _APPLY)


def calls_of(found: Iterable[Request]) -> Calls:
    """Return the calls by type: those made in plans, and those made in applies only."""
    by_kind: dict[str, dict[bool, set[str]]] = {}
    for kind, call, in_apply in found:
        by_kind.setdefault(kind, {False: set(), True: set()})[in_apply].add(call)
    return {
        kind: {"plan": sorted(calls[False]), "apply": sorted(calls[True] - calls[False])}
        for kind, calls in sorted(by_kind.items())
    }


def observe() -> Calls:
    """Apply the stack to an emulator, plan, change and destroy it; return the calls.

    Raises Failure if Terraform fails.
    """
    with tempfile.TemporaryDirectory(prefix="records-deployer-") as name:
        folder = Path(name)
        emulator = scratch.emulator(folder)
        emulator.start(persist=False)
        try:
            return calls_of(_run(folder, emulator.url))
        finally:
            emulator.stop()


def _run(folder: Path, url: str) -> Iterator[Request]:
    """Run Terraform in `folder`; yield the requests of all runs."""
    root = folder / STACK.relative_to(ROOT)
    shutil.copytree(STACK, root)
    shutil.copy(ENVIRONMENT / ".terraform.lock.hcl", root)
    for shared in ("lambda", "modules"):
        (folder / shared).symlink_to(ROOT / shared)
    runner = terraform.ensure(folder / "terraform.log")
    env = terraform.environment(url) | _prepare(folder, url)
    runner.run(root, "init", "-no-color", "-lockfile=readonly", env=env)
    for run, arguments in _RUNS.items():
        log = folder / f"{run}.log"
        with step(f"terraform {run}"):
            debug = {"TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(log)}
            runner.run(root, *arguments, "-no-color", env=env | debug)
        yield from requests(log.read_text())


def _prepare(folder: Path, url: str) -> dict[str, str]:
    """Create what the stack needs, in `folder` and on the emulator; return its variables."""
    package = folder / "other-package.zip"
    shutil.copy(ROOT / "modules/records-api/package/records-api.zip", package)
    with zipfile.ZipFile(package, "a") as archive:
        archive.comment = b"another package"
    _client("s3", url).create_bucket(Bucket="access-logs")
    certificate = _client("acm", url).request_certificate(DomainName=DOMAIN)
    zone = _client("route53", url).create_hosted_zone(Name=ZONE, CallerReference="1")
    return {
        "TF_VAR_certificate_arn": certificate["CertificateArn"],
        "TF_VAR_hosted_zone_id": zone["HostedZone"]["Id"].rpartition("/")[2],
        "TF_VAR_package": str(package),
    }


def _client(service: str, url: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(  # type: ignore[call-overload]  # the stub wants a literal
        service, endpoint_url=url, region_name=REGION, **keys
    )


def write(calls: Calls, path: Path) -> None:
    """Write the calls as JSON."""
    path.write_text(json.dumps(calls, indent=1) + "\n")
