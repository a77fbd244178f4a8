"""What `terraform validate` lets pass and this house does not; on the text of the HCL."""

import re
from pathlib import Path

import pytest

from policy.hcl import MODULES, ROOT, ROOT_MODULES, Block, blocks, code, sources

# Attributes that provider 6 removed or deprecated, by resource: https://registry.terraform.io/providers/hashicorp/aws
# under "Version 6 Upgrade". References come as `type.name.attribute`, settings as a line of the resource's block.
REFUSED_REFERENCES = {
    r"data\.aws_region\.\w+\.(?:name|region)\b": "use .id",
    r"\baws_s3_bucket\.\w+(?:\[[^\]]+\])?\.region\b": "provider 6 says bucket_region",
}
REFUSED_SETTINGS = {
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

RESOURCES = [
    block for path in sources() for kind in ("resource", "data") for block in blocks(path, kind)
]
VARIABLES = [block for path in sources() for block in blocks(path, "variable")]
OUTPUTS = [block for path in sources() for block in blocks(path, "output")]


def refused_settings(block: Block) -> set[str]:
    """Return which refused settings a resource or data source makes, at any depth."""
    names = REFUSED_SETTINGS.get(block.labels[0], set())
    return {
        name
        for name in names
        if re.search(rf'^\s+(?:dynamic "{name}" |{name} +(?:=|\{{))', block.body, re.MULTILINE)
    }


def by_path(blocks_: list[Block]) -> dict[Path, list[str]]:
    """Return the names of blocks in the order of each file."""
    names: dict[Path, list[str]] = {}
    for block in blocks_:
        names.setdefault(block.path, []).append(block.labels[0])
    return names


def test_there_is_something_to_check() -> None:
    assert {"records-api", "audit-trail"} <= {path.name for path in MODULES}
    assert {"local", "dev", "prod"} <= {path.name for path in ROOT_MODULES}
    assert {"aws_dynamodb_table", "aws_lambda_function", "aws_region"} <= {
        block.labels[0] for block in RESOURCES
    }
    assert {"access", "tags"} <= {block.labels[0] for block in VARIABLES}
    assert {"api_id", "writer_role_arn"} <= {block.labels[0] for block in OUTPUTS}


@pytest.mark.parametrize("pattern", REFUSED_REFERENCES)
def test_nothing_reads_what_provider_6_removed(pattern: str) -> None:
    assert not [path for path in sources() if re.search(pattern, code(path))], REFUSED_REFERENCES[
        pattern
    ]


def test_nothing_sets_what_provider_6_removed() -> None:
    found = {(block.labels[0], name) for block in RESOURCES for name in refused_settings(block)}
    assert found == EXCEPTIONS, "refused settings, or exceptions that nothing needs any more"


def test_no_role_may_create_log_groups() -> None:
    assert not [path for path in sources() if "CreateLogGroup" in code(path)]


def test_the_module_keeps_to_its_number_of_variables() -> None:
    assert len(by_path(VARIABLES)[ROOT / "modules/records-api/variables.tf"]) <= MOST_VARIABLES


def test_every_variable_has_a_type_and_none_is_any() -> None:
    assert not [
        block.address
        for block in VARIABLES
        if re.search(r"\bany\b", block.attribute("type") or "any")
    ]


def test_null_is_let_in_where_it_means_something_only() -> None:
    loose = [
        block.address
        for block in VARIABLES
        if block.attribute("nullable") != "false" and block.attribute("default") != "null"
    ]
    assert not loose, "nullable = false, or a default of null that the description explains"


@pytest.mark.parametrize("blocks_", [VARIABLES, OUTPUTS], ids=["variables", "outputs"])
def test_interfaces_are_described_and_in_order(blocks_: list[Block]) -> None:
    assert not [block.address for block in blocks_ if not block.attribute("description")]
    assert not [path for path, names in by_path(blocks_).items() if names != sorted(names)]


@pytest.mark.parametrize("folder", MODULES + ROOT_MODULES, ids=lambda folder: folder.name)
def test_versions_are_those_this_house_supports(folder: Path) -> None:
    settings = [block.body for path in folder.glob("*.tf") for block in blocks(path, "terraform")]
    assert len(settings) == 1
    oldest = re.findall(r'required_version += ">= (.+)"', settings[0])
    assert oldest == ["1.9" if folder in MODULES else "1.11"]
    assert re.findall(r'version += "(.+)"', settings[0].partition("required_providers")[2]) == [
        ">= 5.100, < 7"
    ]


@pytest.mark.parametrize("folder", ROOT_MODULES, ids=lambda folder: folder.name)
def test_every_environment_is_locked(folder: Path) -> None:
    lock = (folder / ".terraform.lock.hcl").read_text()
    assert 'constraints = ">= 5.100.0, < 7.0.0"' in lock
    assert 'version     = "5.100.0"' in lock


@pytest.mark.parametrize("kind", ["variable", "output"])
def test_the_readme_lists_the_interface(kind: str) -> None:
    heading = {"variable": "Inputs", "output": "Outputs"}[kind]
    table = (
        (ROOT / "modules/records-api/README.md")
        .read_text()
        .partition(f"## {heading}\n")[2]
        .partition("\n## ")[0]
    )
    listed = [
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    interface = [
        block.labels[0] for block in blocks(ROOT / f"modules/records-api/{kind}s.tf", kind)
    ]
    assert sorted(listed) == interface


def test_the_settings_in_effect_show_every_variable() -> None:
    folder = ROOT / "modules/records-api"
    [settings] = [block for block in blocks(folder / "outputs.tf") if block.labels == ("settings",)]
    shown = re.findall(r"^    (\w+) +=", settings.body, re.MULTILINE)
    variables = [block.labels[0] for block in blocks(folder / "variables.tf", "variable")]
    assert sorted(shown) == variables


@pytest.mark.parametrize(
    ("file", "resource"),
    [("encryption.tf", "aws_kms_key"), ("api.tf", "aws_apigatewayv2_authorizer")],
)
def test_what_others_still_name_goes_last(file: str, resource: str) -> None:
    """By default Terraform destroys first: AWS then refuses the authorizer, and the table loses its key."""
    [block] = [
        block
        for block in blocks(ROOT / "modules/records-api" / file)
        if block.labels[:1] == (resource,)
    ]
    assert re.search(
        r"^  lifecycle \{\n    create_before_destroy = true$", block.body, re.MULTILINE
    )
