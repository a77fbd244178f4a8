"""The function's own role, in sessions of the role itself: it can do what its operations need, and nothing beside it.

The emulator decides by action, table and index as AWS does. It names a log group without the `:*` that AWS has behind
it, so calls to logs are made by a user who holds the role's policy in that spelling. It gives no request a
`kms:ViaService` or encryption context, so of the key it can only be shown that the role has no use of it by itself.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from e2e.instances import Instances
from e2e.talk import LOG_GROUP, TABLE, created, unique
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
# A condition that never holds: a write that is allowed still changes nothing.
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


def of_table(table: str) -> list[Call]:
    """Return what the operations do on a table itself."""
    return [
        ("dynamodb", "get_item", {"TableName": table, "Key": ABSENT}),
        ("dynamodb", "put_item", {"TableName": table, "Item": ABSENT, **NEVER}),
        ("dynamodb", "delete_item", {"TableName": table, "Key": ABSENT, **NEVER}),
    ]


def transaction(**parts: Any) -> Call:  # noqa: ANN401 (items of DynamoDB's API)
    """Return a transaction of one change for each table, by its name with underscores."""
    items = [
        {kind: {"TableName": table.replace("_", "-"), **change, **NEVER}}
        for table, (kind, change) in parts.items()
    ]
    return "dynamodb", "transact_write_items", {"TransactItems": items}


def of_history(table: str) -> list[Call]:
    """Return what the operations do on a history table by itself."""
    return [
        ("dynamodb", "get_item", {"TableName": table, "Key": ABSENT_ENTRY}),
        query(None, table),
        query("byChange", table),
    ]


def of_log_group(group: str) -> list[Call]:
    """Return what the Lambda service does in the role's name in a log group."""
    events = [{"timestamp": int(time.time() * 1000), "message": "{}"}]
    stream = {"logGroupName": group, "logStreamName": unique("stream")}
    return [
        ("logs", "create_log_stream", stream),
        ("logs", "put_log_events", {**stream, "logEvents": events}),
    ]


PUT, DELETE = ("Put", {"Item": ABSENT}), ("Delete", {"Key": ABSENT})
ENTRY = ("Put", {"Item": ABSENT_ENTRY})
NEEDED = [
    *of_table(TABLE),
    *(query(index) for index in INDEXES),
    *of_history(HISTORY),
    transaction(records_local=PUT, records_local_history=ENTRY),
    transaction(records_local=DELETE, records_local_history=ENTRY),
]
ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
STATEMENT = f"SELECT * FROM \"{TABLE}\" WHERE recordID = 'absent'"  # noqa: S608 (PartiQL, and of constants)
BEYOND: list[Call] = [
    # Other actions on the very table and its indexes.
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
    ("dynamodb", "create_backup", {"TableName": TABLE, "BackupName": "taken"}),
    ("dynamodb", "list_tables", {}),
    ("dynamodb", "tag_resource", {"ResourceArn": ARN, "Tags": [{"Key": "a", "Value": "b"}]}),
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
    ("dynamodb", "put_resource_policy", {"ResourceArn": f"{ARN}-history", "Policy": "{}"}),
    ("dynamodb", "delete_resource_policy", {"ResourceArn": f"{ARN}-history"}),
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
    *of_table(OTHER_TABLE),
    *of_history(OTHER_HISTORY),
    transaction(tokens_local=PUT, tokens_local_history=ENTRY),
    transaction(records_local=PUT, tokens_local_history=ENTRY),
    *(query(index, OTHER_TABLE) for index in INDEXES),
    # Logs: other groups, and whatever is not writing.
    *of_log_group(OTHER_LOG_GROUP),
    *of_log_group("/aws/vendedlogs/records-local/access"),
    ("logs", "create_log_group", {"logGroupName": "/aws/lambda/records-local-2"}),
    ("logs", "create_log_group", {"logGroupName": LOG_GROUP}),
    ("logs", "put_retention_policy", {"logGroupName": LOG_GROUP, "retentionInDays": 1}),
    ("logs", "filter_log_events", {"logGroupName": LOG_GROUP}),
    ("logs", "delete_log_stream", {"logGroupName": LOG_GROUP, "logStreamName": "of-the-tests"}),
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
    """Return a maker of clients that act as the role of a function. Only the emulator's root can take it on."""
    role = aws("lambda").get_function_configuration(FunctionName=function)["Role"]
    made = aws("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    keys = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }
    return lambda service: aws(service, **keys)


def keys(caller: Caller) -> dict[str, str]:
    return {
        "aws_access_key_id": caller.access_key_id,
        "aws_secret_access_key": caller.secret_access_key,
    }


@pytest.fixture(scope="module")
def as_role(beside: Instances, new_user: Callable[..., Caller], aws: Aws) -> Callable[[str], Any]:
    """Make clients that act as the function's role; another instance is there whose things it must not touch."""
    assert beside.tokens.table == OTHER_TABLE
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


def outcome(client: Any, operation: str, arguments: dict[str, Any]) -> str:  # noqa: ANN401 (a boto3 client)
    """Return the error code of a call, or an empty text."""
    try:
        getattr(client, operation)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize("call", NEEDED, ids=name)
def test_the_role_can_do_what_its_operations_need(
    as_role: Callable[[str], Any], call: Call
) -> None:
    service, operation, arguments = call
    expected = "ConditionalCheckFailedException" if "ConditionExpression" in arguments else ""
    expected = "TransactionCanceledException" if "TransactItems" in arguments else expected
    assert outcome(as_role(service), operation, arguments) == expected


def test_the_role_can_write_its_log(as_role: Callable[[str], Any]) -> None:
    calls = of_log_group(LOG_GROUP)
    assert [
        outcome(as_role(service), operation, arguments) for service, operation, arguments in calls
    ] == ["", ""]


@pytest.mark.parametrize("call", BEYOND, ids=name)
def test_the_role_can_do_nothing_else(as_role: Callable[[str], Any], call: Call) -> None:
    service, operation, arguments = call
    assert outcome(as_role(service), operation, arguments) in (
        "AccessDenied",
        "AccessDeniedException",
    )


def test_the_role_can_not_use_a_key_by_itself(as_role: Callable[[str], Any], aws: Aws) -> None:
    own = aws("dynamodb").describe_table(TableName=TABLE)["Table"]["SSEDescription"][
        "KMSMasterKeyArn"
    ]
    other = aws("dynamodb").describe_table(TableName=OTHER_TABLE)["Table"]["SSEDescription"][
        "KMSMasterKeyArn"
    ]
    assert own != other
    for key in (own, other):
        secret = aws("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
        for operation, arguments in (
            ("decrypt", {"CiphertextBlob": secret}),
            ("encrypt", {"KeyId": key, "Plaintext": b"x"}),
            ("generate_data_key", {"KeyId": key, "KeySpec": "AES_256"}),
            ("schedule_key_deletion", {"KeyId": key}),
            ("put_key_policy", {"KeyId": key, "PolicyName": "default", "Policy": "{}"}),
            ("create_grant", {"KeyId": key, "GranteePrincipal": "me", "Operations": ["Decrypt"]}),
        ):
            assert outcome(as_role("kms"), operation, arguments) == "AccessDeniedException", (
                key,
                operation,
            )


def test_the_role_can_not_call_the_api(as_role: Callable[[str], Any], writer: Caller) -> None:
    credentials = as_role("sts")._request_signer._credentials
    of_session = credentials.access_key, credentials.secret_key, credentials.token
    assert Caller(writer.url, writer.region, *of_session).call("GET").status == 403


def test_callers_can_not_take_the_role_on_nor_reach_behind_the_api(
    reader: Caller, writer: Caller, aws: Aws
) -> None:
    role = aws("lambda").get_function_configuration(FunctionName="records-local")["Role"]
    record, _ = created(writer)
    for caller in (reader, writer):
        for service, operation, arguments in (
            ("sts", "assume_role", {"RoleArn": role, "RoleSessionName": "taken"}),
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


def test_an_operation_that_is_off_and_an_index_that_is_not_there_come_with_no_right(
    beside: Instances, aws: Aws
) -> None:
    """The open instance has create, get and list, and of the filters' indexes that of `type`."""
    as_open, table = session(aws, beside.open.function), beside.open.table
    found = [
        outcome(as_open(service), operation, given) for service, operation, given in of_table(table)
    ]
    assert found == ["", "ConditionalCheckFailedException", "AccessDeniedException"]
    found = [
        outcome(as_open("dynamodb"), "query", query(index, table)[2]) for index in sorted(INDEXES)
    ]
    assert found == ["", "AccessDeniedException", "AccessDeniedException", ""]
    found = [
        outcome(as_open(service), operation, given)
        for service, operation, given in of_history(f"{table}-history")
    ]
    assert found == ["", "AccessDeniedException", "AccessDeniedException"]
    names = {table.replace("-", "_"): PUT, f"{table}-history".replace("-", "_"): ENTRY}
    service, operation, given = transaction(**names)
    assert outcome(as_open(service), operation, given) == "TransactionCanceledException"
