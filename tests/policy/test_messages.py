"""Error messages of the modules: on one line, with the members that break the rule."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib import terraform
from policy.hcl import MODULES, ROOT, blocks

NAMES = {"name": "orders", "environment": "dev"}
ROLE = "arn:aws:iam::111122223333:role/reports"
TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:pager"
# For each module, inputs of which each rule accepts a part, and what the messages must name.
REJECTED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "audit-trail": (
        {
            "expected_regions": ["eu-west-1", "Frankfurt"],
            "tables": {
                "good": {"arn": TABLE},
                "index": {"arn": f"{TABLE}/index/byType"},
                "reads": {"arn": TABLE, "events": "read"},
            },
        },
        {"Frankfurt", f"index ({TABLE}/index/byType)", "reads (read)"},
    ),
    "cost-budget": (
        {
            "monthly_limit_usd": 25,
            "notify": {"emails": ["team@example.com", "team"]},
            "thresholds": {
                "good": {"percent": 50},
                "none": {"percent": 0},
                "soon": {"percent": 90, "type": "PLANNED"},
            },
        },
        {"none (0)", "soon (PLANNED)", "team"},
    ),
    "records-api": (
        {
            "access": {
                "trusted_principals": {
                    "admin": {"arn": ROLE, "level": "admin"},
                    "all": {"arn": f"{ROLE}*"},
                    "good": {"arn": ROLE, "external_id": "ab"},
                    "short": {"arn": ROLE, "external_id": "a"},
                    "unset": {"arn": ROLE, "external_id": ""},
                }
            },
            "alarms": {
                "emails": ["on-call@example.com", "on-call@example"],
                "topic_arns": [TOPIC, f"{TOPIC}.fifo"],
                "tune": {"api_5xx": {"threshold": 2}, "api_6xx": {}},
            },
            "api": {"cors": {"allow_origins": ["https://app.example.com", "https://A.b", "*"]}},
            "budget": {"monthly_usd": 25, "emails": ["finance@example.com", "finance"]},
            "operations": ["list", "purge"],
            "table": {"filter_indexes": ["status", "submitter"]},
            "tags": {"AWS:service": "orders", "team": "orders"},
        },
        {
            "*, https://A.b",
            "AWS:service",
            "admin (admin)",
            f"all ({ROLE}*)",
            "api_5xx = 2",
            "api_6xx",
            "finance",
            "on-call@example",
            "purge",
            "short, unset",
            "submitter",
            f"{TOPIC}.fifo",
        },
    ),
}


@pytest.mark.parametrize("module", REJECTED)
def test_message_names_the_members_at_fault(module: str, tmp_path: Path) -> None:
    inputs, expected = REJECTED[module]
    shutil.copytree(ROOT / "modules" / module / "tests/inputs", tmp_path, dirs_exist_ok=True)
    (tmp_path / "inputs.auto.tfvars.json").write_text(json.dumps(NAMES | inputs))
    runner = terraform.ensure(tmp_path / "log")
    env = terraform.environment(data=tmp_path / ".terraform")
    runner.run(tmp_path, "init", "-no-color", env=env)
    lines = runner.call(tmp_path, "plan", "-json", env=env).output.splitlines()
    details = [report["detail"] for line in lines if (report := json.loads(line).get("diagnostic"))]
    texts = [detail.partition("\n")[0] for detail in details]
    assert {text.rpartition(": ")[2] for text in texts} == expected


def messages(value: object) -> Iterator[str]:
    """Yield the error messages in the structure of a block."""
    if isinstance(value, dict):
        for name, content in value.items():
            yield from [content] if name == "error_message" else messages(content)
    elif isinstance(value, list):
        for content in value:
            yield from messages(content)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_message_has_no_line_breaks(module: Path) -> None:
    """Terraform wraps messages at the width of the terminal, but keeps their line breaks."""
    found = [
        (block.address, message)
        for path in module.glob("*.tf")
        for block in blocks(path)
        for message in messages(block.body)
    ]
    assert not [
        (address, message)
        for address, message in found
        if not message.startswith("${") and "\n" in message.strip()
    ]
