"""The functions to measure and the requests that they answer."""

import json
import os
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from lib.bench import certificates, endpoint, events
from lib.bench.runtime import Runtime, Subject
from lib.console import Failure
from lib.paths import ROOT
from records_api.config import OPERATIONS

PEERS = ROOT / "tests" / "bench" / "peers"
OURS = "records_api"
FLOOR = "one_request"
# Name in results and file of each peer -> label.
PEER_LABELS = {
    "sample": "boto3 resource, scan",
    "boto3_client": "boto3 client",
    "powertools": "Powertools, boto3 client",
    "fastapi_mangum": "FastAPI, Mangum, boto3 client",
    "constant": "floor: constant answer",
    FLOOR: "floor: one TLS request",
}
FLOORS = ("constant", FLOOR)  # they answer nothing but pages
RECORD_ID = "0197c1a2-7f00-7000-8000-000000000000"
# As in the examples of lambda/openapi.yaml.
_BODY = {
    "type": "backup",
    "status": "failed",
    "message": "Dump of the reporting database ran out of disk",
    "attributes": {
        "database": "reporting",
        "host": "db-07",
        "freeGb": 0.4,
        "tables": ["sales", "stock"],
    },
}


class Request(NamedTuple):
    """A request: the event of API Gateway, the expected status, and who can answer it.

    `records` is the number of records in the response, or None if it is not a list.
    """

    event: dict[str, Any]
    status: int
    records: int | None = None
    peers: bool = True


def requests() -> dict[str, Request]:
    """Return the requests by name, for the operations that this release has."""
    pages = {
        f"page_{size}": Request(event("GET /records", query=f"limit={size}"), 200, size)
        for size in (1, 100, 1000)
    }
    patch = json.dumps({"status": "archived"})
    others = {
        "get": Request(event("GET /records/{recordID}"), 200),
        "create": Request(event("POST /records", body=json.dumps(_BODY)), 201),
        "update": Request(event("PATCH /records/{recordID}", body=patch), 200, peers=False),
    }
    if "changes" in OPERATIONS:
        others["changes_100"] = Request(event("GET /changes", query="limit=100"), 200, peers=False)
    return pages | others


def event(route_key: str, *, query: str = "", body: str | None = None) -> dict[str, Any]:
    """Return a request for a route, and for the record with RECORD_ID if the route names one."""
    return events.event(route_key, record_id=RECORD_ID, query=query, body=body)


@contextmanager
def dynamodb(folder: Path) -> Iterator[dict[str, str]]:
    """Run the endpoint; yield the environment variables of all functions, which point to it."""
    chain = certificates.create(folder, _system_roots(), endpoint.HOST)
    server = subprocess.Popen(
        [sys.executable, "-m", "lib.bench.endpoint", chain.server],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # handshakes that a client breaks off
        text=True,
    )
    assert server.stdout  # noqa: S101 (a pipe)
    try:
        if not (port := server.stdout.readline().strip()):
            raise Failure("the DynamoDB endpoint did not start", "run python -m lib.bench.endpoint")
        url = f"https://{endpoint.HOST}:{port}"
        yield {
            "AUTH_MODE": "IAM",
            "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
            "AWS_CA_BUNDLE": str(chain.bundle),  # boto3
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "t" * 700,
            "BENCHMARK_ROOT": str(chain.root),
            "FILTER_INDEXES": "status,submittedBy,type",
            "HISTORY_TABLE_NAME": "records-bench-history",
            "LOG_LEVEL": "INFO",
            "OPERATIONS": ",".join(sorted(OPERATIONS)),
            "POWERTOOLS_METRICS_NAMESPACE": "Records",
            "POWERTOOLS_SERVICE_NAME": "records-bench",
            "RECORD_RETENTION_DAYS": "0",
            "SERVICE_NAME": "records-bench",
            "SSL_CERT_FILE": str(chain.bundle),  # OpenSSL
            "TABLE_NAME": "records-bench",
        }
    finally:
        server.kill()
        server.communicate()


def package(archive: Path, folder: Path, environment: Mapping[str, str], name: str) -> Subject:
    """Unpack a package of this service into `folder` and return it as a subject."""
    zipfile.ZipFile(archive).extractall(folder)
    label = "this service" if name == OURS else archive.name
    return Subject(name, label, "records_api.handler.handler", folder, environment)


def peer(name: str, environment: Mapping[str, str]) -> Subject:
    """Return a peer as a subject."""
    return Subject(name, PEER_LABELS[name], f"{name}.handler", PEERS, environment)


def seed(python: Path, ours: Subject) -> None:
    """Create one record, so that the endpoint answers with items as this release writes them."""
    with Runtime(python, ours) as runtime:
        request = requests()["create"]
        check(ours, "create", request, runtime.invoke(request.event).response)


def check(subject: Subject, name: str, request: Request, response: Any) -> None:
    """Raise Failure if `response` is not what the request asks for."""
    is_correct = response.get("statusCode") == request.status
    if is_correct and request.records is not None and subject.name not in FLOORS:
        is_correct = len(json.loads(response["body"])["records"]) == request.records
    if not is_correct:
        raise Failure(
            f"{subject.label} answered {name} with {str(response)[:500]}",
            f"it must answer {request.status}"
            + (f" with {request.records} records" if request.records is not None else ""),
        )


def _system_roots() -> Path:
    """Return the system's bundle of root certificates. Raises Failure if there is none."""
    paths = ssl.get_default_verify_paths()
    candidates = [
        os.environ.get("SSL_CERT_FILE"),
        paths.cafile,
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise Failure("no bundle of root certificates found", "set SSL_CERT_FILE to its path")
