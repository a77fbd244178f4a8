"""Rules for the HCL that `terraform validate` does not know."""

import re
from functools import cache
from pathlib import Path

import pytest

from policy.hcl import MODULES, ROOT, ROOT_MODULES, Block, blocks, names, parse, sources, texts

# What provider 6 removed or deprecated, from its "Version 6 Upgrade" guide: attributes that are
# read (`type.name.attribute`), and settings of a resource, by its type.
REJECTED_REFERENCES = {
    r"data\.aws_region\.\w+\.(?:name|region)\b": "use .id",
    r"\baws_s3_bucket\.\w+(?:\[[^\]]+\])?\.region\b": "provider 6 says bucket_region",
}
REJECTED_SETTINGS = {
    "aws_budgets_budget": {"cost_filters"},
    "aws_dynamodb_table": {"hash_key", "range_key"},
    "aws_iam_policy_document": {"source_json", "override_json"},
    "aws_iam_role": {"inline_policy", "managed_policy_arns"},
    "aws_s3_bucket": {
        "acceleration_status",
        "acl",
        "cors_rule",
        "grant",
        "lifecycle_rule",
        "logging",
        "policy",
        "server_side_encryption_configuration",
        "versioning",
        "website",
    },
}
# Provider 6 deprecates the keys of an index for `key_schema`, which provider 5 does not know.
EXCEPTIONS = {("aws_dynamodb_table", "hash_key"), ("aws_dynamodb_table", "range_key")}
MOST_VARIABLES = 20


@cache
def all_blocks(*kinds: str) -> list[Block]:
    """Return the blocks of these kinds in all files."""
    return [block for path in sources() for kind in kinds for block in blocks(path, kind)]


def rejected_settings(block: Block) -> set[str]:
    """Return which rejected settings a resource or data source makes, at any depth."""
    return REJECTED_SETTINGS.get(block.labels[0], set()) & set(names(block.body))


def files_with(pattern: str) -> list[Path]:
    """Return the files with a string or an expression that matches."""
    return [
        path
        for path in sources()
        if any(re.search(pattern, text) for text in texts(parse(path.read_text())))
    ]


def names_by_file(kind: str) -> dict[Path, list[str]]:
    """Return the names of the blocks of a kind, in the order of each file."""
    by_file: dict[Path, list[str]] = {}
    for block in all_blocks(kind):
        by_file.setdefault(block.path, []).append(block.labels[0])
    return by_file


def labels(*kinds: str) -> set[str]:
    return {block.labels[0] for block in all_blocks(*kinds)}


def test_reader_returns_blocks_and_names() -> None:
    assert {"records-api", "audit-trail"} <= {path.name for path in MODULES}
    assert {"local", "dev", "prod"} <= {path.name for path in ROOT_MODULES}
    resources = labels("resource", "data")
    assert {"aws_dynamodb_table", "aws_lambda_function", "aws_region"} <= resources
    assert {"access", "tags"} <= labels("variable")
    assert {"api_id", "writer_role_arn"} <= labels("output")
    keys = {name for block in all_blocks("resource") for name in names(block.body)}
    assert {"hash_key", "create_before_destroy", "global_secondary_index"} <= keys
    assert files_with(r"\bdata\.aws_region\.\w+\.id\b")


@pytest.mark.parametrize(("pattern", "remedy"), REJECTED_REFERENCES.items())
def test_no_references_that_provider_6_removed(pattern: str, remedy: str) -> None:
    assert not files_with(pattern), remedy


def test_no_settings_that_provider_6_removed() -> None:
    settings = {
        (block.labels[0], name)
        for block in all_blocks("resource", "data")
        for name in rejected_settings(block)
    }
    assert settings == EXCEPTIONS, "rejected settings, or exceptions without a use"


def test_optional_resources_have_for_each_and_names() -> None:
    """`count` gives addresses without meaning: `{ for key in ["name"] : key => ... if ... }`."""
    kinds = ("resource", "data", "module")
    assert not [block.address for block in all_blocks(*kinds) if "count" in block.body]
    assert not [block.address for block in all_blocks(*kinds) if block.labels[-1] == "this"]


def test_no_role_may_create_log_groups() -> None:
    assert not files_with("CreateLogGroup")


def test_module_has_at_most_20_variables() -> None:
    variables = names_by_file("variable")[ROOT / "modules/records-api/variables.tf"]
    assert len(variables) <= MOST_VARIABLES


def test_every_variable_has_a_type_and_none_is_any() -> None:
    assert not [
        block.address
        for block in all_blocks("variable")
        if re.search(r"\bany\b", block.body.get("type", "any"))
    ]


def test_variables_are_nullable_only_if_null_is_the_default() -> None:
    nullable = [
        block.address
        for block in all_blocks("variable")
        if block.body.get("nullable") is not False
        and not ("default" in block.body and block.body["default"] is None)
    ]
    assert not nullable, "set nullable = false, or a default of null that the description explains"


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_interfaces_are_described_and_in_order(kind: str) -> None:
    assert not [block.address for block in all_blocks(kind) if not block.body.get("description")]
    files = names_by_file(kind)
    assert not [path for path, ordered in files.items() if ordered != sorted(ordered)]


@pytest.mark.parametrize("folder", MODULES + ROOT_MODULES, ids=lambda folder: folder.name)
def test_version_constraints_are_supported(folder: Path) -> None:
    [settings] = [block.body for path in folder.glob("*.tf") for block in blocks(path, "terraform")]
    assert settings["required_version"] == (">= 1.9" if folder in MODULES else ">= 1.11")
    [providers] = settings["required_providers"]
    assert providers == {"aws": {"source": "hashicorp/aws", "version": ">= 5.100, < 7"}}


@pytest.mark.parametrize("folder", ROOT_MODULES, ids=lambda folder: folder.name)
def test_every_environment_is_locked(folder: Path) -> None:
    lock = (folder / ".terraform.lock.hcl").read_text()
    assert 'constraints = ">= 5.100.0, < 7.0.0"' in lock
    assert 'version     = "5.100.0"' in lock


def test_output_settings_shows_every_variable() -> None:
    folder = ROOT / "modules/records-api"
    [settings] = [block for block in blocks(folder / "outputs.tf") if block.labels == ("settings",)]
    variables = [block.labels[0] for block in blocks(folder / "variables.tf", "variable")]
    assert sorted(settings.body["value"]) == variables


@pytest.mark.parametrize(
    ("file", "resource"),
    [("encryption.tf", "aws_kms_key"), ("api.tf", "aws_apigatewayv2_authorizer")],
)
def test_resources_in_use_are_created_before_destroyed(file: str, resource: str) -> None:
    """By default Terraform destroys first: AWS rejects that, or the table loses its key."""
    [block] = [
        block
        for block in blocks(ROOT / "modules/records-api" / file, "resource")
        if block.labels[0] == resource
    ]
    [lifecycle] = block.body["lifecycle"]
    assert lifecycle["create_before_destroy"] is True
