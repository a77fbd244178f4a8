"""Sets off an alarm of a deployed service and waits for its message, as a pager would.

Everybody who is subscribed gets the message too, up to four times: tell them before.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from lib import account, venvs
from lib.console import Failure, main, step

if TYPE_CHECKING:
    import boto3

_DELIVERY_SECONDS = 120.0
_RING_SECONDS = 30.0
_POLL_SECONDS = 10  # SQS answers at once when a message comes
_QUEUE_PREFIX = "fire-drill-"
_REASON = "scripts/fire-drill: nothing is wrong, this is an exercise"


def alarm_of(cloudwatch: Any, service: str, key: str) -> dict[str, Any]:  # noqa: ANN401 (a boto3 client)
    """Return the alarm; raises Failure where it does not exist, is in ALARM already, or has no topic."""
    found = cloudwatch.describe_alarms(AlarmNames=[f"{service}-{key}"])["MetricAlarms"]
    if not found:
        others = cloudwatch.describe_alarms(AlarmNamePrefix=f"{service}-")["MetricAlarms"]
        names = ", ".join(
            sorted(alarm["AlarmName"].removeprefix(f"{service}-") for alarm in others)
        )
        raise Failure(
            f"there is no alarm {service}-{key}",
            f"pass --alarm with one of: {names}"
            if names
            else "the service has no alarms: check its name",
        )
    (alarm,) = found
    if alarm["StateValue"] == "ALARM":
        raise Failure(
            f"{alarm['AlarmName']} is in ALARM already: {alarm['StateReason']}",
            "this is not a drill: handle the alarm first",
        )
    if not alarm["ActionsEnabled"] or not topics_of(alarm):
        raise Failure(
            f"{alarm['AlarmName']} notifies nobody",
            "set alarms.emails or alarms.topic_arns, and apply",
        )
    return dict(alarm)


def topics_of(alarm: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of the topics that an alarm notifies."""
    return [action for action in alarm["AlarmActions"] if action.split(":")[2] == "sns"]


def unconfirmed(subscriptions: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the addresses that have not confirmed their subscription, so receive nothing."""
    return sorted(
        each["Endpoint"]
        for each in subscriptions
        if each["SubscriptionArn"] == "PendingConfirmation"
    )


class Listener(NamedTuple):
    """A queue that is subscribed to topics; `sqs` is a boto3 client."""

    sqs: Any
    url: str
    topics: list[str]


def listen(session: "boto3.Session", topics: list[str], cleanup: ExitStack) -> Listener:
    """Subscribe a new queue to the topics; `cleanup` removes queue and subscriptions again."""
    sqs: Any = session.client("sqs")
    sns = session.client("sns")
    name = f"{_QUEUE_PREFIX}{uuid4().hex[:12]}"
    caller = session.client("sts").get_caller_identity()
    partition = caller["Arn"].split(":")[1]
    arn = f"arn:{partition}:sqs:{session.region_name}:{caller['Account']}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topics}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    # With its policy from the beginning: one that is set later can take a minute to apply, and SQS
    # refuses what the topics send until then (API reference, "SetQueueAttributes").
    attributes = {"Policy": policy, "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    cleanup.callback(sqs.delete_queue, QueueUrl=url)
    for topic in topics:
        made = sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )
        cleanup.callback(sns.unsubscribe, SubscriptionArn=made["SubscriptionArn"])
    return Listener(sqs, url, topics)


def notification(body: str) -> tuple[str, Mapping[str, Any]]:
    """Return the topic and the content of a message that SNS delivered; ("", {}) for any other message."""
    try:
        envelope = json.loads(body)
        topic, content = envelope["TopicArn"], json.loads(envelope["Message"])
    except (ValueError, LookupError, TypeError):
        return "", {}
    return (str(topic), content) if isinstance(content, dict) else ("", {})


def heard(listener: Listener, name: str, seconds: float, ring: Callable[[], None]) -> set[str]:
    """Return the topics that deliver the message "alarm `name` is in ALARM" to the queue in time.

    `ring` sets off the alarm: at the beginning, and again and again while a topic is silent, because
    a new subscription takes a while to receive, and because CloudWatch's next evaluation may change
    the alarm's state back before anything was sent.
    """
    found: set[str] = set()
    deadline = time.monotonic() + seconds
    next_ring = 0.0
    while not found >= set(listener.topics) and (now := time.monotonic()) < deadline:
        if now >= next_ring:
            ring()
            next_ring = now + _RING_SECONDS
        received = listener.sqs.receive_message(
            QueueUrl=listener.url, MaxNumberOfMessages=10, WaitTimeSeconds=_POLL_SECONDS
        )
        for message in received.get("Messages", []):
            topic, content = notification(message["Body"])
            if (content.get("AlarmName"), content.get("NewStateValue")) == (name, "ALARM"):
                found.add(topic)
            listener.sqs.delete_message(
                QueueUrl=listener.url, ReceiptHandle=message["ReceiptHandle"]
            )
    return found & set(listener.topics)


def drill(
    session: "boto3.Session", service: str, key: str, seconds: float = _DELIVERY_SECONDS
) -> None:
    """Run the drill and remove everything it made. Raises Failure where a topic or an address does not hear."""
    cloudwatch: Any = session.client("cloudwatch")
    sns = session.client("sns")
    with ExitStack() as cleanup:
        with step("alarm") as this:
            alarm = alarm_of(cloudwatch, service, key)
            name, before, topics = alarm["AlarmName"], alarm["StateValue"], topics_of(alarm)
            this.note = f"{name}, {before}"
        with step("queue subscribed to its topics") as this:
            listener = listen(session, topics, cleanup)
            this.note = listener.url.rpartition("/")[2]

        def set_state(state: str) -> None:
            cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=_REASON)

        def ring() -> None:
            # Only a change of state sends a message (API reference, "SetAlarmState"), and the alarm
            # may be in ALARM from the time before.
            set_state(before)
            set_state("ALARM")

        with step("alarm set off and heard") as this:
            # CloudWatch's next evaluation changes the state back as well, but maybe minutes later.
            cleanup.callback(set_state, before)
            if silent := set(topics) - heard(listener, name, seconds, ring):
                raise Failure(
                    f"no message came through {', '.join(sorted(silent))} in {seconds:.0f} s",
                    "let cloudwatch.amazonaws.com publish: in the topic's policy, and in the policy "
                    "of the topic's KMS key",
                )
            this.note = "ALARM delivered"
    with step("addresses") as this:
        subscriptions = [each for topic in topics for each in _subscriptions(sns, topic)]
        if silent_addresses := unconfirmed(subscriptions):
            raise Failure(
                f"not confirmed: {', '.join(silent_addresses)}",
                "open the link in the mail that AWS sent to them, or subscribe them again",
            )
        this.note = f"{len({each['Endpoint'] for each in subscriptions})} subscribed, all confirmed"


def _subscriptions(sns: Any, topic: str) -> list[dict[str, str]]:  # noqa: ANN401 (a boto3 client)
    """Return a topic's subscriptions without those of drills: the list shows removed ones for a while."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [
        each
        for page in pages
        for each in page["Subscriptions"]
        if not each["Endpoint"].rpartition(":")[2].startswith(_QUEUE_PREFIX)
        and each["SubscriptionArn"] != "Deleted"
    ]


def _verb() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fire-drill", description=__doc__)
    parser.add_argument("service", help="name of the service, such as records-prod")
    parser.add_argument(
        "--alarm", default="unhandled-exceptions", help="default: unhandled-exceptions"
    )
    parser.add_argument("--region", help="default: AWS_REGION or the profile's")
    given = parser.parse_args()
    venvs.run_in("dev", "lib.fire_drill")
    with account.explained(
        "use credentials that may set alarms, subscribe to their topics and create queues"
    ):
        drill(account.session(given.region), given.service, given.alarm)


if __name__ == "__main__":
    main(_verb)
