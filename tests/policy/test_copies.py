"""Values that several files must repeat, because Terraform cannot share them: the copies are equal.

A validation cannot read the locals or another module, and a module cannot import Python. To change
one of these values, change every copy that the failing test names.
"""

import re
from typing import Any

import pytest

from policy.hcl import ROOT, blocks
from records_api import config, listing, parameters, store

RECORDS_API = ROOT / "modules/records-api"
EMAIL_RULES = [
    ("modules/records-api", "alarms", "email in var.alarms.emails"),
    ("modules/records-api", "budget", "email in try(var.budget.emails"),
    ("modules/cost-budget", "notify", "email in var.notify.emails"),
]


def validation(folder: str, variable: str, text: str) -> tuple[str, str]:
    """Return condition and message of the one validation whose condition contains `text`."""
    [block] = [
        block
        for block in blocks(ROOT / folder / "variables.tf", "variable")
        if block.labels == (variable,)
    ]
    [rule] = [rule for rule in block.body["validation"] if text in rule["condition"]]
    return rule["condition"], rule["error_message"]


def local(file: str, name: str) -> Any:
    """Return a local value of modules/records-api."""
    return next(
        block.body[name] for block in blocks(RECORDS_API / file, "locals") if name in block.body
    )


def quoted(text: str) -> list[str]:
    # In a heredoc, python-hcl2 escapes quotation marks.
    return re.findall(r'"(\w+)"', text.replace("\\", ""))


def test_alarm_keys_are_the_same_everywhere() -> None:
    catalog = set(local("alarms.tf", "alarm_catalog"))
    condition, message = validation("modules/records-api", "alarms", "keys(var.alarms.tune)")
    table = (ROOT / "docs/operate.md").read_text().split("\n## Alarms\n")[1].split("\n## ")[0]
    assert set(local("alarms.tf", "default_thresholds")) == catalog
    assert set(quoted(condition)) == catalog
    assert set(re.findall(r"[a-z0-9]+_\w+|heartbeat", message)) == catalog
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == catalog


def test_log_retention_periods_are_the_same() -> None:
    """Audit logs may also be kept forever (0)."""
    condition, message = validation("modules/records-api", "log_retention_days", "3653")
    audit, _ = validation("modules/audit-trail", "log_retention_days", "3653")
    periods = re.findall(r"\d+", condition)
    assert re.findall(r"\d+", message) == periods
    assert re.findall(r"\d+", audit) == ["0", *periods]


def resource(folder: str, type_: str) -> dict[str, Any]:
    """Return the body of the one resource of this type in a module."""
    [body] = [
        block.body
        for path in (ROOT / folder).glob("*.tf")
        for block in blocks(path, "resource")
        if block.labels[0] == type_
    ]
    return body


@pytest.mark.parametrize(
    "setting", ["ownership_controls", "policy", "public_access_block", "versioning"]
)
def test_buckets_of_both_modules_block_public_access(setting: str) -> None:
    """Of the policies, only the statement is compared that denies requests without TLS."""
    trail, state = (
        re.sub(r"aws_s3_bucket(\w*)\.\w+", r"aws_s3_bucket\1.name", str(part))
        for part in (
            resource(f"modules/{module}", f"aws_s3_bucket_{setting}")
            for module in ("audit-trail", "state-backend")
        )
    )
    if setting == "policy":
        statement = r"\{[^{]*TlsOnly.*?SecureTransport.*?\}"
        [trail], [state] = (re.findall(statement, text, re.DOTALL) for text in (trail, state))
    assert trail == state


@pytest.mark.parametrize("module", ["audit-trail", "state-backend"])
def test_modules_derive_the_profile_in_the_same_way(module: str) -> None:
    [derived, expected] = (
        block.body["profile"]
        for folder in (module, "records-api")
        for block in blocks(ROOT / "modules" / folder / "profile.tf", "locals")
        if "profile" in block.body
    )
    assert derived == expected


@pytest.mark.parametrize("module", ["audit-trail", "cost-budget", "state-backend"])
@pytest.mark.parametrize("variable", ["environment", "name"])
def test_modules_accept_the_same_names(module: str, variable: str) -> None:
    rule, expected = (
        validation(f"modules/{folder}", variable, 'can(regex("^')
        for folder in (module, "records-api")
    )
    assert rule == expected


def test_modules_accept_the_same_email_addresses() -> None:
    rules = [
        re.findall(r'regex\("(.+?)", email\)', validation(*arguments)[0])
        for arguments in EMAIL_RULES
    ]
    assert rules[0]
    assert rules == [rules[0]] * len(EMAIL_RULES)


@pytest.mark.parametrize(
    ("variable", "text", "values"),
    [
        ("auth", "var.auth.mode)", config.AUTH_MODES),
        ("function", "var.function.log_level)", config.LOG_LEVELS),
        ("operations", "setsubtract(var.operations", config.OPERATIONS),
        ("table", "setsubtract(var.table.filter_indexes", config.FILTERS),
    ],
    ids=["auth", "function", "operations", "table"],
)
def test_module_and_function_accept_the_same_values(
    variable: str, text: str, values: frozenset[str]
) -> None:
    condition, message = validation("modules/records-api", variable, text)
    assert set(quoted(condition)) == values
    assert set(quoted(message)) == values


def test_module_and_function_have_the_same_retention_limit() -> None:
    arguments = ("modules/records-api", "table", "var.table.record_retention_days >=")
    limits = [re.findall(r"\d+", part) for part in validation(*arguments)]
    assert limits == [["0", str(config.MAX_RETENTION_DAYS)]] * 2


def test_operations_and_filters_have_one_set_of_names() -> None:
    """tests/contract/test_openapi.py compares them with the handler and the OpenAPI document."""
    assert set(local("operations.tf", "catalog")) == config.OPERATIONS
    assert set(parameters.FILTERS) == set(listing.FILTER_PREFERENCE) == config.FILTERS
    assert local("table.tf", "index_names") == {
        name: store.INDEXES[name] for name in parameters.FILTERS
    }


def test_dev_and_prod_differ_only_where_they_should() -> None:
    """A root module has its own variables and outputs. Management events are recorded once."""
    dev, prod = (ROOT / "environments" / name for name in ("dev", "prod"))
    assert (dev / "outputs.tf").read_text() == (prod / "outputs.tf").read_text()
    setting = "management_events = optional(bool, {})"
    inputs = (dev / "variables.tf").read_text()
    assert inputs.count(setting.format("false")) == 1
    assert (prod / "variables.tf").read_text() == inputs.replace(
        setting.format("false"), setting.format("true")
    )
    lock = ".terraform.lock.hcl"
    assert (dev / lock).read_text() == (prod / lock).read_text()


def test_environments_have_the_same_release_variable() -> None:
    local_release, dev_release = (
        [
            block.body
            for block in blocks(ROOT / "environments" / name / "variables.tf", "variable")
            if block.labels == ("release",)
        ]
        for name in ("local", "dev")
    )
    assert local_release == dev_release
