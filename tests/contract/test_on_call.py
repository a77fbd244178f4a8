"""Alarms, dashboard, saved queries and runbook, against AWS, the handler and the AWS CLI.

The values come from a mocked apply (modules/records-api/tests/on_call.tftest.hcl).
"""

import fcntl
import io
import json
import logging
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from contract import aws_cli, mocked
from contract.service import MISCONFIGURED, Request, agreeable, app, faulty, send
from lib.paths import ROOT
from policy.hcl import blocks
from records_api import dynamodb, handler, logs, operations, selftest
from unit.support import Context

MODULE = ROOT / "modules/records-api"
PUBLISHED = tomllib.loads((Path(__file__).parent / "published.toml").read_text())
RECORD_ID = "01a206a1-5c0f-7d2b-b6f1-3a5e0c9d8f11"

Metric = tuple[str, str, frozenset[str]]  # namespace, name, names of dimensions
Values = dict[str, Any]
Find = Callable[[str], dict[str, Values]]

# The part of the query language that is used here: Amazon CloudWatch Logs User Guide, "CloudWatch
# Logs Insights language query syntax".
COMMANDS = {"display", "fields", "filter", "limit", "sort", "stats"}
WORDS = {"and", "as", "asc", "by", "desc", "like", "or"}
FUNCTIONS = {"avg", "count", "latest", "max"}
FIELDS_OF_EVERY_LINE = {"@log", "@message", "@timestamp"}
# A column that a query reads from the text of a JSON line, by the name of its field.
PARSE = re.compile(r'^parse @message /"(?P<field>\w+)":"\(\?<(?P<column>\w+)>\[\^"\]\*\)/$')


class Served(NamedTuple):
    """The lines that a handler wrote to its log and printed."""

    lines: list[Values]
    printed: list[Values]


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Any]:
    """The state of the mocked apply, which the first process creates for all."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder if worker_id == "master" else folder.parent
    with (folder / "on_call.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = folder / "on_call.json"
        if not state.exists():
            state.write_text(json.dumps(mocked.applied("on_call", folder)))
    return dict(json.loads(state.read_text()))


@pytest.fixture
def resources(applied: dict[str, Any]) -> Find:
    """Find the resources of a type in the module itself, by their key."""

    def of_type(kind: str) -> dict[str, Values]:
        matching = [
            resource for resource in applied["root_module"]["resources"] if resource["type"] == kind
        ]
        assert matching, kind
        return {str(each.get("index", each["name"])): each["values"] for each in matching}

    return of_type


def test_trail_bucket_logs_access_to_the_given_bucket(applied: dict[str, Any]) -> None:
    logging_to = [
        (resource["values"]["target_bucket"], resource["values"]["target_prefix"])
        for module in applied["root_module"]["child_modules"]
        for resource in module["resources"]
        if resource["type"] == "aws_s3_bucket_logging"
    ]
    assert logging_to == [("account-access-logs", "audit/")]


def named(resources: Find) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of every metric in alarms and dashboard."""
    for alarm in resources("aws_cloudwatch_metric_alarm").values():
        parts = [part for query in alarm["metric_query"] for part in query["metric"]]
        for metric in parts or [alarm]:
            yield metric["namespace"], metric["metric_name"], metric["dimensions"]
    for widget in json.loads(resources("aws_cloudwatch_dashboard")["service"]["dashboard_body"])[
        "widgets"
    ]:
        for metric in widget["properties"]["metrics"]:
            namespace, name, *rest = [part for part in metric if isinstance(part, str)]
            yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def published() -> set[Metric]:
    return {
        (group["namespace"], name, frozenset(dimensions))
        for group in PUBLISHED["metrics"]
        for name in group["names"]
        for dimensions in group["dimensions"]
    }


@pytest.fixture(scope="session")
def served() -> Served:
    """The output of a handler with requests, an exception, throttles, no configuration."""
    routes = operations.OPERATIONS
    requests = [Request(route, RECORD_ID if "{" in route else None) for route in routes]
    faults = [KeyError("defect"), dynamodb.Unavailable("ThrottlingException", "too fast")]

    def counted(operation: str, payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        return agreeable(operation, payload, deadline) | {
            "ConsumedCapacity": {"CapacityUnits": 0.5}
        }

    root, lines, printed = logging.getLogger(), io.StringIO(), io.StringIO()
    stream = logging.StreamHandler(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", printed)
        patch.setattr(root, "handlers", [stream])
        patch.setenv("SERVICE_NAME", "records-test")
        logs.configure("records-test", "INFO")
        for request in requests:
            patch.setattr(handler, "_is_cold", True)
            send(app(counted), request)
        for fault in faults:
            send(app(faulty(agreeable, {"Query": fault})), Request("GET /records"))
        send(MISCONFIGURED, Request("GET /records"))
        handler.start({})
        handler.self_test(app(agreeable), {}, Context())
        denied = faulty(agreeable, {"Query": dynamodb.Refused("AccessDeniedException", "no")})
        with pytest.raises(selftest.SelfTestFailed):
            handler.self_test(app(denied), {}, Context(seconds=1))
    root.setLevel(logging.WARNING)
    return Served(
        *([json.loads(line) for line in text.getvalue().splitlines()] for text in (lines, printed))
    )


def emitted(lines: list[Values]) -> set[Metric]:
    return {
        (directive["Namespace"], metric["Name"], frozenset(dimensions))
        for line in lines
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", [])
        for metric in directive["Metrics"]
        for dimensions in directive["Dimensions"]
    }


def test_alarms_and_dashboard_use_existing_metrics(resources: Find, served: Served) -> None:
    sent = emitted(served.printed)
    assert {metric[0] for metric in sent} == {logs.NAMESPACE}
    used = {
        (namespace, name, frozenset(dimensions)) for namespace, name, dimensions in named(resources)
    }
    assert used - published() - sent == set()
    assert sent - used == set(), "metrics that neither an alarm nor the dashboard uses"


@pytest.mark.parametrize(
    ("errors", "requests", "share"),
    [
        (9, 9, 0),  # too few requests to judge
        (1, 10, 0.1),
        (None, 100, 0),  # a period without errors may have no 5xx data at all
        (49, 1000, 0.049),
        (50, 1000, 0.05),
    ],
)
def test_api_5xx_is_the_share_of_5xx_in_all_requests(
    resources: Find, errors: int | None, requests: int, share: float
) -> None:
    alarm = resources("aws_cloudwatch_metric_alarm")["api-5xx"]
    (watched,) = [query for query in alarm["metric_query"] if query["return_data"]]
    # CloudWatch User Guide, "Using math expressions with CloudWatch metrics": for one data point of
    # each metric, IF, FILL and the operators mean what they mean here.
    names = {
        "FILL": lambda value, filler: filler if value is None else value,
        "IF": lambda condition, yes, no: yes if condition else no,
        "errors": errors,
        "requests": requests,
    }
    value = eval(watched["expression"], {"__builtins__": {}}, names)  # noqa: S307 (our own text)
    assert value == share


def test_alarms_and_dashboard_use_this_service(resources: Find) -> None:
    (function,) = resources("aws_lambda_function").values()
    (alias,) = resources("aws_lambda_alias").values()
    tables = resources("aws_dynamodb_table").values()
    variables = function["environment"][0]["variables"]
    expected = {
        "ApiId": {api["id"] for api in resources("aws_apigatewayv2_api").values()},
        "Currency": {"USD"},
        "FunctionName": {function["function_name"]},
        "GlobalSecondaryIndexName": {
            index["name"] for table in tables for index in table["global_secondary_index"]
        },
        "Resource": {f"{function['function_name']}:{alias['name']}"},
        "Service": {variables["SERVICE_NAME"]},
        "TableName": {table["name"] for table in tables},
    }
    # Amazon DynamoDB Developer Guide, "DynamoDB metrics and dimensions", Operation: the operation
    # of the API, which for a write is the transaction and not its parts.
    actions = {"GetItem", "Query", "TransactWriteItems"}
    for namespace, name, dimensions in named(resources):
        allowed = expected | {
            "Operation": actions if namespace == "AWS/DynamoDB" else set(handler_operations())
        }
        for dimension, value in dimensions.items():
            assert value in allowed[dimension], (namespace, name, dimension)


def handler_operations() -> list[str]:
    return [operation for operation, _ in operations.OPERATIONS.values()]


def access_log_format(resources: Find, api: str) -> str:
    """Return the format of the access log of an API, `main` or `jwt`."""
    [log] = resources("aws_apigatewayv2_stage")[api]["access_log_settings"]
    return str(log["format"])


@pytest.mark.parametrize("api", ["main", "jwt"])
def test_access_log_uses_existing_variables(resources: Find, api: str) -> None:
    values = json.loads(access_log_format(resources, api)).values()
    used = {value.removeprefix("$context.") for value in values if value != "-"}
    assert used <= set(PUBLISHED["access_log"]["variables"])


def test_saved_queries_use_logged_fields(resources: Find, served: Served) -> None:
    apis = resources("aws_apigatewayv2_stage")
    fields = {
        "access": {name for api in apis for name in json.loads(access_log_format(resources, api))},
        "function": {name for line in served.lines + served.printed for name in line},
    }
    groups = {
        group["name"]: purpose for purpose, group in resources("aws_cloudwatch_log_group").items()
    }
    for key, query in resources("aws_cloudwatch_query_definition").items():
        logged = set().union(*(fields[groups[name]] for name in query["log_group_names"]))
        assert fields_of(query["query_string"]) - logged <= FIELDS_OF_EVERY_LINE, key


def steps_of(query: str) -> tuple[dict[str, str], list[str]]:
    """Return the field of each column that a query parses, and its other steps."""
    steps = [step.strip() for step in re.split(r"\n\s*\|\s*", query)]
    parsed = [match for step in steps if (match := PARSE.match(step))]
    others = [step for step in steps if not step.startswith("parse ")]
    assert len(parsed) + len(others) == len(steps), query
    return {match["column"]: match["field"] for match in parsed}, others


def fields_of(query: str) -> set[str]:
    """Return the fields that a query reads, without the names that it defines."""
    columns, steps = steps_of(query)
    bare = re.sub(r'"[^"]*"|/[^/\n]*/', " ", "\n| ".join(steps))
    for step in bare.split("|"):
        assert step.split()[0] in COMMANDS
    assert set(re.findall(r"(\w+)\(", bare)) <= FUNCTIONS
    defined = set(re.findall(r"\bas (\w+)", bare)) | columns.keys()
    words = set(re.findall(r"@?\b[a-zA-Z][\w.]*\b(?!\()", bare))
    return (words - COMMANDS - WORDS - defined) | set(columns.values())


# Sent to hide a request. API Gateway does not document that it escapes values.
HOSTILE = (
    'quote " backslash \\ end',
    'x","caller":"somebody-else","requestId":"other","routeKey":"POST /records","status":"500',
)


@pytest.mark.parametrize("text", [*HOSTILE, *(json.dumps(text)[1:-1] for text in HOSTILE)])
@pytest.mark.parametrize("field", ["path", "userAgent"])
@pytest.mark.parametrize("api", ["main", "jwt"])
def test_who_read_what_finds_requests_with_hostile_values(
    resources: Find, api: str, field: str, text: str
) -> None:
    sent = {
        "caller": "arn:aws:sts::123456789012:assumed-role/team/me" if api == "main" else "user-1",
        "clientId": "" if api == "main" else "client-9",
        "issuer": "" if api == "main" else "https://login.example.com",
        "path": "/records/1",
        "requestId": "r=1",
        "routeKey": "GET /records/{recordID}",
        "sourceIp": "192.0.2.1",
        "status": "200",
        "userAgent": "curl/8",
    }
    template = access_log_format(resources, api)
    values = {variable: sent.get(name, "-") for name, variable in json.loads(template).items()}
    values[json.loads(template)[field]] = text
    line = re.sub(r"\$context[.\w]+", lambda match: values[match[0]], template)
    query = resources("aws_cloudwatch_query_definition")["who-read-what"]["query_string"]
    columns, steps = steps_of(query)
    assert steps[0] == "filter route like /^GET /"
    # A column without a match is empty: the lines of the API for signatures have no issuer.
    row = {name: "".join(re.findall(rf'"{name}":"([^"]*)', line)[:1]) for name in columns.values()}
    assert row | {field: ""} == sent | {field: ""}


def test_fields_of_a_query_are_read() -> None:
    query = """parse @message /"path":"(?<target>[^"]*)/
| filter message = "no field" and statusCode >= 1 and target like /^x/
| stats count(*) as many by operation | sort many desc"""
    assert fields_of(query) == {"message", "operation", "path", "statusCode"}


def test_runbook_commands_are_valid(applied: dict[str, Any]) -> None:
    variables = {
        "BACKUP_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-dev/backup/01-a",
        "HISTORY_BACKUP_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/b/backup/01-b",
        "MODULE": "module.records",
        "MOMENT": "2026-01-31T09:30:00Z",
        "RECORD_ID": RECORD_ID,
        "REQUEST_ID": "r=1",
        "SUFFIX": "-restored",
        "VERSION": "7",
    }
    variables |= dict.fromkeys(
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "RECORDS_TOKEN"), "x"
    )
    adopted: list[list[str]] = []
    for key, line in applied["outputs"]["runbook"]["value"].items():
        commands = aws_cli.commands(line, ("aws", "curl", "terraform"), **variables)
        assert commands, key
        for program, *words in commands:
            if program == "aws":
                aws_cli.parsed(words)
            elif program == "terraform" and key == "adopt_tables":
                adopted.append(words)
            elif program == "terraform":
                check_release(words)
    addresses = [f"module.records.aws_dynamodb_table.{key}" for key in ("history", "records")]
    policy = 'module.records.aws_dynamodb_resource_policy.history["history"]'
    assert adopted == [
        ["state", "rm", *addresses, policy],
        ["import", addresses[0], "orders-dev-history-restored"],
        ["import", addresses[1], "orders-dev-restored"],
    ]


def check_release(words: list[str]) -> None:
    """Check that `terraform apply` of dev and prod accepts these words for `release`."""
    action, flag, setting = words
    name, _, value = setting.partition("=")
    assert (action, flag) == ("apply", "-var")
    assert re.fullmatch(r'\{pinned_version="[1-9]\d*"(,canary=\{weight=0\.\d+\})?\}', value)
    for environment in ("dev", "prod"):
        assert name in {
            block.labels[0]
            for block in blocks(ROOT / f"environments/{environment}/variables.tf", "variable")
        }


@pytest.mark.parametrize(
    "words",
    [
        ["dynamodb", "restore-table", "--region", "eu-west-1"],
        ["dynamodb", "describe-table", "--table-nam", "a", "--region", "eu-west-1"],
        ["dynamodb", "describe-table", "--region", "eu-west-1"],
        [
            "cloudtrail",
            "lookup-events",
            "--region",
            "eu-west-1",
            "--lookup-attributes",
            "Key=ResourceName,Value=a",
        ],
    ],
)
def test_invalid_commands_are_reported(words: list[str]) -> None:
    with pytest.raises(AssertionError):
        aws_cli.parsed(words)
