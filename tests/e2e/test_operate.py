"""Alarms, trail, budget, runbook and drills in environments/dev.

The emulator does not evaluate topic and key policies, dimensions or data events: `terraform test`,
tests/policy and tests/contract check those.
"""

import json
import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from contract import aws_cli
from e2e.conftest import Aws
from e2e.dev import Dev
from e2e.policies import check_policies
from e2e.support import created, run_aws, wait_for
from lib import fire_drill
from lib.emulator import REGION
from lib.paths import ROOT
from lib.stack import Stack
from records_api import __version__

SERVICE = "records-dev"
DRILLED = "unhandled-exceptions"  # the alarm of the fire drill, which other tests do not change
# The emulator returns them without some settings, so every plan changes them.
ALWAYS_CHANGED = {"aws_cloudtrail", "aws_cloudwatch_metric_alarm"}


def script(dev: Dev, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a person who is signed in to the account."""
    command = [str(ROOT / "scripts" / verb), *arguments]
    return subprocess.run(
        command, env=os.environ | dev.env, capture_output=True, text=True, check=False
    )


@pytest.fixture
def session(dev: Dev, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", dev.url)
    return boto3.Session("test", "test", region_name=REGION)


def test_each_metric_alarm_notifies_the_topic(dev: Dev, session: boto3.Session) -> None:
    cloudwatch = session.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{SERVICE}-")["MetricAlarms"]
    by_name = {alarm["AlarmName"]: alarm for alarm in alarms}
    # The emulator does not evaluate metric math.
    assert not by_name.pop(f"{SERVICE}-api-5xx").get("MetricName")
    watched = {name: by_name[name] for name in by_name.keys() - {f"{SERVICE}-{DRILLED}"}}
    assert len(watched) == 17
    with ExitStack() as cleanup:
        sqs, url, _ = fire_drill.listen(session, [dev.outputs["alarm_topic_arn"]], cleanup)
        for alarm in watched.values():
            metric: Any = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"]}
            # High enough that other tests cannot pull the average or percentile below it.
            metric["Value"] = alarm["Threshold"] * 10_000
            cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[metric])
        notifications: dict[str, Any] = {}

        def all_notified() -> bool:
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in received.get("Messages", []):
                content = json.loads(json.loads(message["Body"])["Message"])
                if content["NewStateValue"] == "ALARM":
                    notifications[content["AlarmName"]] = content
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return notifications.keys() >= watched.keys()

        assert wait_for(all_notified, 20), watched.keys() - notifications.keys()
    for name, content in notifications.items():
        assert content["AlarmDescription"] == watched[name]["AlarmDescription"] != ""


def test_trail_records_writes_of_both_tables(dev: Dev, aws: Aws) -> None:
    trail = aws("cloudtrail").get_trail(Name=dev.outputs["trail_arn"])["Trail"]
    assert trail["IsMultiRegionTrail"]
    assert trail["LogFileValidationEnabled"]
    assert aws("cloudtrail").get_trail_status(Name=trail["Name"])["IsLogging"]
    selectors = aws("cloudtrail").get_event_selectors(TrailName=trail["Name"])[
        "AdvancedEventSelectors"
    ]
    tables = [
        aws("dynamodb").describe_table(TableName=dev.outputs[name])["Table"]["TableArn"]
        for name in ("history_table_name", "table_name")
    ]
    # In dev another trail records management events.
    assert [
        {field["Field"]: field["Equals"] for field in each["FieldSelectors"]} for each in selectors
    ] == [
        {
            "eventCategory": ["Data"],
            "readOnly": ["false"],
            "resources.ARN": [table],
            "resources.type": ["AWS::DynamoDB::Table"],
        }
        for table in tables
    ]


def test_budget_notifies_the_alarm_topic(dev: Dev, aws: Aws) -> None:
    budgets, name = (
        aws("budgets"),
        {"AccountId": "000000000000", "BudgetName": f"{SERVICE}-{REGION}"},
    )
    budget = budgets.describe_budget(**name)["Budget"]
    assert {key: budget["BudgetLimit"][key] for key in ("Amount", "Unit")} == {
        "Amount": "25",
        "Unit": "USD",
    }
    assert not budget.get("CostFilters")
    recipients = {}
    for notification in budgets.describe_notifications_for_budget(**name)["Notifications"]:
        request = {key: notification[key] for key in notification if key != "NotificationState"}
        subscribers = budgets.describe_subscribers_for_notification(**name, Notification=request)[
            "Subscribers"
        ]
        recipients[notification["NotificationType"], notification["Threshold"]] = subscribers
    topic = {"SubscriptionType": "SNS", "Address": dev.outputs["alarm_topic_arn"]}
    thresholds = [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert recipients == {threshold: [topic] for threshold in thresholds}


def test_second_plan_scan_and_rollback(dev: Dev, stack: Stack, aws: Aws, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    stack.terraform.run(dev.folder, "plan", "-no-color", f"-out={plan}", env=dev.env)
    shown = stack.terraform.read(dev.folder, "show", "-json", str(plan), env=dev.env)
    changes = [each for each in shown["resource_changes"] if each["change"]["actions"] != ["no-op"]]
    assert {each["type"] for each in changes} == ALWAYS_CHANGED
    assert {tuple(each["change"]["actions"]) for each in changes} == {("update",)}
    check_policies("dev", shown, tmp_path)

    path = f"{Path(stack.terraform.binary).parent}:{os.environ['PATH']}"
    env = dev.env | {"PATH": path, "TF_CLI_ARGS_apply": "-auto-approve", "VERSION": "1"}
    env["TF_CLI_CONFIG_FILE"] = str(stack.terraform.config)
    line = dev.outputs["runbook"]["roll_back"]
    done = subprocess.run(
        ["sh", "-euc", line], cwd=dev.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert aws("lambda").get_alias(FunctionName=SERVICE, Name="live")["FunctionVersion"] == "1"


def test_runbook_commands_work(dev: Dev, aws: Aws) -> None:
    # The emulator writes no access log, so queries of it return nothing.
    record, _ = created(dev.caller)
    response = dev.caller.call("GET", f"/{record['recordID']}")
    request_id = response.headers["x-request-id"]
    variables = {
        "MOMENT": "2026-01-31T09:30:00Z",
        "RECORD_ID": record["recordID"],
        "REQUEST_ID": request_id,
        "SUFFIX": "-restored",
    }
    runbook = dev.outputs["runbook"]

    def output_of(key: str) -> list[Any]:
        return [
            run_aws(words, aws)
            for _, *words in aws_cli.commands(runbook[key], ("aws",), **variables)
        ]

    assert [len(alarms) for alarms in output_of("alarms")] == [19]
    versions, serving, _ = output_of("versions")
    assert [version[0] for version in versions] == ["$LATEST", "1"]
    assert re.fullmatch(
        rf"records-api {__version__} source \w{{12}} configuration \w{{12}}", versions[-1][-1]
    )
    assert serving == {"live": "1", "canary": None}
    assert output_of("backups") == [[], []]
    in_access, in_function = wait_for(
        lambda: output if request_id in str((output := output_of("request"))[1]) else [], 10
    )
    assert in_access == []
    assert request_id in str(in_function)
    assert output_of("who_touched") == [[]]
    recovery = {"PointInTimeRecoveryEnabled": True}  # unchanged; only the event matters
    aws("dynamodb").update_continuous_backups(
        TableName=SERVICE, PointInTimeRecoverySpecification=recovery
    )
    changes = {event[1] for event in output_of("who_changed")[0]}
    assert "UpdateContinuousBackups" in changes
    assert not [name for name in changes if name.startswith(("Describe", "Get"))]
    restored = {response["TableDescription"]["TableName"] for response in output_of("restore")}
    for table in restored:
        aws("dynamodb").delete_table(TableName=table)
    assert restored == {f"{SERVICE}-restored", f"{SERVICE}-history-restored"}


def test_smoke_command_works(dev: Dev) -> None:
    """With curl, and the emulator's URL of the API."""
    (words,) = aws_cli.commands(
        dev.outputs["runbook"]["smoke"],
        ("curl",),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_SESSION_TOKEN="",
    )
    *words, url = words
    assert url == f"{dev.outputs['records_url']}?limit=1"
    local_url = url.replace(dev.outputs["records_url"], dev.caller.url.replace("$", "%24"))
    done = subprocess.run([*words, local_url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "records" in json.loads(done.stdout)


def test_fire_drill_is_notified_and_leaves_nothing(dev: Dev, aws: Aws) -> None:
    name, topic = f"{SERVICE}-{DRILLED}", dev.outputs["alarm_topic_arn"]
    before = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
    done = script(dev, "fire-drill", SERVICE)
    assert done.returncode == 0, done
    assert "ALARM delivered" in done.stdout
    (queue,) = re.findall(r"fire-drill-[0-9a-f]{12}", done.stdout)
    assert "1 confirmed, 0 unconfirmed" in done.stdout
    assert (
        aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
        == before
    )

    subscribed = aws("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert not [each for each in subscribed if each["Endpoint"].rpartition(":")[2] == queue]
    assert not aws("sqs").list_queues(QueueNamePrefix=queue).get("QueueUrls")


def test_fire_drill_of_an_unknown_alarm_names_the_others(dev: Dev) -> None:
    done = script(dev, "fire-drill", SERVICE, "--alarm", "api-6xx")
    assert done.returncode == 1
    cause, remedy = done.stderr.splitlines()
    assert cause == f"error: there is no alarm {SERVICE}-api-6xx"
    assert "api-5xx, api-latency, configuration-errors" in remedy


def test_restore_drill_compares_and_leaves_nothing(dev: Dev, aws: Aws) -> None:
    for number in range(3):
        created(dev.caller, attributes={"number": number})
    tables = [dev.outputs[name] for name in ("table_name", "history_table_name")]
    done = script(dev, "restore-drill", *tables)
    assert done.returncode == 0, done
    same = re.findall(r"(\d+) items are identical", done.stdout)
    assert [int(count) >= 3 for count in same] == [True, True]
    original, copy, *of_history = re.findall(r"digest of the identical ones: (\w{16})", done.stdout)
    assert original == copy
    assert len(of_history) == 2
    assert len(set(of_history)) == 1
    assert not [name for name in aws("dynamodb").list_tables()["TableNames"] if "-drill-" in name]
