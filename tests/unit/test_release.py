"""The files of a release: they describe the committed package, and a wrong tag is refused."""

import base64
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import cyclonedx.schema
import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from lib import api_page, changelog, check_modules, package, release, sbom
from lib.console import Failure
from lib.paths import ROOT
from lib.terraform import Result, Terraform

RELEASED = "# Changelog\n\n## [1.0.0] - 2026-12-01\n\n### Added\n\n- all\n"
ZIP = (package.PACKAGE / "records-api.zip").read_bytes()
REQUIREMENTS = (package.SOURCES / "requirements.txt").read_text()


def test_notes_are_the_section_of_the_changelog() -> None:
    assert release.notes("v1.0.0", RELEASED, "1.0.0") == "### Added\n\n- all"


@pytest.mark.parametrize(
    ("tag", "text", "version", "cause"),
    [
        ("v1.0.1", RELEASED, "1.0.0", "the tag is v1.0.1, but the version of the sources is 1.0.0"),
        ("1.0.0", RELEASED, "1.0.0", "the tag is 1.0.0"),
        ("v1.1.0", RELEASED, "1.1.0", "the newest section is 1.0.0, but the version is 1.1.0"),
        (
            "v1.1.0-dev",
            RELEASED.replace("## [", "## [Unreleased]\n\n## [", 1),
            "1.1.0-dev",
            "1.1.0-dev has no section with a date",
        ),
    ],
)
def test_wrong_tag_is_refused(tag: str, text: str, version: str, cause: str) -> None:
    with pytest.raises(Failure) as failure:
        release.notes(tag, text, version)
    assert cause in failure.value.cause


def test_contradiction_of_version_and_changelog_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(RELEASED)
    monkeypatch.setattr(changelog, "CHANGELOG", tmp_path / "CHANGELOG.md")
    with pytest.raises(Failure, match=r"the newest section is 1\.0\.0, but the version is"):
        release.check()


def test_files_are_those_of_the_checkout_with_their_sums(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(api_page, "redoc", lambda: "")
    files = release.assets("1.2.3")
    assert list(files) == [
        "records-api-1.2.3.zip",
        "records-api-1.2.3.cdx.json",
        "records-api-1.2.3.openapi.yaml",
        "records-api-1.2.3.html",
        "SHA256SUMS",
    ]
    assert files["records-api-1.2.3.zip"] == ZIP
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    checked = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=True
    )
    assert checked.stdout.count(b": OK") == len(files) - 1


def cyclonedx_faults(content: Any) -> list[str]:
    """Return what is wrong with an SBOM by the schema of CycloneDX 1.6."""
    folder = Path(cyclonedx.schema.__file__).parent / "_res"
    schemas = {
        path.name.replace(".SNAPSHOT", ""): Resource.from_contents(json.loads(path.read_text()))
        for path in folder.glob("*.schema.json")
    }
    base = "http://cyclonedx.org/schema/"
    registry: Registry[Any] = Registry().with_resources(
        [
            (f"{base}{spelled}", resource)
            for name, resource in schemas.items()
            for spelled in (name, name.replace(".schema", ".SNAPSHOT.schema"))
        ]
    )
    schema = schemas["bom-1.6.schema.json"].contents
    return [
        error.message for error in Draft7Validator(schema, registry=registry).iter_errors(content)
    ]


def test_sbom_describes_the_package_and_its_dependency() -> None:
    content = json.loads(sbom.bill(ZIP, REQUIREMENTS, "1.2.3"))
    assert cyclonedx_faults(content) == []
    assert cyclonedx_faults(content | {"components": [{"name": "no type"}]})
    service = content["metadata"]["component"]
    assert (service["name"], service["version"]) == ("records-api", "1.2.3")
    assert service["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(ZIP).hexdigest()}]
    (dependency,) = content["components"]
    assert dependency["purl"] == f"pkg:pypi/{dependency['name']}@{dependency['version']}"
    assert f"{dependency['name']}=={dependency['version']}" in REQUIREMENTS
    assert dependency["hashes"][0]["content"] in REQUIREMENTS
    assert dependency["licenses"] == [{"expression": "BSD-2-Clause"}]
    assert sbom.bill(ZIP, REQUIREMENTS, "1.2.3") == sbom.bill(ZIP, REQUIREMENTS, "1.2.3")


def test_sbom_of_another_package_fails() -> None:
    other = REQUIREMENTS.replace("==", "==9.")
    with pytest.raises(Failure, match=r"does not contain python-json-logger 9\."):
        sbom.bill(ZIP, other, "1.2.3")


def test_page_contains_the_document_and_loads_nothing() -> None:
    document = yaml.safe_load(api_page.DOCUMENT.read_text())
    document["info"]["description"] = "</script><b>"
    text = api_page.page(document, 'var ended = "</script>";')
    assert text.count("</script>") == 2
    assert "src=" not in text.replace("-src", "")
    assert "default-src 'none'" in text
    start = text.index("Redoc.init(") + len("Redoc.init(")
    assert json.JSONDecoder().raw_decode(text[start:])[0] == document


def test_other_redoc_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = tmp_path / f"redoc-{api_page.REDOC}.tgz"
    (tmp_path / "script.js").write_text("script")
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "script.js", "package/bundles/redoc.standalone.js")
    with pytest.raises(Failure, match="differs from the pinned one"):
        api_page.redoc(tmp_path)
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    monkeypatch.setattr(api_page, "INTEGRITY", digest)
    assert api_page.redoc(tmp_path) == "script"


@pytest.mark.full
def test_pinned_redoc_can_be_downloaded(tmp_path: Path) -> None:
    assert "Redoc" in api_page.redoc(tmp_path)


def test_actions_are_pinned_with_their_version() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        uses = [line for line in workflow.read_text().splitlines() if " uses: " in line]
        assert uses
        for line in uses:
            pin, _, comment = line.partition(" # ")
            assert len(pin.rpartition("@")[2]) == 40, line
            assert comment.startswith("v"), line


def test_every_module_is_planned_with_another_provider(tmp_path: Path) -> None:
    check_modules.copy(tmp_path, "~> 6.0")
    names = [module.name for module in check_modules.modules(tmp_path)]
    assert names == sorted(path.name for path in (ROOT / "modules").iterdir())
    for name in names:
        text = (tmp_path / "modules" / name / "provider_override.tf").read_text()
        assert 'version = "~> 6.0"' in text
        tests = [path.name for path in (tmp_path / "modules" / name / "tests").glob("*.hcl")]
        assert tests == ["examples.tftest.hcl"]


def test_failed_module_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = tmp_path / "modules/a/tests/examples.tftest.hcl"
    example.parent.mkdir(parents=True)
    example.touch()
    runner = Terraform("terraform", None, tmp_path / "log")
    monkeypatch.setattr(Terraform, "call", lambda *_, **__: Result(1, "Error: no such version\n"))
    with pytest.raises(Failure, match="init failed in modules/a: no such version"):
        list(check_modules.check(runner, tmp_path))
