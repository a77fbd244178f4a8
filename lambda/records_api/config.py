"""Read and check the function's environment variables."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

OPERATIONS = frozenset(
    {"changes", "create", "delete", "get", "history", "list", "restore", "update"}
)
FILTERS = frozenset({"status", "submittedBy", "type"})
AUTH_MODES = frozenset({"IAM", "JWT", "NONE"})
LOG_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})
MAX_RETENTION_DAYS = 3650
# Amazon DynamoDB API Reference, CreateTable, TableName.
TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
SERVICE_NAME = re.compile(r"\S{1,255}")
REGION = re.compile(r"[a-z0-9-]+")


class Settings(NamedTuple):
    """The checked configuration of the function."""

    table_name: str
    history_table_name: str
    operations: frozenset[str]
    filter_indexes: frozenset[str]
    auth_modes: frozenset[str]
    service: str
    log_level: str
    retention_days: int
    region: str
    endpoint_url: str | None
    # A hash of the configuration that Terraform applied, for the self-test. It is optional and not
    # checked, so that it cannot make a request fail.
    configuration_hash: str | None = None


class Variable(NamedTuple):
    """An environment variable: its name, its parser and its rule.

    `parse` returns the value, or None if the text breaks the rule. `rule` completes the sentence
    "It must be ...".
    """

    name: str
    parse: Callable[[str], Any]
    rule: str


class ConfigError(Exception):
    """The configuration is invalid; `problems` has one sentence for each invalid variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read(environ: Mapping[str, str]) -> Settings:
    """Return the checked settings.

    Raises ConfigError with the problems of all variables at once.
    """
    variables = REQUIRED | _endpoint_variable(environ)
    problems: list[str] = []
    values: dict[str, Any] = {"endpoint_url": None}
    for setting, variable in variables.items():
        text = environ.get(variable.name)
        values[setting] = None if text is None else variable.parse(text)
        if values[setting] is None:
            state = "is not set" if text is None else f"is {text!r}"
            problems.append(f"{variable.name} {state}; it must be {variable.rule}")
    if problems:
        raise ConfigError(problems)
    return Settings(**values, configuration_hash=environ.get("CONFIGURATION_HASH"))


def _endpoint_variable(environ: Mapping[str, str]) -> dict[str, Variable]:
    """Return the variable that sets the endpoint, if one is set and not empty.

    `AWS_ENDPOINT_URL_DYNAMODB` takes precedence over `AWS_ENDPOINT_URL` (AWS SDKs and Tools
    Reference Guide, "Service-specific endpoints").
    """
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"):
        if environ.get(name):
            rule = "http(s)://host[:port] without a path"
            return {"endpoint_url": Variable(name, _parse_endpoint, rule)}
    return {}


def _parse_table_name(text: str) -> str | None:
    return text if TABLE_NAME.fullmatch(text) else None


def _parse_operations(text: str) -> frozenset[str] | None:
    return _parse_list(text, OPERATIONS) or None


def _parse_filter_indexes(text: str) -> frozenset[str] | None:
    return _parse_list(text, FILTERS)


def _parse_auth_modes(text: str) -> frozenset[str] | None:
    modes = _parse_list(text, AUTH_MODES)
    return None if not modes or ("NONE" in modes and len(modes) > 1) else modes


def _parse_service_name(text: str) -> str | None:
    return text if SERVICE_NAME.fullmatch(text) else None


def _parse_log_level(text: str) -> str | None:
    return text if text in LOG_LEVELS else None


def _parse_days(text: str) -> int | None:
    is_valid = re.fullmatch(r"[0-9]{1,4}", text) and int(text) <= MAX_RETENTION_DAYS
    return int(text) if is_valid else None


def _parse_region(text: str) -> str | None:
    return text if REGION.fullmatch(text) else None


def _parse_endpoint(text: str) -> str | None:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return None
    is_bare = url.path in ("", "/") and not url.query and not url.fragment and "@" not in url.netloc
    return text if is_bare and url.hostname and url.scheme in ("http", "https") else None


def _parse_list(text: str, allowed: frozenset[str]) -> frozenset[str] | None:
    """Return the names of a comma-separated list, or None if one of them is not allowed."""
    names = text.split(",") if text else []
    return frozenset(names) if allowed.issuperset(names) else None


def _joined(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


# The required variables, by the field of Settings that they set.
REQUIRED: dict[str, Variable] = {
    "table_name": Variable("TABLE_NAME", _parse_table_name, "a DynamoDB table name"),
    "history_table_name": Variable(
        "HISTORY_TABLE_NAME", _parse_table_name, "a DynamoDB table name"
    ),
    "operations": Variable(
        "OPERATIONS",
        _parse_operations,
        f"a comma-separated list of one or more of {_joined(OPERATIONS)}",
    ),
    "filter_indexes": Variable(
        "FILTER_INDEXES",
        _parse_filter_indexes,
        f"empty or a comma-separated list of {_joined(FILTERS)}",
    ),
    "auth_modes": Variable("AUTH_MODE", _parse_auth_modes, "IAM, JWT or IAM,JWT, or NONE"),
    "service": Variable(
        "SERVICE_NAME", _parse_service_name, "a name of 1 to 255 characters without spaces"
    ),
    "log_level": Variable("LOG_LEVEL", _parse_log_level, f"one of {_joined(LOG_LEVELS)}"),
    "retention_days": Variable(
        "RECORD_RETENTION_DAYS", _parse_days, f"a whole number from 0 to {MAX_RETENTION_DAYS}"
    ),
    "region": Variable("AWS_REGION", _parse_region, "an AWS Region"),
}
