"""Sets off an alarm of a deployed service and waits for its message, as a pager would. Warn the people it tells."""

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lib import account, venvs
from lib.console import Failure, main, step

if TYPE_CHECKING:
    import boto3

_DELIVERY_SECONDS = 120.0
_POLL_SECONDS = 10  # SQS answers at once when a message comes
_REASON = "scripts/fire-drill: nothing is wrong, this is an exercise"


def alarm_of(cloudwatch: Any, service: str, key: str) -> dict[str, Any]:  # noqa: ANN401 (a boto3 client)
    """Return the alarm; raises Failure where it does not exist, rings already or tells no topic."""
    found = cloudwatch.describe_alarms(AlarmNames=[f"{service}-{key}"])["MetricAlarms"]
    if not found:
        others = cloudwatch.describe_alarms(AlarmNamePrefix=f"{service}-")["MetricAlarms"]
        names = ", ".join(
            sorted(alarm["AlarmName"].removeprefix(f"{service}-") for alarm in others)
        )
        raise Failure(
            f"there is no alarm {service}-{key}",
            f"--alarm is one of: {names or 'none, alarms are off'}",
        )
    (alarm,) = found
    if alarm["StateValue"] == "ALARM":
        raise Failure(
            f"{alarm['AlarmName']} rings already: {alarm['StateReason']}",
            "this is no exercise: look at that",
        )
    if not alarm["ActionsEnabled"] or not topics_of(alarm):
        raise Failure(
            f"{alarm['AlarmName']} tells nobody",
            "set alarms.emails or alarms.topic_arns, and apply",
        )
    return dict(alarm)


def topics_of(alarm: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of the topics that an alarm tells."""
    return [action for action in alarm["AlarmActions"] if action.split(":")[2] == "sns"]


def unconfirmed(subscriptions: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the addresses that have not answered AWS's mail, so hear nothing."""
    return sorted(
        each["Endpoint"]
        for each in subscriptions
        if each["SubscriptionArn"] == "PendingConfirmation"
    )


def listen(session: "boto3.Session", topics: list[str], cleanup: ExitStack) -> str:
    """Subscribe a new queue to the topics and return its URL; `cleanup` takes it away again."""
    sqs, sns = session.client("sqs"), session.client("sns")
    queue = sqs.create_queue(
        QueueName=f"fire-drill-{uuid4().hex[:12]}", Attributes={"SqsManagedSseEnabled": "true"}
    )
    url = queue["QueueUrl"]
    cleanup.callback(sqs.delete_queue, QueueUrl=url)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    for topic in topics:
        made = sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )
        cleanup.callback(sns.unsubscribe, SubscriptionArn=made["SubscriptionArn"])
    return url


def heard(sqs: Any, url: str, name: str, topics: list[str], seconds: float) -> set[str]:  # noqa: ANN401 (boto3)
    """Return the topics through which the queue heard within so many seconds that the alarm `name` rings."""
    found: set[str] = set()
    deadline = time.monotonic() + seconds
    while found < set(topics) and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=_POLL_SECONDS).get(
            "Messages", []
        ):
            envelope = json.loads(message["Body"])
            told = json.loads(envelope["Message"])
            if (told.get("AlarmName"), told.get("NewStateValue")) == (name, "ALARM"):
                found.add(envelope["TopicArn"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def drill(
    session: "boto3.Session", service: str, key: str, seconds: float = _DELIVERY_SECONDS
) -> None:
    """Run the drill, and leave nothing of it. Raises Failure where a topic, or an address, does not hear."""
    cloudwatch, sns = session.client("cloudwatch"), session.client("sns")
    with ExitStack() as cleanup:
        with step("alarm") as this:
            alarm = alarm_of(cloudwatch, service, key)
            name, topics = alarm["AlarmName"], topics_of(alarm)
            this.note = f"{name}, {alarm['StateValue']}"
        with step("queue subscribed to its topics") as this:
            url = listen(session, topics, cleanup)
            this.note = url.rpartition("/")[2]
        with step("set off, and heard") as this:
            # The next evaluation would put it back as well, but a drill that ends should look ended.
            before = alarm["StateValue"]
            cleanup.callback(
                cloudwatch.set_alarm_state, AlarmName=name, StateValue=before, StateReason=_REASON
            )
            cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=_REASON)
            if deaf := set(topics) - heard(session.client("sqs"), url, name, topics, seconds):
                cause = f"nothing came through {', '.join(sorted(deaf))} in {seconds:.0f} s"
                raise Failure(
                    cause, "its policy, and that of its key, must admit cloudwatch.amazonaws.com"
                )
            this.note = "ALARM delivered"
    with step("addresses") as this:
        pages = [page for topic in topics for page in _pages(sns, topic)]
        if silent := unconfirmed(each for page in pages for each in page["Subscriptions"]):
            raise Failure(
                f"not confirmed: {', '.join(silent)}",
                "follow the link in AWS's mail, or subscribe again",
            )
        addresses = {each["Endpoint"] for page in pages for each in page["Subscriptions"]}
        this.note = f"{len(addresses)} subscribed, all confirmed"


def _pages(sns: Any, topic: str) -> list[dict[str, Any]]:  # noqa: ANN401 (a boto3 client)
    return list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fire-drill", description=__doc__)
    parser.add_argument("service", help="<name>-<environment>, such as records-prod")
    parser.add_argument(
        "--alarm", default="unhandled-exceptions", help="which (default: unhandled-exceptions)"
    )
    parser.add_argument("--region", help="default: AWS_REGION or the profile's")
    given = parser.parse_args()
    venvs.run_in("dev", "lib.fire_drill")
    with account.explained("sign in as somebody who may set alarms, and subscribe to their topics"):
        drill(account.session(given.region), given.service, given.alarm)


if __name__ == "__main__":
    main(_verb)
