"""scripts/rehearse-upgrade: how it judges a plan, and records before and after."""

import json

from lib.rehearsal_records import differences
from lib.rehearse_upgrade import replaced


def change(kind: str, *actions: str) -> dict[str, object]:
    return {"address": f"x.{kind}", "type": kind, "change": {"actions": list(actions)}}


def test_replaced_resources_are_reported() -> None:
    changes = [
        change("aws_dynamodb_table", "delete", "create"),
        change("aws_kms_key", "delete"),
        change("aws_sns_topic", "update"),
        change("aws_lambda_invocation", "delete", "create"),
    ]
    assert replaced({"resource_changes": changes}) == ["x.aws_dynamodb_table", "x.aws_kms_key"]


def test_upgrade_may_only_add_fields_to_a_record() -> None:
    old = {"recordID": "a", "status": "ok"}
    before = {
        name: ('"1-x"', json.dumps(old).encode()) for name in ("same", "more", "tag", "value")
    }
    after = before | {
        "more": ('"1-x"', json.dumps(old | {"updatedBy": "b"}).encode()),
        "tag": ('"2-x"', before["tag"][1]),
        "value": ('"1-x"', json.dumps(old | {"status": "failed"}).encode()),
    }
    assert differences(before, after) == ["tag", "value"]
