"""scripts/fire-drill and scripts/restore-drill, with moto, in which alarms send no messages."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import boto3
import pytest

from lib import account, fire_drill, restore_drill
from lib.console import Failure
from lib.restore_drill import Comparison, Version, compare, digest

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricAlarmTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient

MOMENT = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
BEFORE, JUST_BEFORE, AFTER = (
    "2026-01-31T10:29:44.999Z",
    "2026-01-31T10:29:46.000Z",
    "2026-01-31T10:30:00.001Z",
)


@pytest.fixture
def session(dynamodb_client: "DynamoDBClient") -> boto3.Session:
    """A session in moto's account, which exists as long as `dynamodb_client`."""
    return boto3.Session(
        "AKIAIOSFODNN7EXAMPLE", "secret", region_name=dynamodb_client.meta.region_name
    )


@pytest.fixture
def service(session: boto3.Session) -> Iterator[str]:
    """The name of a service with one alarm, which notifies one topic."""
    name = f"s{uuid4().hex[:8]}"
    topic = session.client("sns").create_topic(Name=f"{name}-alarms")["TopicArn"]
    session.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{name}-errors",
        AlarmActions=[topic],
        Namespace="RecordsApi",
        MetricName="Errors",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    yield name
    session.client("cloudwatch").delete_alarms(AlarmNames=[f"{name}-errors"])
    session.client("sns").delete_topic(TopicArn=topic)


def alarm(session: boto3.Session, service: str) -> "MetricAlarmTypeDef":
    return session.client("cloudwatch").describe_alarms(AlarmNames=[f"{service}-errors"])[
        "MetricAlarms"
    ][0]


def test_missing_notification_fails_and_everything_is_removed(
    session: boto3.Session, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fire_drill, "_POLL_SECONDS", 0)
    before = alarm(session, service)
    cause = f"no notification through .*{service}-alarms within 0 s"
    with pytest.raises(Failure, match=cause) as failure:
        fire_drill.drill(session, service, "errors", 0.1)
    assert "cloudwatch.amazonaws.com" in failure.value.remedy
    assert alarm(session, service)["StateValue"] == before["StateValue"]
    topic = before["AlarmActions"][0]
    assert session.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert not session.client("sqs").list_queues(QueueNamePrefix="fire-drill-").get("QueueUrls")


def test_queue_is_created_with_its_policy(session: boto3.Session, service: str) -> None:
    """A policy that is set later takes up to 60 seconds to apply on AWS."""
    topic = alarm(session, service)["AlarmActions"][0]
    calls: list[str] = []
    real, client = session.client("sqs"), cast("Any", session.client)

    class Sqs:
        def create_queue(self, **request: Any) -> Any:
            calls.append(request["Attributes"]["Policy"])
            return real.create_queue(**request)

        def delete_queue(self, **request: Any) -> None:
            real.delete_queue(**request)

    class Session:
        region_name = session.region_name

        def client(self, name: str) -> Any:
            return Sqs() if name == "sqs" else client(name)

    with ExitStack() as cleanup:
        listener = fire_drill.listen(cast("boto3.Session", Session()), [topic], cleanup)
        (policy,) = calls
        (statement,) = json.loads(policy)["Statement"]
        arn = real.get_queue_attributes(QueueUrl=listener.url, AttributeNames=["QueueArn"])
        assert statement["Resource"] == arn["Attributes"]["QueueArn"]
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": [topic]}}


class Queue:
    """A queue that returns one batch of messages per call."""

    def __init__(self, *batches: list[str]) -> None:
        self.batches = list(batches)
        self.deleted: list[str] = []

    def receive_message(self, **_: object) -> dict[str, Any]:
        batch = self.batches.pop(0) if self.batches else []
        return {"Messages": [{"Body": body, "ReceiptHandle": body} for body in batch]}

    def delete_message(self, **request: str) -> None:
        self.deleted.append(request["ReceiptHandle"])


def message(name: str, state: str, topic: str) -> str:
    content = json.dumps({"AlarmName": name, "NewStateValue": state})
    return json.dumps({"Type": "Notification", "TopicArn": topic, "Message": content})


def test_unrelated_messages_are_ignored_and_deleted() -> None:
    foreign = [
        message("b", "ALARM", "one"),
        message("a", "OK", "one"),
        message("a", "ALARM", "three"),
        "not JSON",
        "[]",
        "{}",
        json.dumps({"TopicArn": "one", "Message": "AWS Budgets: plain text"}),
        json.dumps({"TopicArn": "one", "Message": '["AlarmName"]'}),
        json.dumps({"TopicArn": "one", "Message": None}),
    ]
    queue = Queue(foreign, [message("a", "ALARM", "two")])
    listener = fire_drill.Listener(queue, "url", ["one", "two"])
    assert fire_drill.delivering_topics(listener, "a", 0.1, lambda: None) == {"two"}
    assert queue.deleted == [*foreign, message("a", "ALARM", "two")]


def test_alarm_is_triggered_until_the_notification_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fire_drill, "_TRIGGER_SECONDS", 0)
    triggers: list[None] = []
    queue = Queue([], ["not JSON"], [message("a", "ALARM", "one")])
    listener = fire_drill.Listener(queue, "url", ["one"])
    assert fire_drill.delivering_topics(listener, "a", 60, lambda: triggers.append(None)) == {"one"}
    assert len(triggers) == 3


def test_each_trigger_changes_the_alarm_state(
    session: boto3.Session, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[str] = []
    session.events.register(
        "provide-client-params.cloudwatch.SetAlarmState",
        lambda params, **_: states.append(params["StateValue"]),
    )

    def trigger_twice(listener: fire_drill.Listener, *others: Any) -> set[str]:
        trigger = others[-1]
        trigger()
        trigger()
        return set(listener.topics)

    monkeypatch.setattr(fire_drill, "delivering_topics", trigger_twice)
    before = alarm(session, service)["StateValue"]
    fire_drill.drill(session, service, "errors")
    assert states == [before, "ALARM"] * 2 + [before]


def test_deleted_and_drill_subscriptions_are_ignored() -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:alarms:1"
    subscriptions = [
        {"Endpoint": "a@example.com", "SubscriptionArn": arn},
        {"Endpoint": "b@example.com", "SubscriptionArn": "Deleted"},
        {"Endpoint": "arn:aws:sqs:us-east-1:123456789012:fire-drill-0", "SubscriptionArn": arn},
    ]

    class Sns:
        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: str) -> list[dict[str, Any]]:
            return [{"Subscriptions": subscriptions}]

    assert fire_drill._subscriptions(Sns(), "topic") == subscriptions[:1]


def test_alarm_already_in_alarm_is_not_triggered(session: boto3.Session, service: str) -> None:
    cloudwatch = session.client("cloudwatch")
    cloudwatch.set_alarm_state(
        AlarmName=f"{service}-errors", StateValue="ALARM", StateReason="disk full"
    )
    with pytest.raises(Failure, match=f"{service}-errors is already in ALARM: disk full"):
        fire_drill.drill(session, service, "errors")
    assert alarm(session, service)["StateValue"] == "ALARM"


def test_alarm_without_recipient_is_reported(session: boto3.Session, service: str) -> None:
    session.client("cloudwatch").disable_alarm_actions(AlarmNames=[f"{service}-errors"])
    with pytest.raises(Failure, match=f"{service}-errors has no alarm recipient"):
        fire_drill.drill(session, service, "errors")


def test_unconfirmed_endpoints_are_listed() -> None:
    subscriptions = [
        {"Endpoint": "b@example.com", "SubscriptionArn": "PendingConfirmation"},
        {
            "Endpoint": "a@example.com",
            "SubscriptionArn": "arn:aws:sns:us-east-1:123456789012:alarms:1",
        },
    ]
    assert fire_drill.unconfirmed(subscriptions) == ["b@example.com"]


def test_digest_ignores_attribute_and_set_order() -> None:
    item = {
        "a": {"M": {"x": {"N": "1"}, "y": {"L": [{"S": "p"}, {"S": "q"}]}}},
        "b": {"SS": ["r", "s"]},
    }
    same = {
        "b": {"SS": ["s", "r"]},
        "a": {"M": {"y": {"L": [{"S": "p"}, {"S": "q"}]}, "x": {"N": "1"}}},
    }
    other = {
        "b": {"SS": ["s", "r"]},
        "a": {"M": {"y": {"L": [{"S": "q"}, {"S": "p"}]}, "x": {"N": "1"}}},
    }
    assert digest(item) == digest(same) != digest(other)
    assert digest({"a": {"B": b"1"}}) != digest({"a": {"B": b"2"}})


def test_differences_are_classified_by_time_of_last_write() -> None:
    table = {
        "same": Version("1", BEFORE),
        "created": Version("1", AFTER),
        "in-flight": Version("1", JUST_BEFORE),
        "changed": Version("2", AFTER),
        "missing": Version("1", BEFORE),
        "wrong": Version("2", BEFORE),
        "other-writer": Version("2", ""),
    }
    copy = {
        key: Version("1", BEFORE) for key in ("same", "changed", "wrong", "removed", "other-writer")
    }
    assert compare(table, copy, MOMENT) == Comparison(
        same=["same"],
        created=["created", "in-flight"],
        changed=["changed"],
        removed=["removed"],
        missing=["missing"],
        wrong=["other-writer", "wrong"],
    )


def test_redacted_entry_counts_as_just_written() -> None:
    entry: Any = {"recordID": {"S": "a"}, "version": {"N": "1"}, "changedAt": {"S": BEFORE}}
    redacted = entry | {"redacted": {"BOOL": True}}
    copy = {"a#1": restore_drill.version(entry)}
    assert copy["a#1"].written == BEFORE
    assert compare({"a#1": restore_drill.version(redacted)}, copy, MOMENT).changed == ["a#1"]


@pytest.fixture
def recoverable(dynamodb_client: "DynamoDBClient") -> Iterator[tuple[str, str]]:
    """Two records and their history, in tables with point-in-time recovery."""
    names = f"t{uuid4().hex[:8]}", f"t{uuid4().hex[:8]}-history"
    keys: Any = [{"AttributeName": "recordID", "KeyType": "HASH"}]
    attributes: Any = [{"AttributeName": "recordID", "AttributeType": "S"}]
    for name in names:
        dynamodb_client.create_table(
            TableName=name,
            KeySchema=keys,
            AttributeDefinitions=attributes,
            BillingMode="PAY_PER_REQUEST",
        )
        keys = [*keys, {"AttributeName": "version", "KeyType": "RANGE"}]
        attributes = [*attributes, {"AttributeName": "version", "AttributeType": "N"}]
        enabled: Any = {"PointInTimeRecoveryEnabled": True}
        dynamodb_client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification=enabled
        )
    for key in ("one", "two"):
        record: Any = {"recordID": {"S": key}, "version": {"N": "1"}}
        dynamodb_client.put_item(TableName=names[0], Item=record | {"createdAt": {"S": BEFORE}})
        dynamodb_client.put_item(TableName=names[1], Item=record | {"changedAt": {"S": BEFORE}})
    yield names
    for name in names:
        dynamodb_client.delete_table(TableName=name)


def tables(client: "DynamoDBClient", names: tuple[str, str]) -> set[str]:
    return {each for each in client.list_tables()["TableNames"] if each.startswith(names)}


def test_incomplete_copy_fails_and_is_deleted(
    session: boto3.Session,
    dynamodb_client: "DynamoDBClient",
    recoverable: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = restore_drill.versions
    _, history = recoverable

    def lossy(client: "DynamoDBClient", table: str) -> dict[str, Version]:
        return {
            key: value
            for key, value in read(client, table).items()
            if not table.startswith(f"{history}-drill-") or key != "two#1"
        }

    lines: list[str] = []
    restore_drill.drill(session, recoverable, None, lines.append, keep=False)
    counts = [line.split()[:2] for line in lines if "digest" in line]
    assert [[name.partition("-drill")[0], count] for [name, count] in counts] == [
        [f"{recoverable[0]}:", "2"],
        [recoverable[0], "2"],
        [f"{history}:", "2"],
        [history, "2"],
    ]
    monkeypatch.setattr(restore_drill, "versions", lossy)
    with pytest.raises(
        Failure, match=f"1 items of {history} are missing from the copy, 0 differ: two#1"
    ):
        restore_drill.drill(session, recoverable, None, lines.append, keep=False)
    assert tables(dynamodb_client, recoverable) == set(recoverable)


def test_keep_option_keeps_the_copies(
    session: boto3.Session, dynamodb_client: "DynamoDBClient", recoverable: tuple[str, str]
) -> None:
    restore_drill.drill(session, recoverable, None, print, keep=True)
    copies = tables(dynamodb_client, recoverable) - set(recoverable)
    assert len({copy.rpartition("-")[2] for copy in copies}) == 1
    assert len(copies) == 2
    for copy in copies:
        dynamodb_client.delete_table(TableName=copy)


def test_unavailable_restore_time_is_rejected(
    session: boto3.Session, dynamodb_client: "DynamoDBClient", recoverable: tuple[str, str]
) -> None:
    with pytest.raises(Failure, match="can't be restored") as failure:
        restore_drill.drill(
            session, recoverable, datetime(2020, 1, 1, tzinfo=UTC), print, keep=False
        )
    assert failure.value.remedy.startswith("pass --at from ")
    disabled: Any = {"PointInTimeRecoveryEnabled": False}
    dynamodb_client.update_continuous_backups(
        TableName=recoverable[1], PointInTimeRecoverySpecification=disabled
    )
    with pytest.raises(Failure, match=r"point-in-time recovery of \w+-history is disabled"):
        restore_drill.drill(session, recoverable, None, print, keep=False)


def test_region_option_precedes_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(Failure, match="no region is set"):
        account.session(None)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert account.session(None).region_name == "eu-west-1"
    assert account.session("eu-west-3").region_name == "eu-west-3"


def test_aws_error_becomes_a_failure_with_a_remedy(session: boto3.Session) -> None:
    with pytest.raises(Failure, match="ResourceNotFound") as failure, account.explained("fix it"):
        session.client("dynamodb").describe_table(TableName="absent")
    assert failure.value.remedy == "fix it"
