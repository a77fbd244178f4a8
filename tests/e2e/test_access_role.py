"""The function's role allows what its operations need and nothing else.

The emulator evaluates action, table and index as AWS does. It names a log group without the `:*`
that AWS appends, so a user with the accordingly changed policy makes the calls to logs. It sends no
`kms:ViaService` or encryption context, so these tests only show that the role cannot use a key
directly.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.instances import Instances
from e2e.support import LOG_GROUP, TABLE, created, unique
from lib.client import Caller

Aws = Callable[..., Any]
Call = tuple[str, str, dict[str, Any]]

ACCOUNT = "000000000000"
REGION = "us-east-1"
INDEXES = {
    "byCreated": "feed",
    "byStatus": "status",
    "bySubmittedBy": "submittedBy",
    "byType": "type",
}
HISTORY = f"{TABLE}-history"
OTHER_TABLE, OTHER_LOG_GROUP = "tokens-local", "/aws/lambda/tokens-local"
OTHER_HISTORY = "tokens-local-history"
ABSENT: dict[str, Any] = {"recordID": {"S": "absent"}}
ABSENT_ENTRY: dict[str, Any] = {**ABSENT, "version": {"N": "1"}}
# A condition that is never true: an allowed write changes nothing.
NEVER = {"ConditionExpression": "attribute_exists(recordID) AND attribute_not_exists(recordID)"}


def query(index: str | None, table: str = TABLE) -> Call:
    name = {"IndexName": index} if index else {}
    key = (INDEXES | {"byChange": "feed"})[index] if index else "recordID"
    terms = {
        "ExpressionAttributeNames": {"#key": key},
        "ExpressionAttributeValues": {":value": {"S": "absent"}},
    }
    return (
        "dynamodb",
        "query",
        {"TableName": table, **name, "KeyConditionExpression": "#key = :value", **terms},
    )


def table_calls(table: str) -> list[Call]:
    """Return the calls of the operations to a table itself."""
    return [
        ("dynamodb", "get_item", {"TableName": table, "Key": ABSENT}),
        ("dynamodb", "put_item", {"TableName": table, "Item": ABSENT, **NEVER}),
        ("dynamodb", "delete_item", {"TableName": table, "Key": ABSENT, **NEVER}),
    ]


def transaction(**parts: Any) -> Call:
    """Return a transaction of one change for each table, by its name with underscores."""
    items = [
        {kind: {"TableName": table.replace("_", "-"), **change, **NEVER}}
        for table, (kind, change) in parts.items()
    ]
    return "dynamodb", "transact_write_items", {"TransactItems": items}


def history_calls(table: str) -> list[Call]:
    """Return the calls of the operations to a history table outside transactions."""
    return [
        ("dynamodb", "get_item", {"TableName": table, "Key": ABSENT_ENTRY}),
        query(None, table),
        query("byChange", table),
    ]


def log_calls(group: str) -> list[Call]:
    """Return the calls of the Lambda service to a log group, with the role."""
    events = [{"timestamp": int(time.time() * 1000), "message": "{}"}]
    stream = {"logGroupName": group, "logStreamName": unique("stream")}
    return [
        ("logs", "create_log_stream", stream),
        ("logs", "put_log_events", {**stream, "logEvents": events}),
    ]


PUT, DELETE = ("Put", {"Item": ABSENT}), ("Delete", {"Key": ABSENT})
ENTRY = ("Put", {"Item": ABSENT_ENTRY})
NEEDED = [
    *table_calls(TABLE),
    *(query(index) for index in INDEXES),
    *history_calls(HISTORY),
    transaction(records_local=PUT, records_local_history=ENTRY),
    transaction(records_local=DELETE, records_local_history=ENTRY),
]
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
STATEMENT = f"SELECT * FROM \"{TABLE}\" WHERE recordID = 'absent'"  # noqa: S608 (PartiQL)
DENIED: list[Call] = [
    # Other actions on the table and its indexes.
    query(None),
    ("dynamodb", "scan", {"TableName": TABLE}),
    ("dynamodb", "scan", {"TableName": TABLE, "IndexName": "byType"}),
    ("dynamodb", "update_item", {"TableName": TABLE, "Key": ABSENT}),
    ("dynamodb", "batch_get_item", {"RequestItems": {TABLE: {"Keys": [ABSENT]}}}),
    (
        "dynamodb",
        "batch_write_item",
        {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": ABSENT}}]}},
    ),
    ("dynamodb", "execute_statement", {"Statement": STATEMENT}),
    ("dynamodb", "describe_table", {"TableName": TABLE}),
    ("dynamodb", "describe_time_to_live", {"TableName": TABLE}),
    ("dynamodb", "update_table", {"TableName": TABLE, "DeletionProtectionEnabled": False}),
    (
        "dynamodb",
        "update_time_to_live",
        {
            "TableName": TABLE,
            "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "expiresAt"},
        },
    ),
    ("dynamodb", "create_backup", {"TableName": TABLE, "BackupName": "backup"}),
    ("dynamodb", "list_tables", {}),
    ("dynamodb", "tag_resource", {"ResourceArn": TABLE_ARN, "Tags": [{"Key": "a", "Value": "b"}]}),
    # Entries are added in transactions, and never changed or removed.
    ("dynamodb", "put_item", {"TableName": HISTORY, "Item": ABSENT_ENTRY, **NEVER}),
    ("dynamodb", "update_item", {"TableName": HISTORY, "Key": ABSENT_ENTRY}),
    ("dynamodb", "delete_item", {"TableName": HISTORY, "Key": ABSENT_ENTRY, **NEVER}),
    transaction(records_local_history=("Delete", {"Key": ABSENT_ENTRY})),
    transaction(
        records_local_history=(
            "Update",
            {
                "Key": ABSENT_ENTRY,
                "UpdateExpression": "SET a = :a",
                "ExpressionAttributeValues": {":a": {"S": "b"}},
            },
        )
    ),
    (
        "dynamodb",
        "batch_write_item",
        {"RequestItems": {HISTORY: [{"PutRequest": {"Item": ABSENT_ENTRY}}]}},
    ),
    ("dynamodb", "execute_statement", {"Statement": STATEMENT.replace(TABLE, HISTORY)}),
    ("dynamodb", "scan", {"TableName": HISTORY}),
    ("dynamodb", "scan", {"TableName": HISTORY, "IndexName": "byChange"}),
    ("dynamodb", "describe_table", {"TableName": HISTORY}),
    ("dynamodb", "put_resource_policy", {"ResourceArn": f"{TABLE_ARN}-history", "Policy": "{}"}),
    ("dynamodb", "delete_resource_policy", {"ResourceArn": f"{TABLE_ARN}-history"}),
    (
        "dynamodb",
        "update_time_to_live",
        {
            "TableName": HISTORY,
            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "position"},
        },
    ),
    ("dynamodb", "delete_table", {"TableName": HISTORY}),
    # The same actions on the tables of another instance.
    *table_calls(OTHER_TABLE),
    *history_calls(OTHER_HISTORY),
    transaction(tokens_local=PUT, tokens_local_history=ENTRY),
    transaction(records_local=PUT, tokens_local_history=ENTRY),
    *(query(index, OTHER_TABLE) for index in INDEXES),
    # Logs: other groups, and anything but writing.
    *log_calls(OTHER_LOG_GROUP),
    *log_calls("/aws/vendedlogs/records-local/access"),
    ("logs", "create_log_group", {"logGroupName": "/aws/lambda/records-local-2"}),
    ("logs", "create_log_group", {"logGroupName": LOG_GROUP}),
    ("logs", "put_retention_policy", {"logGroupName": LOG_GROUP, "retentionInDays": 1}),
    ("logs", "filter_log_events", {"logGroupName": LOG_GROUP}),
    ("logs", "delete_log_stream", {"logGroupName": LOG_GROUP, "logStreamName": "absent"}),
    ("logs", "describe_log_groups", {}),
    # Everything else.
    ("lambda", "invoke", {"FunctionName": "records-local"}),
    ("lambda", "get_function", {"FunctionName": "records-local"}),
    (
        "lambda",
        "update_alias",
        {"FunctionName": "records-local", "Name": "live", "FunctionVersion": "1"},
    ),
    ("iam", "list_users", {}),
    ("iam", "create_access_key", {"UserName": "records-local-writer"}),
    ("s3", "list_buckets", {}),
    ("sqs", "list_queues", {}),
    ("secretsmanager", "list_secrets", {}),
    ("ssm", "get_parameters_by_path", {"Path": "/"}),
    (
        "cloudwatch",
        "put_metric_data",
        {"Namespace": "RecordsApi", "MetricData": [{"MetricName": "m", "Value": 1}]},
    ),
    ("kms", "list_keys", {}),
]


def name(call: Call) -> str:
    service, operation, arguments = call
    what = [part for item in arguments.get("TransactItems", ()) for part in item]
    what += [
        str(value)
        for key, value in arguments.items()
        if key in ("TableName", "IndexName", "logGroupName")
    ]
    return " ".join([service, operation, *what])


def session(aws: Aws, function: str) -> Callable[[str], Any]:
    """Return a function that creates clients with the role of a function."""
    role = aws("lambda").get_function_configuration(FunctionName=function)["Role"]
    credentials = aws("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return lambda service: aws(service, **keys)


def keys(caller: Caller) -> dict[str, str]:
    return {
        "aws_access_key_id": caller.access_key_id,
        "aws_secret_access_key": caller.secret_access_key,
    }


@pytest.fixture(scope="module")
def as_role(
    extra_instances: Instances, new_user: Callable[..., Caller], aws: Aws
) -> Callable[[str], Any]:
    """A function that creates clients with the function's role, beside another instance."""
    assert extra_instances.tokens.table == OTHER_TABLE
    role = (
        aws("lambda")
        .get_function_configuration(FunctionName="records-local")["Role"]
        .rpartition("/")[2]
    )
    (name,) = aws("iam").list_role_policies(RoleName=role)["PolicyNames"]
    assert aws("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    document = json.dumps(
        aws("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    )
    assert f'{LOG_GROUP}:*"' in document
    writer_of_logs = keys(
        new_user(policy=json.loads(document.replace(f'{LOG_GROUP}:*"', f'{LOG_GROUP}"')))
    )
    client = session(aws, "records-local")
    return lambda service: aws(service, **writer_of_logs) if service == "logs" else client(service)


def outcome(client: Any, operation: str, arguments: dict[str, Any]) -> str:
    """Return the error code of a call, or an empty text."""
    try:
        getattr(client, operation)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize("call", NEEDED, ids=name)
def test_role_allows_what_its_operations_need(as_role: Callable[[str], Any], call: Call) -> None:
    service, operation, arguments = call
    expected = "ConditionalCheckFailedException" if "ConditionExpression" in arguments else ""
    expected = "TransactionCanceledException" if "TransactItems" in arguments else expected
    assert outcome(as_role(service), operation, arguments) == expected


def test_role_can_write_its_log(as_role: Callable[[str], Any]) -> None:
    calls = log_calls(LOG_GROUP)
    assert [
        outcome(as_role(service), operation, arguments) for service, operation, arguments in calls
    ] == ["", ""]


@pytest.mark.parametrize("call", DENIED, ids=name)
def test_role_allows_nothing_else(as_role: Callable[[str], Any], call: Call) -> None:
    service, operation, arguments = call
    assert outcome(as_role(service), operation, arguments) in (
        "AccessDenied",
        "AccessDeniedException",
    )


def test_role_cannot_use_a_key_directly(as_role: Callable[[str], Any], aws: Aws) -> None:
    key_arn = aws("dynamodb").describe_table(TableName=TABLE)["Table"]["SSEDescription"][
        "KMSMasterKeyArn"
    ]
    other = aws("dynamodb").describe_table(TableName=OTHER_TABLE)["Table"]["SSEDescription"][
        "KMSMasterKeyArn"
    ]
    assert key_arn != other
    for key in (key_arn, other):
        secret = aws("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        for operation, arguments in (
            ("decrypt", {"CiphertextBlob": secret}),
            ("encrypt", {"KeyId": key, "Plaintext": b"x"}),
            ("generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}),
            ("schedule_key_deletion", {"KeyId": key}),
            ("put_key_policy", {"KeyId": key, "PolicyName": "default", "Policy": "{}"}),
            ("create_grant", {"KeyId": key, "GranteePrincipal": "user", "Operations": ["Decrypt"]}),
        ):
            assert outcome(as_role("kms"), operation, arguments) == "AccessDeniedException", (
                key,
                operation,
            )


def test_role_cannot_call_the_api(as_role: Callable[[str], Any], writer: Caller) -> None:
    credentials = as_role("sts")._request_signer._credentials
    session_keys = credentials.access_key, credentials.secret_key, credentials.token
    assert Caller(writer.url, writer.region, *session_keys).call("GET").status == 403


def test_callers_have_no_access_behind_the_api(reader: Caller, writer: Caller, aws: Aws) -> None:
    role = aws("lambda").get_function_configuration(FunctionName="records-local")["Role"]
    record, _ = created(writer)
    for caller in (reader, writer):
        for service, operation, arguments in (
            ("sts", "assume_role", {"RoleArn": role, "RoleSessionName": "session"}),
            ("lambda", "invoke", {"FunctionName": "records-local"}),
            (
                "dynamodb",
                "get_item",
                {"TableName": TABLE, "Key": {"recordID": {"S": record["recordID"]}}},
            ),
            ("dynamodb", "put_item", {"TableName": TABLE, "Item": {"recordID": {"S": unique()}}}),
            query("byCreated"),
            query("byChange", HISTORY),
            ("logs", "filter_log_events", {"logGroupName": LOG_GROUP}),
        ):
            code = outcome(aws(service, **keys(caller)), operation, arguments)
            assert code in ("AccessDenied", "AccessDeniedException"), (service, operation)


def test_role_has_no_rights_for_disabled_operations(extra_instances: Instances, aws: Aws) -> None:
    """The open instance has the operations create, get and list, and the index of `type`."""
    as_open, table = session(aws, extra_instances.open.function), extra_instances.open.table
    codes = [
        outcome(as_open(service), operation, arguments)
        for service, operation, arguments in table_calls(table)
    ]
    assert codes == ["", "ConditionalCheckFailedException", "AccessDeniedException"]
    codes = [
        outcome(as_open("dynamodb"), "query", query(index, table)[2]) for index in sorted(INDEXES)
    ]
    assert codes == ["", "AccessDeniedException", "AccessDeniedException", ""]
    codes = [
        outcome(as_open(service), operation, arguments)
        for service, operation, arguments in history_calls(f"{table}-history")
    ]
    assert codes == ["", "AccessDeniedException", "AccessDeniedException"]
    names = {table.replace("-", "_"): PUT, f"{table}-history".replace("-", "_"): ENTRY}
    service, operation, arguments = transaction(**names)
    assert outcome(as_open(service), operation, arguments) == "TransactionCanceledException"
