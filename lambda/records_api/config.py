"""Environment variables, read once. Everything that is missing or wrong is reported together, by name."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

OPERATIONS = frozenset({"create", "delete", "get", "list", "update"})
FILTERS = frozenset({"status", "submittedBy", "type"})
AUTH_MODES = frozenset({"IAM", "JWT", "NONE"})
LOG_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})
MAX_RETENTION_DAYS = 3650
# Amazon DynamoDB API Reference, CreateTable, TableName.
TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


class Settings(NamedTuple):
    """What the function was told: names and choices, all checked."""

    table_name: str
    operations: frozenset[str]
    filter_indexes: frozenset[str]
    auth_mode: str
    service: str
    log_level: str
    retention_days: int
    region: str
    endpoint_url: str | None
    # A hash over what Terraform configured; only the self-test reads it. Optional and unchecked, so
    # that it can't fail a request.
    configuration_hash: str | None = None


class ConfigError(Exception):
    """The environment is incomplete or wrong; `problems` names every variable at fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read(environ: Mapping[str, str]) -> Settings:
    """Return the checked settings, or raise ConfigError with all problems at once.

    `AWS_ENDPOINT_URL_DYNAMODB` wins over `AWS_ENDPOINT_URL` (AWS SDKs and Tools Reference Guide,
    "Service-specific endpoints").
    """
    problems: list[str] = []

    def take(name: str, check: Callable[[str], T | None], rule: str, default: T) -> T:
        text = environ.get(name)
        value = None if text is None else check(text)
        if value is None:
            problems.append(
                f"{name} is not set: it {rule}" if text is None else f"{name}={text!r}: it {rule}"
            )
            return default
        return value

    endpoint_name = (
        "AWS_ENDPOINT_URL_DYNAMODB"
        if environ.get("AWS_ENDPOINT_URL_DYNAMODB")
        else "AWS_ENDPOINT_URL"
    )
    endpoint_url = None
    if environ.get(endpoint_name):
        endpoint_url = take(
            endpoint_name, _endpoint, "must be http(s)://host[:port] without a path", ""
        )

    settings = Settings(
        table_name=take("TABLE_NAME", _matching(TABLE_NAME), "must be a DynamoDB table name", ""),
        operations=take(
            "OPERATIONS", _subset(OPERATIONS, 1), _rule("one or more", OPERATIONS), frozenset()
        ),
        filter_indexes=take(
            "FILTER_INDEXES", _subset(FILTERS, 0), _rule("none or more", FILTERS), frozenset()
        ),
        auth_mode=take("AUTH_MODE", _member(AUTH_MODES), _rule("one", AUTH_MODES), ""),
        service=take(
            "SERVICE_NAME", _matching(re.compile(r"\S{1,255}")), "must be a name without blanks", ""
        ),
        log_level=take("LOG_LEVEL", _member(LOG_LEVELS), _rule("one", LOG_LEVELS), ""),
        retention_days=take(
            "RECORD_RETENTION_DAYS", _days, f"must be a whole number, 0 to {MAX_RETENTION_DAYS}", 0
        ),
        region=take(
            "AWS_REGION", _matching(re.compile(r"[a-z0-9-]+")), "must be an AWS region", ""
        ),
        endpoint_url=endpoint_url,
        configuration_hash=environ.get("CONFIGURATION_HASH"),
    )
    if problems:
        raise ConfigError(problems)
    return settings


def _rule(how_many: str, allowed: frozenset[str]) -> str:
    return f"must hold {how_many} of {', '.join(sorted(allowed))}"


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _member(allowed: frozenset[str]) -> Callable[[str], str | None]:
    return lambda text: text if text in allowed else None


def _subset(allowed: frozenset[str], at_least: int) -> Callable[[str], frozenset[str] | None]:
    def check(text: str) -> frozenset[str] | None:
        names = text.split(",") if text else []
        return frozenset(names) if len(names) >= at_least and allowed.issuperset(names) else None

    return check


def _days(text: str) -> int | None:
    return (
        int(text) if re.fullmatch(r"[0-9]{1,4}", text) and int(text) <= MAX_RETENTION_DAYS else None
    )


def _endpoint(text: str) -> str | None:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return None
    plain = url.path in ("", "/") and not url.query and not url.fragment and "@" not in url.netloc
    return text if plain and url.hostname and url.scheme in ("http", "https") else None
