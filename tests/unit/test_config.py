"""Environment variables: all invalid ones are reported together, by name."""

import re

import pytest

from records_api import config

GOOD = {
    "TABLE_NAME": "records-dev",
    "HISTORY_TABLE_NAME": "records-dev-history",
    "OPERATIONS": "create,get,list",
    "FILTER_INDEXES": "status,submittedBy,type",
    "AUTH_MODE": "IAM",
    "SERVICE_NAME": "records-dev",
    "LOG_LEVEL": "INFO",
    "RECORD_RETENTION_DAYS": "0",
    "AWS_REGION": "eu-west-1",
}


def names_at_fault(environ: dict[str, str]) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.read(environ)
    assert str(caught.value) == "; ".join(caught.value.problems)
    return [re.split(" is ", problem)[0] for problem in caught.value.problems]


def test_valid_environment_is_read() -> None:
    assert config.read(GOOD) == config.Settings(
        table_name="records-dev",
        history_table_name="records-dev-history",
        operations=frozenset({"create", "get", "list"}),
        filter_indexes=frozenset({"status", "submittedBy", "type"}),
        auth_modes=frozenset({"IAM"}),
        service="records-dev",
        log_level="INFO",
        retention_days=0,
        region="eu-west-1",
        endpoint_url=None,
    )


@pytest.mark.parametrize("name", GOOD)
def test_missing_variable_is_named(name: str) -> None:
    assert names_at_fault({key: value for key, value in GOOD.items() if key != name}) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TABLE_NAME", ""),
        ("TABLE_NAME", "ab"),
        ("TABLE_NAME", "a" * 256),
        ("TABLE_NAME", "rec ords"),
        ("TABLE_NAME", "records\n"),
        ("HISTORY_TABLE_NAME", ""),
        ("OPERATIONS", ""),
        ("OPERATIONS", "get,purge"),
        ("OPERATIONS", "get, list"),
        ("OPERATIONS", "get,"),
        ("FILTER_INDEXES", "recordID"),
        ("FILTER_INDEXES", "type status"),
        ("AUTH_MODE", ""),
        ("AUTH_MODE", "iam"),
        ("AUTH_MODE", "IAM, JWT"),
        ("AUTH_MODE", "IAM,NONE"),
        ("SERVICE_NAME", ""),
        ("SERVICE_NAME", "a b"),
        ("LOG_LEVEL", "TRACE"),
        ("LOG_LEVEL", "info"),
        ("RECORD_RETENTION_DAYS", ""),
        ("RECORD_RETENTION_DAYS", "-1"),
        ("RECORD_RETENTION_DAYS", "3651"),
        ("RECORD_RETENTION_DAYS", "1.5"),
        ("RECORD_RETENTION_DAYS", "٣"),
        ("AWS_REGION", ""),
        ("AWS_REGION", "eu west"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL", "ftp://127.0.0.1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1/dynamodb"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:port"),
        ("AWS_ENDPOINT_URL", "http://user@127.0.0.1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1?x=1"),
        ("AWS_ENDPOINT_URL", "https://"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "https://[::1"),
    ],
)
def test_invalid_variable_is_named(name: str, value: str) -> None:
    assert names_at_fault(GOOD | {name: value}) == [name]


def test_all_problems_are_reported_in_one_error() -> None:
    assert sorted(names_at_fault({"AWS_ENDPOINT_URL": "nowhere"})) == sorted(
        [*GOOD, "AWS_ENDPOINT_URL"]
    )
    wrong = {"OPERATIONS": "read", "LOG_LEVEL": "LOUD", "RECORD_RETENTION_DAYS": "many"}
    assert sorted(names_at_fault(GOOD | wrong)) == sorted(wrong)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "http://127.0.0.1:4566"),
        (
            {"AWS_ENDPOINT_URL": "http://one", "AWS_ENDPOINT_URL_DYNAMODB": "https://two/"},
            "https://two/",
        ),
        ({"AWS_ENDPOINT_URL": "http://one", "AWS_ENDPOINT_URL_DYNAMODB": ""}, "http://one"),
        (
            {"AWS_ENDPOINT_URL": "not looked at", "AWS_ENDPOINT_URL_DYNAMODB": "http://two"},
            "http://two",
        ),
        ({"AWS_ENDPOINT_URL": ""}, None),
    ],
)
def test_service_specific_endpoint_has_priority(
    variables: dict[str, str], expected: str | None
) -> None:
    assert config.read(GOOD | variables).endpoint_url == expected


@pytest.mark.parametrize("value", ["", "type", "submittedBy,status"])
def test_filter_indexes_may_be_any_or_none(value: str) -> None:
    assert config.read(GOOD | {"FILTER_INDEXES": value}).filter_indexes == frozenset(
        filter(None, value.split(","))
    )


def test_longest_retention_is_ten_years() -> None:
    assert config.read(GOOD | {"RECORD_RETENTION_DAYS": "3650"}).retention_days == 3650
