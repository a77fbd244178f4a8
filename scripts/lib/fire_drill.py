"""Sets an alarm of a deployed service to ALARM and verifies that its notification is delivered.

Every alarm recipient also receives the notification, up to four times. Announce the drill first.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from lib import account, venvs
from lib.console import Failure, argument_parser, main, step

if TYPE_CHECKING:
    import boto3

_DELIVERY_SECONDS = 120.0
_TRIGGER_SECONDS = 30.0
_POLL_SECONDS = 10  # long polling: SQS responds as soon as a message arrives
_QUEUE_PREFIX = "fire-drill-"
_REASON = "scripts/fire-drill: this is a drill, no action is needed"


def alarm_of(cloudwatch: Any, service: str, key: str) -> dict[str, Any]:
    """Return the alarm `key` of `service`, as CloudWatch describes it.

    Raises Failure if it does not exist, is already in ALARM, or notifies no topic.
    """
    alarms = cloudwatch.describe_alarms(AlarmNames=[f"{service}-{key}"])["MetricAlarms"]
    if not alarms:
        others = cloudwatch.describe_alarms(AlarmNamePrefix=f"{service}-")["MetricAlarms"]
        names = ", ".join(
            sorted(alarm["AlarmName"].removeprefix(f"{service}-") for alarm in others)
        )
        raise Failure(
            f"there is no alarm {service}-{key}",
            f"pass --alarm with one of: {names}"
            if names
            else "this service has no alarms: check its name",
        )
    (alarm,) = alarms
    if alarm["StateValue"] == "ALARM":
        raise Failure(
            f"{alarm['AlarmName']} is already in ALARM: {alarm['StateReason']}",
            "resolve the alarm, then run the drill",
        )
    if not alarm["ActionsEnabled"] or not topics_of(alarm):
        raise Failure(
            f"{alarm['AlarmName']} has no alarm recipient",
            "set alarms.emails or alarms.topic_arns, and apply",
        )
    return dict(alarm)


def topics_of(alarm: Mapping[str, Any]) -> list[str]:
    """Return the ARNs of the SNS topics that `alarm` notifies."""
    return [action for action in alarm["AlarmActions"] if action.split(":")[2] == "sns"]


def unconfirmed(subscriptions: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the endpoints that have not confirmed their subscription and so receive nothing."""
    return sorted(
        each["Endpoint"]
        for each in subscriptions
        if each["SubscriptionArn"] == "PendingConfirmation"
    )


class Listener(NamedTuple):
    """A queue that is subscribed to `topics` (ARNs); `sqs` is a boto3 client."""

    sqs: Any
    url: str
    topics: list[str]


def listen(session: "boto3.Session", topics: list[str], cleanup: ExitStack) -> Listener:
    """Subscribe a new queue to `topics`; closing `cleanup` removes the queue and subscriptions."""
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
    # The policy is set at creation: a later change can take up to 60 seconds to apply, and until
    # then SQS refuses the topics' messages (API reference, "SetQueueAttributes").
    attributes = {"Policy": policy, "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    cleanup.callback(sqs.delete_queue, QueueUrl=url)
    for topic in topics:
        subscription = sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True
        )
        cleanup.callback(sns.unsubscribe, SubscriptionArn=subscription["SubscriptionArn"])
    return Listener(sqs, url, topics)


def notification(body: str) -> tuple[str, Mapping[str, Any]]:
    """Return the topic ARN and the content of an SNS message; ("", {}) for any other message."""
    try:
        envelope = json.loads(body)
        topic, content = envelope["TopicArn"], json.loads(envelope["Message"])
    except (ValueError, LookupError, TypeError):
        return "", {}
    return (str(topic), content) if isinstance(content, dict) else ("", {})


def delivering_topics(
    listener: Listener, name: str, seconds: float, trigger: Callable[[], None]
) -> set[str]:
    """Return the topics that deliver "alarm `name` is in ALARM" to the queue within `seconds`.

    `trigger` sets the alarm to ALARM. It is called at once, and again while a notification is
    missing: a new subscription may not receive messages yet, and CloudWatch's next evaluation may
    change the state back before a message is sent.
    """
    delivered: set[str] = set()
    deadline = time.monotonic() + seconds
    next_trigger = 0.0
    while not delivered >= set(listener.topics) and (now := time.monotonic()) < deadline:
        if now >= next_trigger:
            trigger()
            next_trigger = now + _TRIGGER_SECONDS
        received = listener.sqs.receive_message(
            QueueUrl=listener.url, MaxNumberOfMessages=10, WaitTimeSeconds=_POLL_SECONDS
        )
        for message in received.get("Messages", []):
            topic, content = notification(message["Body"])
            if (content.get("AlarmName"), content.get("NewStateValue")) == (name, "ALARM"):
                delivered.add(topic)
            listener.sqs.delete_message(
                QueueUrl=listener.url, ReceiptHandle=message["ReceiptHandle"]
            )
    return delivered & set(listener.topics)


def drill(
    session: "boto3.Session", service: str, key: str, seconds: float = _DELIVERY_SECONDS
) -> None:
    """Run the drill for the alarm `key` of `service` and remove everything that it created.

    Raises Failure if a topic delivers no notification within `seconds`, or if an endpoint has not
    confirmed its subscription.
    """
    cloudwatch: Any = session.client("cloudwatch")
    with ExitStack() as cleanup:
        with step("alarm") as line:
            alarm = alarm_of(cloudwatch, service, key)
            topics = topics_of(alarm)
            line.note = f"{alarm['AlarmName']}, {alarm['StateValue']}"
        with step("queue subscribed to its topics") as line:
            listener = listen(session, topics, cleanup)
            line.note = listener.url.rpartition("/")[2]
        with step("notification delivered") as line:
            # CloudWatch's next evaluation would also change the state back, but minutes later.
            cleanup.callback(_set_state, cloudwatch, alarm, alarm["StateValue"])
            check_delivery(cloudwatch, alarm, listener, seconds)
            line.note = "ALARM delivered"
    with step("subscriptions") as line:
        line.note = check_subscriptions(session.client("sns"), topics)


def check_delivery(
    cloudwatch: Any,
    alarm: Mapping[str, Any],
    listener: Listener,
    seconds: float,
) -> None:
    """Trigger `alarm`. Raises Failure if a topic delivers no notification within `seconds`."""

    def trigger() -> None:
        # Only a change of state sends a message (API reference, "SetAlarmState"), and the alarm may
        # still be in ALARM from the previous call.
        _set_state(cloudwatch, alarm, alarm["StateValue"])
        _set_state(cloudwatch, alarm, "ALARM")

    delivering = delivering_topics(listener, alarm["AlarmName"], seconds, trigger)
    if silent := set(listener.topics) - delivering:
        raise Failure(
            f"no notification through {', '.join(sorted(silent))} within {seconds:.0f} s",
            "allow cloudwatch.amazonaws.com to publish, in the topic's policy and in the policy of "
            "the topic's KMS key",
        )


def check_subscriptions(sns: Any, topics: Iterable[str]) -> str:
    """Return how many endpoints are subscribed. Raises Failure if one has not confirmed."""
    subscriptions = [each for topic in topics for each in _subscriptions(sns, topic)]
    if pending := unconfirmed(subscriptions):
        raise Failure(
            f"unconfirmed subscriptions: {', '.join(pending)}",
            "open the link in the confirmation email from AWS, or subscribe again",
        )
    return f"{len({each['Endpoint'] for each in subscriptions})} confirmed, 0 unconfirmed"


def _set_state(cloudwatch: Any, alarm: Mapping[str, Any], state: str) -> None:
    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason=_REASON)


def _subscriptions(sns: Any, topic: str) -> list[dict[str, str]]:
    """Return a topic's subscriptions, without those of drills, which stay listed for a while."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return [
        each
        for page in pages
        for each in page["Subscriptions"]
        if not each["Endpoint"].rpartition(":")[2].startswith(_QUEUE_PREFIX)
        and each["SubscriptionArn"] != "Deleted"
    ]


def _verb() -> None:
    parser = argument_parser(prog="scripts/fire-drill", description=__doc__)
    parser.add_argument("service", help="name of the service, such as records-prod")
    parser.add_argument(
        "--alarm",
        default="unhandled-exceptions",
        metavar="KEY",
        help="alarm name without the service (default: unhandled-exceptions)",
    )
    parser.add_argument("--region", help="AWS region (default: AWS_REGION or the profile's)")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.fire_drill")
    with account.explained(
        "use credentials that may set alarms, subscribe to their topics and create queues"
    ):
        drill(account.session(arguments.region), arguments.service, arguments.alarm)


if __name__ == "__main__":
    main(_verb)
