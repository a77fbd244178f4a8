"""Requests that AWS must allow and requests it must deny, for every policy of every module.

The policies come from Terraform itself: a mocked apply of stacks/, rendered once a run.
"""

import json
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from lib import permissions
from lib.fire_drill import listen
from lib.permissions import OPERATION
from lib.policies import IDENTITY_POLICIES
from policy.iam import Request, is_allowed

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ResourceWarning)  # it leaves the files of its definitions open
    from parliament import analyze_policy_string
from cloudsplaining.scan.policy_document import PolicyDocument

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
REGION = "eu-central-1"

# Principals. The function and the trail's delivery role hold what Terraform renders for them.
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/admin"
POWERLESS = f"arn:aws:iam::{ACCOUNT}:role/powerless"
FUNCTION = f"arn:aws:iam::{ACCOUNT}:role/records-dev-{REGION}-function"
HEARTBEAT = f"arn:aws:iam::{ACCOUNT}:role/records-dev-{REGION}-heartbeat"
DELIVERY = f"arn:aws:iam::{ACCOUNT}:role/records-dev-audit-{REGION}"
CALLER = f"arn:aws:iam::{ACCOUNT}:role/caller"
# The trusted principals in stacks/, by access level.
TRUSTED = {
    level: f"arn:aws:iam::{OTHER_ACCOUNT}:role/{name}"
    for level, name in (("auditor", "revision"), ("reader", "dashboard"), ("writer", "import"))
}
STRANGER = f"arn:aws:iam::{OTHER_ACCOUNT}:role/admin"
ROOT_USER = f"arn:aws:iam::{ACCOUNT}:root"
BUDGETS, COST_ALERTS = "budgets.amazonaws.com", "costalerts.amazonaws.com"
CLOUDTRAIL, CLOUDWATCH = "cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com"
LAMBDA, SCHEDULER = "lambda.amazonaws.com", "scheduler.amazonaws.com"
LOGS, LOGS_ELSEWHERE = f"logs.{REGION}.amazonaws.com", "logs.us-east-1.amazonaws.com"

_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
# Identity policies of a principal: a document, or the address of a rendered one.
HELD: Mapping[str, str | dict[str, Any]] = {
    ADMIN: _EVERYTHING,
    **dict.fromkeys(TRUSTED.values(), _EVERYTHING),
    DELIVERY: "audit_trail.aws_iam_role_policy.delivery",
    FUNCTION: "records_api.aws_iam_role_policy.function",
    HEARTBEAT: 'records_api.aws_iam_role_policy.heartbeat["live"]',
    ROOT_USER: _EVERYTHING,
    STRANGER: _EVERYTHING,
}

# Context keys.
ACL = "s3:x-amz-acl"
ENCLOSING = "dynamodb:EnclosingOperation"
FUNCTION_CONTEXT = "kms:EncryptionContext:aws:lambda:FunctionArn"
LOGS_CONTEXT = "kms:EncryptionContext:aws:logs:arn"
PRINCIPAL = "aws:PrincipalArn"
SOURCE_ACCOUNT, SOURCE_ARN = "aws:SourceAccount", "aws:SourceArn"
SSE = "s3:x-amz-server-side-encryption"
SSE_C = "s3:x-amz-server-side-encryption-customer-algorithm"
SSE_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
TLS = "aws:SecureTransport"
TOPIC_CONTEXT = "kms:EncryptionContext:aws:sns:topicArn"
TRAIL_CONTEXT = "kms:EncryptionContext:aws:cloudtrail:arn"
VIA = "kms:ViaService"

# Resources.
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"  # + the name that stacks/ gives it
BUDGET_KEY, SERVICE_KEY, STATE_KEY, TRAIL_KEY = (
    KEY + name for name in ("budget", "service", "state", "trail")
)
OTHER_KEY = KEY + "other"
STATE_BUCKET = f"arn:aws:s3:::records-tfstate-{ACCOUNT}-{REGION}"
STATE = f"{STATE_BUCKET}/records-api/prod.tfstate"
LOCK = f"{STATE}.tflock"
TRAIL_BUCKET = f"arn:aws:s3:::records-dev-audit-{ACCOUNT}-{REGION}"
TRAIL_FILE = f"{TRAIL_BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/24/file.json.gz"
TRAIL_DIGEST = f"{TRAIL_BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/digest.json.gz"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/records-dev-audit"
TRAIL_IN_US = TRAIL.replace(REGION, "us-east-1")
OTHER_TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/other"
STRANGERS_TRAIL = TRAIL.replace(ACCOUNT, OTHER_ACCOUNT)
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
ALARM_TOPIC, BUDGET_TOPIC, DELIVERY_TOPIC, OTHER_TOPIC = (
    TOPIC + name
    for name in (
        "records-dev-alarms",
        f"records-dev-{REGION}-budget",
        "records-dev-audit",
        "other",
    )
)
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
ACCESS_LOG = LOG_GROUP + "/aws/vendedlogs/records-dev/access"
FUNCTION_LOG = LOG_GROUP + "/aws/lambda/records-dev"
TRAIL_LOG = LOG_GROUP + "/aws/cloudtrail/records-dev-audit"
OTHER_LOG = LOG_GROUP + "/aws/lambda/other"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/records-dev"
HISTORY = f"{TABLE}-history"
RECORDS_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:records-dev"
SCHEDULES = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/records-dev"
API = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abc123/$default"

# What some requests share.
SENT_BY_US, SENT_BY_STRANGER = {SOURCE_ACCOUNT: ACCOUNT}, {SOURCE_ACCOUNT: OTHER_ACCOUNT}
DELIVERED = {TLS: "true", SOURCE_ARN: TRAIL, ACL: "bucket-owner-full-control"}
ENCRYPTED = {TLS: "true", SSE: "aws:kms", SSE_KEY: STATE_KEY}
BY_FUNCTION = {PRINCIPAL: FUNCTION}
IN_TRANSACTION = {ENCLOSING: ["TransactWriteItems"]}
FROM_TRAIL = {SOURCE_ARN: TRAIL, TRAIL_CONTEXT: TRAIL}
VIA_DYNAMODB = {VIA: f"dynamodb.{REGION}.amazonaws.com"}
TRAIL_LOG_VIA_LOGS = {VIA: LOGS, LOGS_CONTEXT: TRAIL_LOG}

Requests = dict[str, Request]

# Policy -> requests that must be allowed, requests that must be denied.
REQUESTS: dict[str, tuple[Requests, Requests]] = {
    "state_backend.aws_s3_bucket_policy.state": (
        {
            "state, as Terraform writes it": Request(ADMIN, "s3:PutObject", STATE, {TLS: "true"}),
            "lock file": Request(ADMIN, "s3:PutObject", LOCK, {TLS: "true"}),
            "end of a lock": Request(ADMIN, "s3:DeleteObject", LOCK, {TLS: "true"}),
            "state with the bucket's key": Request(ADMIN, "s3:PutObject", STATE, ENCRYPTED),
            "read": Request(ADMIN, "s3:GetObject", STATE, {TLS: "true"}),
            "list": Request(ADMIN, "s3:ListBucket", STATE_BUCKET, {TLS: "true"}),
        },
        {
            "AES256": Request(ADMIN, "s3:PutObject", STATE, {TLS: "true", SSE: "AES256"}),
            "aws:kms without a key ID": Request(
                ADMIN, "s3:PutObject", STATE, {TLS: "true", SSE: "aws:kms"}
            ),
            "another key": Request(ADMIN, "s3:PutObject", STATE, {**ENCRYPTED, SSE_KEY: OTHER_KEY}),
            "double encryption": Request(
                ADMIN, "s3:PutObject", STATE, {**ENCRYPTED, SSE: "aws:kms:dsse"}
            ),
            "a key of the client": Request(
                ADMIN, "s3:PutObject", STATE, {TLS: "true", SSE_C: "AES256"}
            ),
            "write over http": Request(ADMIN, "s3:PutObject", STATE, {TLS: "false"}),
            "read over http": Request(ADMIN, "s3:GetObject", STATE, {TLS: "false"}),
            "list over http": Request(ADMIN, "s3:ListBucket", STATE_BUCKET, {TLS: "false"}),
            "without permissions": Request(POWERLESS, "s3:GetObject", STATE, {TLS: "true"}),
            "another account": Request(STRANGER, "s3:GetObject", STATE, {TLS: "true"}),
        },
    ),
    "state_backend.aws_kms_key.state": (
        {"any principal that IAM allows": Request(ADMIN, "kms:Decrypt", STATE_KEY)},
        {
            "without permissions": Request(POWERLESS, "kms:Decrypt", STATE_KEY),
            "another account": Request(STRANGER, "kms:Decrypt", STATE_KEY),
            "a service": Request(LOGS, "kms:Decrypt", STATE_KEY),
        },
    ),
    "audit_trail.aws_s3_bucket_policy.trail": (
        {
            "log file": Request(CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, DELIVERED),
            "digest file": Request(CLOUDTRAIL, "s3:PutObject", TRAIL_DIGEST, DELIVERED),
            "check of ownership": Request(
                CLOUDTRAIL, "s3:GetBucketAcl", TRAIL_BUCKET, {TLS: "true", SOURCE_ARN: TRAIL}
            ),
            "reading it": Request(ADMIN, "s3:GetObject", TRAIL_FILE, {TLS: "true"}),
        },
        {
            "another trail": Request(
                CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, {**DELIVERED, SOURCE_ARN: OTHER_TRAIL}
            ),
            "another account's trail": Request(
                CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, {**DELIVERED, SOURCE_ARN: STRANGERS_TRAIL}
            ),
            "no trail": Request(
                CLOUDTRAIL,
                "s3:PutObject",
                TRAIL_FILE,
                {key: value for key, value in DELIVERED.items() if key != SOURCE_ARN},
            ),
            "another account's files": Request(
                CLOUDTRAIL, "s3:PutObject", TRAIL_FILE.replace(ACCOUNT, OTHER_ACCOUNT), DELIVERED
            ),
            "without full control": Request(
                CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, {**DELIVERED, ACL: "private"}
            ),
            "delivery over http": Request(
                CLOUDTRAIL, "s3:PutObject", TRAIL_FILE, {**DELIVERED, TLS: "false"}
            ),
            "deletion by CloudTrail": Request(CLOUDTRAIL, "s3:DeleteObject", TRAIL_FILE, DELIVERED),
            "another service": Request(
                "config.amazonaws.com", "s3:PutObject", TRAIL_FILE, DELIVERED
            ),
            "ownership for another trail": Request(
                CLOUDTRAIL, "s3:GetBucketAcl", TRAIL_BUCKET, {TLS: "true", SOURCE_ARN: OTHER_TRAIL}
            ),
            "another account": Request(STRANGER, "s3:GetObject", TRAIL_FILE, {TLS: "true"}),
            "read over http": Request(ADMIN, "s3:GetObject", TRAIL_FILE, {TLS: "false"}),
        },
    ),
    "audit_trail.aws_kms_key.trail": (
        {
            "CloudTrail for this trail": Request(
                CLOUDTRAIL, "kms:GenerateDataKey", TRAIL_KEY, FROM_TRAIL
            ),
            "CloudTrail in another region": Request(
                CLOUDTRAIL,
                "kms:GenerateDataKey",
                TRAIL_KEY,
                {SOURCE_ARN: TRAIL, TRAIL_CONTEXT: TRAIL_IN_US},
            ),
            "CloudTrail looks at the key": Request(
                CLOUDTRAIL, "kms:DescribeKey", TRAIL_KEY, {SOURCE_ARN: TRAIL}
            ),
            "CloudWatch Logs": Request(LOGS, "kms:Encrypt", TRAIL_KEY, {LOGS_CONTEXT: TRAIL_LOG}),
            "delivery topic": Request(
                CLOUDTRAIL, "kms:GenerateDataKey", TRAIL_KEY, {TOPIC_CONTEXT: DELIVERY_TOPIC}
            ),
            "delivery role through CloudWatch Logs": Request(
                DELIVERY, "kms:GenerateDataKey", TRAIL_KEY, TRAIL_LOG_VIA_LOGS
            ),
            "delivery role looks at the key": Request(
                DELIVERY, "kms:DescribeKey", TRAIL_KEY, {VIA: LOGS}
            ),
            "any principal that IAM allows": Request(ADMIN, "kms:Decrypt", TRAIL_KEY),
        },
        {
            "another trail": Request(
                CLOUDTRAIL,
                "kms:GenerateDataKey",
                TRAIL_KEY,
                {**FROM_TRAIL, SOURCE_ARN: OTHER_TRAIL},
            ),
            "another trail's files": Request(
                CLOUDTRAIL,
                "kms:GenerateDataKey",
                TRAIL_KEY,
                {**FROM_TRAIL, TRAIL_CONTEXT: OTHER_TRAIL},
            ),
            "another account's trail": Request(
                CLOUDTRAIL,
                "kms:GenerateDataKey",
                TRAIL_KEY,
                {SOURCE_ARN: STRANGERS_TRAIL, TRAIL_CONTEXT: STRANGERS_TRAIL},
            ),
            "decryption by CloudTrail": Request(CLOUDTRAIL, "kms:Decrypt", TRAIL_KEY, FROM_TRAIL),
            "another topic": Request(
                CLOUDTRAIL, "kms:GenerateDataKey", TRAIL_KEY, {TOPIC_CONTEXT: OTHER_TOPIC}
            ),
            "another log group": Request(LOGS, "kms:Encrypt", TRAIL_KEY, {LOGS_CONTEXT: OTHER_LOG}),
            "no log group": Request(LOGS, "kms:Encrypt", TRAIL_KEY),
            "CloudWatch Logs of another region": Request(
                LOGS_ELSEWHERE, "kms:Encrypt", TRAIL_KEY, {LOGS_CONTEXT: TRAIL_LOG}
            ),
            "delivery role by itself": Request(
                DELIVERY, "kms:Decrypt", TRAIL_KEY, {LOGS_CONTEXT: TRAIL_LOG}
            ),
            "delivery role through S3": Request(
                DELIVERY,
                "kms:Decrypt",
                TRAIL_KEY,
                {VIA: f"s3.{REGION}.amazonaws.com", LOGS_CONTEXT: TRAIL_LOG},
            ),
            "delivery role for another log group": Request(
                DELIVERY, "kms:Decrypt", TRAIL_KEY, {VIA: LOGS, LOGS_CONTEXT: OTHER_LOG}
            ),
            "another account": Request(STRANGER, "kms:Decrypt", TRAIL_KEY),
        },
    ),
    "audit_trail.aws_iam_role_policy.delivery": (
        {
            "new stream": Request(
                DELIVERY,
                "logs:CreateLogStream",
                f"{TRAIL_LOG}:log-stream:{ACCOUNT}_CloudTrail_{REGION}",
            ),
            "events": Request(
                DELIVERY,
                "logs:PutLogEvents",
                f"{TRAIL_LOG}:log-stream:{ACCOUNT}_CloudTrail_{REGION}_2",
            ),
        },
        {
            "another account's stream": Request(
                DELIVERY,
                "logs:PutLogEvents",
                f"{TRAIL_LOG}:log-stream:{OTHER_ACCOUNT}_CloudTrail_{REGION}",
            ),
            "another group": Request(
                DELIVERY,
                "logs:PutLogEvents",
                f"{OTHER_LOG}:log-stream:{ACCOUNT}_CloudTrail_{REGION}",
            ),
            "reading": Request(
                DELIVERY,
                "logs:GetLogEvents",
                f"{TRAIL_LOG}:log-stream:{ACCOUNT}_CloudTrail_{REGION}",
            ),
            "a new group": Request(DELIVERY, "logs:CreateLogGroup", TRAIL_LOG),
            "another key": Request(DELIVERY, "kms:Decrypt", OTHER_KEY, TRAIL_LOG_VIA_LOGS),
        },
    ),
    "audit_trail.aws_iam_role.delivery": (
        {"CloudTrail": Request(CLOUDTRAIL, "sts:AssumeRole", DELIVERY)},
        {
            "another service": Request(LAMBDA, "sts:AssumeRole", DELIVERY),
            "an administrator": Request(ADMIN, "sts:AssumeRole", DELIVERY),
        },
    ),
    'audit_trail.aws_sns_topic_policy.delivery["delivery_topic"]': (
        {"this trail": Request(CLOUDTRAIL, "sns:Publish", DELIVERY_TOPIC, {SOURCE_ARN: TRAIL})},
        {
            "another trail": Request(
                CLOUDTRAIL, "sns:Publish", DELIVERY_TOPIC, {SOURCE_ARN: OTHER_TRAIL}
            ),
            "another service": Request(
                CLOUDWATCH, "sns:Publish", DELIVERY_TOPIC, {SOURCE_ARN: TRAIL}
            ),
            "another account": Request(STRANGER, "sns:Subscribe", DELIVERY_TOPIC),
        },
    ),
    'cost_budget.aws_kms_key.budget["create_topic"]': (
        {
            "a budget": Request(BUDGETS, "kms:GenerateDataKey", BUDGET_KEY, SENT_BY_US),
            "an anomaly": Request(COST_ALERTS, "kms:Decrypt", BUDGET_KEY, SENT_BY_US),
            "any principal that IAM allows": Request(ADMIN, "kms:Decrypt", BUDGET_KEY),
        },
        {
            "another account's budget": Request(
                BUDGETS, "kms:GenerateDataKey", BUDGET_KEY, SENT_BY_STRANGER
            ),
            "a budget of no account": Request(BUDGETS, "kms:GenerateDataKey", BUDGET_KEY),
            "another service": Request(CLOUDWATCH, "kms:GenerateDataKey", BUDGET_KEY, SENT_BY_US),
            "another account": Request(STRANGER, "kms:Decrypt", BUDGET_KEY),
        },
    ),
    'cost_budget.aws_sns_topic_policy.budget["create_topic"]': (
        {
            "a budget": Request(BUDGETS, "sns:Publish", BUDGET_TOPIC, SENT_BY_US),
            "an anomaly": Request(COST_ALERTS, "sns:Publish", BUDGET_TOPIC, SENT_BY_US),
        },
        {
            "another account's budget": Request(
                BUDGETS, "sns:Publish", BUDGET_TOPIC, SENT_BY_STRANGER
            ),
            "another service": Request(CLOUDWATCH, "sns:Publish", BUDGET_TOPIC, SENT_BY_US),
            "another account": Request(STRANGER, "sns:Publish", BUDGET_TOPIC),
        },
    ),
    'records_api.aws_kms_key.service["own"]': (
        {
            "the function's log": Request(
                LOGS, "kms:Encrypt", SERVICE_KEY, {LOGS_CONTEXT: FUNCTION_LOG}
            ),
            "access log": Request(
                LOGS, "kms:GenerateDataKey", SERVICE_KEY, {LOGS_CONTEXT: ACCESS_LOG}
            ),
            "an alarm": Request(CLOUDWATCH, "kms:GenerateDataKey", SERVICE_KEY, SENT_BY_US),
            "a budget": Request(BUDGETS, "kms:Decrypt", SERVICE_KEY, SENT_BY_US),
            "reading records": Request(FUNCTION, "kms:Decrypt", SERVICE_KEY, VIA_DYNAMODB),
            "writing records": Request(FUNCTION, "kms:GenerateDataKey", SERVICE_KEY, VIA_DYNAMODB),
            "the function's environment": Request(
                FUNCTION, "kms:Decrypt", SERVICE_KEY, {FUNCTION_CONTEXT: RECORDS_FUNCTION}
            ),
            "a version's environment": Request(
                FUNCTION, "kms:Decrypt", SERVICE_KEY, {FUNCTION_CONTEXT: f"{RECORDS_FUNCTION}:7"}
            ),
            "the function's log lines": Request(
                FUNCTION,
                "kms:GenerateDataKey",
                SERVICE_KEY,
                {VIA: LOGS, LOGS_CONTEXT: FUNCTION_LOG},
            ),
            "the function's log looks at the key": Request(
                FUNCTION, "kms:DescribeKey", SERVICE_KEY, {VIA: LOGS}
            ),
            "administration": Request(ADMIN, "kms:PutKeyPolicy", SERVICE_KEY),
        },
        {
            "another log group": Request(
                LOGS, "kms:Encrypt", SERVICE_KEY, {LOGS_CONTEXT: OTHER_LOG}
            ),
            "CloudWatch Logs of another region": Request(
                LOGS_ELSEWHERE, "kms:Encrypt", SERVICE_KEY, {LOGS_CONTEXT: FUNCTION_LOG}
            ),
            "another account's alarm": Request(
                CLOUDWATCH, "kms:GenerateDataKey", SERVICE_KEY, SENT_BY_STRANGER
            ),
            "another account's budget": Request(
                BUDGETS, "kms:GenerateDataKey", SERVICE_KEY, SENT_BY_STRANGER
            ),
            "another service": Request(CLOUDTRAIL, "kms:GenerateDataKey", SERVICE_KEY, SENT_BY_US),
            "the function by itself": Request(FUNCTION, "kms:Decrypt", SERVICE_KEY),
            "another function's environment": Request(
                FUNCTION, "kms:Decrypt", SERVICE_KEY, {FUNCTION_CONTEXT: f"{RECORDS_FUNCTION}-2"}
            ),
            "the function for another log group": Request(
                FUNCTION, "kms:Decrypt", SERVICE_KEY, {VIA: LOGS, LOGS_CONTEXT: OTHER_LOG}
            ),
            "the function for a log group of another region": Request(
                FUNCTION,
                "kms:Decrypt",
                SERVICE_KEY,
                {VIA: LOGS_ELSEWHERE, LOGS_CONTEXT: FUNCTION_LOG},
            ),
            "encryption of an environment": Request(
                FUNCTION, "kms:Encrypt", SERVICE_KEY, {FUNCTION_CONTEXT: RECORDS_FUNCTION}
            ),
            "deletion by the function": Request(
                FUNCTION, "kms:ScheduleKeyDeletion", SERVICE_KEY, VIA_DYNAMODB
            ),
            "another account": Request(STRANGER, "kms:Decrypt", SERVICE_KEY, VIA_DYNAMODB),
        },
    ),
    "records_api.aws_iam_role_policy.function": (
        {
            "get": Request(FUNCTION, "dynamodb:GetItem", TABLE),
            "put": Request(FUNCTION, "dynamodb:PutItem", TABLE),
            "query": Request(FUNCTION, "dynamodb:Query", f"{TABLE}/index/byCreated"),
            "delete": Request(FUNCTION, "dynamodb:DeleteItem", TABLE, IN_TRANSACTION),
            "entry": Request(FUNCTION, "dynamodb:PutItem", HISTORY, IN_TRANSACTION),
            "one entry": Request(FUNCTION, "dynamodb:GetItem", HISTORY),
            "entries of a record": Request(FUNCTION, "dynamodb:Query", HISTORY),
            "feed": Request(FUNCTION, "dynamodb:Query", f"{HISTORY}/index/byChange"),
            "log lines": Request(
                FUNCTION, "logs:PutLogEvents", f"{FUNCTION_LOG}:log-stream:2026/11/24/[7]abc"
            ),
        },
        {
            "scan": Request(FUNCTION, "dynamodb:Scan", TABLE),
            "query of the table": Request(FUNCTION, "dynamodb:Query", TABLE),
            "deletion of the table": Request(FUNCTION, "dynamodb:DeleteTable", TABLE),
            "another table": Request(FUNCTION, "dynamodb:GetItem", f"{TABLE}-2"),
            "entry without a record": Request(FUNCTION, "dynamodb:PutItem", HISTORY),
            "entry in a batch": Request(
                FUNCTION, "dynamodb:PutItem", HISTORY, {ENCLOSING: ["BatchWriteItem"]}
            ),
            "another entry": Request(FUNCTION, "dynamodb:PutItem", f"{HISTORY}-2", IN_TRANSACTION),
            "entry changed": Request(FUNCTION, "dynamodb:UpdateItem", HISTORY, IN_TRANSACTION),
            "entry deleted": Request(FUNCTION, "dynamodb:DeleteItem", HISTORY, IN_TRANSACTION),
            "scan of the history": Request(FUNCTION, "dynamodb:Scan", HISTORY),
            "weaker protection": Request(FUNCTION, "dynamodb:DeleteResourcePolicy", HISTORY),
            "earlier expiry": Request(FUNCTION, "dynamodb:UpdateTimeToLive", HISTORY),
            "another log group": Request(
                FUNCTION, "logs:PutLogEvents", f"{OTHER_LOG}:log-stream:2026/11/24/[7]abc"
            ),
            "access log": Request(FUNCTION, "logs:PutLogEvents", f"{ACCESS_LOG}:log-stream:1"),
            "a new log group": Request(FUNCTION, "logs:CreateLogGroup", FUNCTION_LOG),
            "another key": Request(FUNCTION, "kms:Decrypt", OTHER_KEY, VIA_DYNAMODB),
        },
    ),
    # The emulator does not evaluate it. Only the service itself deletes expired items, without IAM.
    'records_api.aws_dynamodb_resource_policy.history["history"]': (
        {
            "entry": Request(
                FUNCTION, "dynamodb:PutItem", HISTORY, {**BY_FUNCTION, **IN_TRANSACTION}
            ),
            "reading": Request(FUNCTION, "dynamodb:Query", HISTORY, BY_FUNCTION),
            "reader": Request(ADMIN, "dynamodb:Scan", HISTORY, {PRINCIPAL: ADMIN}),
            "end of protection": Request(
                ADMIN, "dynamodb:DeleteResourcePolicy", HISTORY, {PRINCIPAL: ADMIN}
            ),
            "other protection": Request(
                ADMIN, "dynamodb:PutResourcePolicy", HISTORY, {PRINCIPAL: ADMIN}
            ),
            "table": Request(ADMIN, "dynamodb:UpdateTable", HISTORY, {PRINCIPAL: ADMIN}),
            "other table": Request(ADMIN, "dynamodb:PutItem", TABLE, {PRINCIPAL: ADMIN}),
        },
        {
            **{
                f"{action} by {name}": Request(
                    principal, f"dynamodb:{action}", HISTORY, {PRINCIPAL: principal}
                )
                for name, principal in {"an administrator": ADMIN, "root": ROOT_USER}.items()
                for action in (
                    "BatchWriteItem",
                    "DeleteItem",
                    "PartiQLDelete",
                    "PartiQLInsert",
                    "PartiQLUpdate",
                    "PutItem",
                    "UpdateItem",
                )
            },
            "deletion by the function": Request(
                FUNCTION, "dynamodb:DeleteItem", HISTORY, BY_FUNCTION
            ),
            "anonymous entry": Request(ADMIN, "dynamodb:PutItem", HISTORY),
            "entry of the function without a name": Request(
                FUNCTION, "dynamodb:PutItem", HISTORY, IN_TRANSACTION
            ),
            "entry of a role with a similar name": Request(
                ADMIN, "dynamodb:PutItem", HISTORY, {PRINCIPAL: f"{FUNCTION}-2"}
            ),
            "entry in a transaction of an administrator": Request(
                ADMIN, "dynamodb:PutItem", HISTORY, {PRINCIPAL: ADMIN, **IN_TRANSACTION}
            ),
            "without permissions": Request(
                POWERLESS, "dynamodb:Query", HISTORY, {PRINCIPAL: POWERLESS}
            ),
        },
    ),
    "records_api.aws_iam_role.function": (
        {"Lambda": Request(LAMBDA, "sts:AssumeRole", FUNCTION)},
        {
            "another service": Request(CLOUDTRAIL, "sts:AssumeRole", FUNCTION),
            "an administrator": Request(ADMIN, "sts:AssumeRole", FUNCTION),
        },
    ),
    'records_api.aws_iam_role.heartbeat["live"]': (
        {
            "its schedule": Request(
                SCHEDULER, "sts:AssumeRole", HEARTBEAT, SENT_BY_US | {SOURCE_ARN: SCHEDULES}
            ),
        },
        {
            "another group of schedules": Request(
                SCHEDULER,
                "sts:AssumeRole",
                HEARTBEAT,
                SENT_BY_US | {SOURCE_ARN: SCHEDULES.replace("records-dev", "other")},
            ),
            "another account": Request(
                SCHEDULER, "sts:AssumeRole", HEARTBEAT, SENT_BY_STRANGER | {SOURCE_ARN: SCHEDULES}
            ),
            "no source": Request(SCHEDULER, "sts:AssumeRole", HEARTBEAT),
            "an administrator": Request(ADMIN, "sts:AssumeRole", HEARTBEAT),
        },
    ),
    'records_api.aws_iam_role_policy.heartbeat["live"]': (
        {"live": Request(HEARTBEAT, "lambda:InvokeFunction", f"{RECORDS_FUNCTION}:live")},
        {
            "a version": Request(HEARTBEAT, "lambda:InvokeFunction", f"{RECORDS_FUNCTION}:7"),
            "the function": Request(HEARTBEAT, "lambda:InvokeFunction", RECORDS_FUNCTION),
            "another function": Request(
                HEARTBEAT,
                "lambda:InvokeFunction",
                RECORDS_FUNCTION.replace("records-dev", "other") + ":live",
            ),
        },
    ),
    'records_api.aws_sns_topic_policy.alarms["own"]': (
        {
            "an alarm": Request(CLOUDWATCH, "sns:Publish", ALARM_TOPIC, SENT_BY_US),
            "a budget": Request(BUDGETS, "sns:Publish", ALARM_TOPIC, SENT_BY_US),
        },
        {
            "another account's alarm": Request(
                CLOUDWATCH, "sns:Publish", ALARM_TOPIC, SENT_BY_STRANGER
            ),
            "another service": Request(CLOUDTRAIL, "sns:Publish", ALARM_TOPIC, SENT_BY_US),
            "a subscription of another account": Request(STRANGER, "sns:Subscribe", ALARM_TOPIC),
        },
    ),
    'records_api.aws_iam_policy.caller["auditor"]': (
        {
            "list": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records"),
            "get": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records/1"),
            "history": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records/1/history"),
            "changes": Request(CALLER, "execute-api:Invoke", f"{API}/GET/changes"),
        },
        {
            "create": Request(CALLER, "execute-api:Invoke", f"{API}/POST/records"),
            "update": Request(CALLER, "execute-api:Invoke", f"{API}/PATCH/records/1"),
            "delete": Request(CALLER, "execute-api:Invoke", f"{API}/DELETE/records/1"),
            "restore": Request(CALLER, "execute-api:Invoke", f"{API}/POST/records/1/restore"),
        },
    ),
    'records_api.aws_iam_policy.caller["reader"]': (
        {
            "list": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records"),
            "get": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records/1"),
        },
        {
            "create": Request(CALLER, "execute-api:Invoke", f"{API}/POST/records"),
            "delete": Request(CALLER, "execute-api:Invoke", f"{API}/DELETE/records/1"),
            "history": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records/1/history"),
            "changes": Request(CALLER, "execute-api:Invoke", f"{API}/GET/changes"),
            "another API": Request(
                CALLER, "execute-api:Invoke", f"{API}/GET/records".replace("abc123", "def456")
            ),
        },
    ),
    'records_api.aws_iam_policy.caller["writer"]': (
        {
            "list": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records"),
            "create": Request(CALLER, "execute-api:Invoke", f"{API}/POST/records"),
            "update": Request(CALLER, "execute-api:Invoke", f"{API}/PATCH/records/1"),
            "delete": Request(CALLER, "execute-api:Invoke", f"{API}/DELETE/records/1"),
            "restore": Request(CALLER, "execute-api:Invoke", f"{API}/POST/records/1/restore"),
        },
        {
            "history": Request(CALLER, "execute-api:Invoke", f"{API}/GET/records/1/history"),
            "changes": Request(CALLER, "execute-api:Invoke", f"{API}/GET/changes"),
            "deletion of everything": Request(
                CALLER, "execute-api:Invoke", f"{API}/DELETE/records"
            ),
            "changing the API": Request(CALLER, "apigateway:DELETE", f"{API}/GET/records"),
        },
    ),
    **{
        f'records_api.aws_iam_role.caller["{level}"]': (
            {"trusted principal": Request(trusted, "sts:AssumeRole", CALLER)},
            {
                "another role of its account": Request(STRANGER, "sts:AssumeRole", CALLER),
                "a service": Request(LAMBDA, "sts:AssumeRole", CALLER),
                **{
                    f"the trusted {other}": Request(TRUSTED[other], "sts:AssumeRole", CALLER)
                    for other in sorted(TRUSTED.keys() - {level})
                },
            },
        )
        for level, trusted in TRUSTED.items()
    },
}

Policies = Mapping[str, dict[str, Any]]


def evaluate(policies: Policies, address: str, request: Request) -> bool:
    """Return whether a request passes the policy at `address` and those of its principal."""
    policy = policies[address]
    if address.split(".")[1] in IDENTITY_POLICIES:
        return is_allowed(request, ACCOUNT, identity_policies=[policy])
    held = HELD.get(request.principal)
    documents = [] if held is None else [policies[held] if isinstance(held, str) else held]
    return is_allowed(request, ACCOUNT, policy, documents)


def cases(place: int) -> list[Any]:
    return [
        pytest.param(address, request, id=f"{address}: {name}")
        for address, requests in REQUESTS.items()
        for name, request in requests[place].items()
    ]


def test_every_policy_has_requests(policies: Policies) -> None:
    assert set(REQUESTS) == set(policies)
    assert not [address for address, requests in REQUESTS.items() if not all(requests)]


@pytest.mark.parametrize(("address", "request_"), cases(0))
def test_allowed_requests_are_allowed(policies: Policies, address: str, request_: Request) -> None:
    assert evaluate(policies, address, request_)


@pytest.mark.parametrize(("address", "request_"), cases(1))
def test_denied_requests_are_denied(policies: Policies, address: str, request_: Request) -> None:
    assert not evaluate(policies, address, request_)


def test_fire_drill_queue_accepts_its_topics_only() -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:fire-drill"
    client = MagicMock()
    client.get_caller_identity.return_value = {"Account": ACCOUNT, "Arn": ADMIN}
    client.get_queue_attributes.return_value = {"Attributes": {"QueueArn": queue}}
    session = Mock(region_name=REGION, client=Mock(return_value=client))
    listen(session, [ALARM_TOPIC], ExitStack())
    (policy,) = (
        json.loads(call.kwargs["Attributes"]["Policy"])
        for call in client.method_calls
        if "Policy" in call.kwargs.get("Attributes", {})
    )

    def allows(topic: str, *, principal: str = "sns.amazonaws.com") -> bool:
        resource = policy["Statement"][0]["Resource"]
        request = Request(principal, "sqs:SendMessage", resource, {SOURCE_ARN: topic})
        return is_allowed(request, ACCOUNT, policy)

    assert policy["Statement"][0]["Resource"].startswith(queue)
    assert allows(ALARM_TOPIC)
    assert not allows(OTHER_TOPIC)
    assert not allows(ALARM_TOPIC.replace(ACCOUNT, OTHER_ACCOUNT))
    assert not allows(ALARM_TOPIC, principal=LAMBDA)
    assert not allows(ALARM_TOPIC, principal=STRANGER)


def test_identity_policies_have_no_findings(policies: Policies) -> None:
    """Actions, resources and condition keys exist and fit together."""
    findings = {
        address: [str(finding) for finding in analyze_policy_string(json.dumps(policy)).findings]
        for address, policy in policies.items()
        if address.split(".")[1] in IDENTITY_POLICIES
    }
    assert len(findings) > 1
    assert not any(findings.values()), findings


def test_identity_policies_have_no_risks(policies: Policies) -> None:
    """cloudsplaining looks for privilege escalation, data leaks and actions on any resource."""
    risks = [
        "all_allowed_unrestricted_actions",
        "allows_data_exfiltration_actions",
        "allows_privilege_escalation",
        "credentials_exposure",
        "service_wildcard",
    ]
    findings = {
        f"{address}: {risk}": getattr(PolicyDocument(policy), risk)
        for address, policy in policies.items()
        if address.split(".")[1] in IDENTITY_POLICIES
        for risk in risks
    }
    assert findings
    assert not {name: found for name, found in findings.items() if found}


def test_permissions_are_those_in_the_documentation(rendered: list[dict[str, Any]]) -> None:
    difference = permissions.difference(permissions.page(permissions.documented(rendered)))
    assert not difference, "review this, then run scripts/permissions --write"


def test_permissions_are_the_union_of_those_of_the_operations(all_policies: Policies) -> None:
    def rows(address: str) -> set[permissions.Permission]:
        return set(permissions.permissions(all_policies[address]))

    by_address: dict[str, set[permissions.Permission]] = {}
    for address in all_policies:
        if match := OPERATION.match(address):
            by_address.setdefault(f"records_api.{match['resource']}", set()).update(rows(address))
    assert len(by_address) > 3
    for address, union in by_address.items():
        if address.split(".")[1] in IDENTITY_POLICIES:
            assert rows(address) == union, address


def test_services_are_allowed_for_named_sources_only(policies: Policies) -> None:
    """A service acts for every customer: without a condition, another account could use it."""
    unbound = [
        f"{address}: {statement['Sid']}"
        for address, policy in policies.items()
        for statement in policy["Statement"]
        if "Service" in statement.get("Principal", ()) and not statement.get("Condition")
        if statement["Action"] != "sts:AssumeRole"
    ]
    assert not unbound
