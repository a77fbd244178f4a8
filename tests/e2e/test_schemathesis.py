"""lambda/openapi.yaml and the service agree in whatever schemathesis sends.

It derives valid and invalid requests from the document, follows links between operations, and
checks status, headers and body of each response.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from lib.client import Caller
from lib.emulator import REGION
from lib.paths import ROOT

FOLDER = Path(__file__).parent / "schemathesis"
REQUESTS = 1000
# Fewer requests per operation than this, and the examples and boundary values are most of the run.
PER_OPERATION = 25
SEED = 2026


def test_responses_conform_to_the_document(tmp_path: Path, new_user: Callable[..., Caller]) -> None:
    everything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    user = new_user(policy={"Version": "2012-10-17", "Statement": [everything]})
    report, found = tmp_path / "report.json", tmp_path / "found.json"
    result = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            ROOT / "lambda" / "openapi.yaml",
            f"--url={user.url.removesuffix('/records')}",
            "--checks=all",
            "--continue-on-failure",
            f"--max-examples={PER_OPERATION}",
            f"--seed={SEED}",
            "--generation-deterministic",
            "--no-shrink",
            "--report=json",
            f"--report-json-path={report}",
            f"--baseline={found}",
            "--baseline-update",
        ],
        cwd=tmp_path,
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": user.access_key_id,
            "AWS_SECRET_ACCESS_KEY": user.secret_access_key,
            "AWS_REGION": REGION,
            "PYTHONPATH": str(FOLDER),
            "SCHEMATHESIS_HOOKS": "hooks",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), result.stdout + result.stderr
    summary = json.loads(report.read_text())
    assert summary["complete"], result.stdout
    assert not summary["errors"], result.stdout
    assert summary["operations"]["tested"] == summary["operations"]["total"] == 8
    assert summary["test_cases"]["generated"] >= REQUESTS
    names = ("operation", "check", "signature")
    entries = tomllib.loads((FOLDER / "findings.toml").read_text())["finding"]
    tolerated = {tuple(entry[name] for name in names): entry["reason"] for entry in entries}
    occasional = {
        tuple(entry[name] for name in names) for entry in entries if entry.get("occasional")
    }
    findings = {
        tuple(entry[name] for name in names) for entry in json.loads(found.read_text())["entries"]
    }
    assert not findings - tolerated.keys(), result.stdout
    assert not tolerated.keys() - occasional - findings, (
        "no longer found: remove from findings.toml"
    )
    assert all(tolerated.values())
