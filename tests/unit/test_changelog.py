"""The version of the sources agrees with the changelog, the contract and the distribution."""

import tomllib

import pytest
import yaml

from lib import changelog
from lib.paths import ROOT
from records_api import __version__

RELEASED = "# Changelog\n\n## [1.1.0] - 2026-02-01\n\n- b\n\n## [1.0.0] - 2026-01-01\n\n- a\n"
DEVELOPED = RELEASED.replace("## [1.1.0]", "## [Unreleased]\n\n- c\n\n## [1.1.0]")


def test_sections_have_name_date_and_text() -> None:
    assert changelog.sections(DEVELOPED) == [
        ("Unreleased", "", "- c"),
        ("1.1.0", "2026-02-01", "- b"),
        ("1.0.0", "2026-01-01", "- a"),
    ]


@pytest.mark.parametrize(
    ("text", "version", "problem"),
    [
        (RELEASED, "1.1.0", ""),
        (DEVELOPED, "1.1.1-dev", ""),
        (DEVELOPED, "2.0.0-dev", ""),
        (DEVELOPED, "1.1.0", "the version ends with -dev"),
        (DEVELOPED, "1.1.0-dev", "must be above the newest release"),
        (RELEASED, "1.1.1-dev", "newest section is 1.1.0"),
        (RELEASED, "1.2.0", "newest section is 1.1.0"),
        (RELEASED, "1.1", "is not X.Y.Z"),
        (RELEASED.replace(" - 2026-02-01", ""), "1.1.0", "not a version with a date"),
        (RELEASED.replace("1.0.0", "1.2.0"), "1.1.0", "do not descend"),
        ("# Changelog\n", "1.1.0", "there is no section"),
    ],
)
def test_version_follows_the_newest_section(text: str, version: str, problem: str) -> None:
    problems = changelog.problems(text, version)
    assert (not problems) if not problem else problem in "; ".join(problems)


def test_changelog_has_the_version_of_the_sources() -> None:
    assert not changelog.problems(changelog.CHANGELOG.read_text())


def test_version_is_stated_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "lambda/records_api/__init__.py"


def test_contract_has_the_version_that_it_will_be_released_with() -> None:
    document = yaml.safe_load((ROOT / "lambda/openapi.yaml").read_text())
    assert document["info"]["version"] == __version__.removesuffix(changelog.SUFFIX)
