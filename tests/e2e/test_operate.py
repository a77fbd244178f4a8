"""What an engineer on call relies on, in environments/dev: alarms that reach somebody, evidence, a budget, a runbook.

The emulator does not evaluate topic and key policies, dimensions or data events: `terraform test` and tests/contract
hold those.
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
from e2e.talk import answer_of, created, soon
from lib import fire_drill
from lib.emulator import REGION
from lib.paths import ROOT
from lib.stack import Stack

SERVICE = "records-dev"
DRILLED = "unhandled-exceptions"  # the alarm of the fire drill, which the other tests leave alone
# Read back otherwise than written (the emulator's answers lack what they were sent), so in every plan anew.
NEVER_SETTLED = {"aws_cloudtrail", "aws_cloudwatch_metric_alarm"}


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


def test_what_a_metric_sets_off_reaches_whoever_is_subscribed(
    dev: Dev, session: boto3.Session
) -> None:
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
            # So much that the traffic of other tests does not pull the average or percentile below the threshold.
            metric["Value"] = alarm["Threshold"] * 10_000
            cloudwatch.put_metric_data(Namespace=alarm["Namespace"], MetricData=[metric])
        heard: dict[str, Any] = {}

        def all_heard() -> bool:
            received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in received.get("Messages", []):
                told = json.loads(json.loads(message["Body"])["Message"])
                if told["NewStateValue"] == "ALARM":
                    heard[told["AlarmName"]] = told
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return heard.keys() >= watched.keys()

        assert soon(all_heard, 20), watched.keys() - heard.keys()
    for name, told in heard.items():
        assert told["AlarmDescription"] == watched[name]["AlarmDescription"] != ""


def test_the_trail_records_the_writes_of_both_tables(dev: Dev, aws: Aws) -> None:
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
    # Dev leaves the account's management events to another trail.
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


def test_the_budget_tells_the_alarms_topic_at_each_threshold(dev: Dev, aws: Aws) -> None:
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
    told = {}
    for notification in budgets.describe_notifications_for_budget(**name)["Notifications"]:
        asked = {key: notification[key] for key in notification if key != "NotificationState"}
        subscribers = budgets.describe_subscribers_for_notification(**name, Notification=asked)[
            "Subscribers"
        ]
        told[notification["NotificationType"], notification["Threshold"]] = subscribers
    topic = {"SubscriptionType": "SNS", "Address": dev.outputs["alarm_topic_arn"]}
    thresholds = [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)]
    assert told == {threshold: [topic] for threshold in thresholds}


def test_a_second_plan_differs_where_the_emulator_forgets_and_a_roll_back_is_one_line(
    dev: Dev, stack: Stack, aws: Aws, tmp_path: Path
) -> None:
    plan = tmp_path / "plan"
    stack.terraform.run(dev.folder, "plan", "-no-color", f"-out={plan}", env=dev.env)
    shown = stack.terraform.read(dev.folder, "show", "-json", str(plan), env=dev.env)
    changes = [each for each in shown["resource_changes"] if each["change"]["actions"] != ["no-op"]]
    assert {each["type"] for each in changes} == NEVER_SETTLED
    assert {tuple(each["change"]["actions"]) for each in changes} == {("update",)}

    path = f"{Path(stack.terraform.binary).parent}:{os.environ['PATH']}"
    env = dev.env | {"PATH": path, "TF_CLI_ARGS_apply": "-auto-approve", "VERSION": "1"}
    env["TF_CLI_CONFIG_FILE"] = str(stack.terraform.config)
    line = dev.outputs["runbook"]["roll_back"]
    done = subprocess.run(
        ["sh", "-euc", line], cwd=dev.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert aws("lambda").get_alias(FunctionName=SERVICE, Name="live")["FunctionVersion"] == "1"


def test_the_runbook_works(dev: Dev, aws: Aws) -> None:
    # The emulator writes no access log, so what looks there finds nothing.
    record, _ = created(dev.caller)
    answer = dev.caller.call("GET", f"/{record['recordID']}")
    request_id = answer.headers["x-request-id"]
    variables = {
        "MOMENT": "2026-01-31T09:30:00Z",
        "RECORD_ID": record["recordID"],
        "REQUEST_ID": request_id,
        "SUFFIX": "-restored",
    }
    runbook = dev.outputs["runbook"]

    def says(key: str) -> list[Any]:
        return [
            answer_of(words, aws) for _, *words in aws_cli.runs(runbook[key], ("aws",), **variables)
        ]

    assert [len(alarms) for alarms in says("alarms")] == [19]
    versions, serving, _ = says("versions")
    assert [version[0] for version in versions] == ["$LATEST", "1"]
    assert re.fullmatch(r"source \w{12} configuration \w{12}", versions[-1][-1])
    assert serving == {"live": "1", "canary": None}
    assert says("backups") == [[], []]
    in_access, in_function = soon(
        lambda: found if request_id in str((found := says("request"))[1]) else [], 10
    )
    assert in_access == []
    assert request_id in str(in_function)
    assert says("who_touched") == [[]]
    recovery = {"PointInTimeRecoveryEnabled": True}  # as it is already: what counts is who said so
    aws("dynamodb").update_continuous_backups(
        TableName=SERVICE, PointInTimeRecoverySpecification=recovery
    )
    changes = {event[1] for event in says("who_changed")[0]}
    assert "UpdateContinuousBackups" in changes
    assert not [name for name in changes if name.startswith(("Describe", "Get"))]
    restored = {answer["TableDescription"]["TableName"] for answer in says("restore")}
    for table in restored:
        aws("dynamodb").delete_table(TableName=table)
    assert restored == {f"{SERVICE}-restored", f"{SERVICE}-history-restored"}


def test_the_smoke_call_is_answered(dev: Dev) -> None:
    """By curl itself; only the host is another: the emulator serves the API under a path of its own."""
    (words,) = aws_cli.runs(
        dev.outputs["runbook"]["smoke"],
        ("curl",),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_SESSION_TOKEN="",
    )
    *words, url = words
    assert url == f"{dev.outputs['records_url']}?limit=1"
    here = url.replace(dev.outputs["records_url"], dev.caller.url.replace("$", "%24"))
    done = subprocess.run([*words, here], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "records" in json.loads(done.stdout)


def test_a_fire_drill_hears_the_alarm_and_leaves_nothing(dev: Dev, aws: Aws) -> None:
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


def test_a_fire_drill_of_an_alarm_that_is_none_names_those_there_are(dev: Dev) -> None:
    done = script(dev, "fire-drill", SERVICE, "--alarm", "api-6xx")
    assert done.returncode == 1
    cause, remedy = done.stderr.splitlines()
    assert cause == f"error: there is no alarm {SERVICE}-api-6xx"
    assert "api-5xx, api-latency, configuration-errors" in remedy


def test_a_restore_drill_compares_and_leaves_nothing(dev: Dev, aws: Aws) -> None:
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
