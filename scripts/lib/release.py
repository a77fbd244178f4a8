"""Checks that a tag can be released, and writes the files of the release into a folder.

These are the package, its SBOM, the OpenAPI document and its page, `SHA256SUMS`, and `notes.md`,
the section of CHANGELOG.md. .github/workflows/release.yml publishes them; docs/release.md says how.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from lib import api_page, changelog, compatibility, package, sbom, venvs
from lib.console import Failure, argument_parser, main, step
from lib.paths import ROOT, shown
from records_api import __version__

SUMS, NOTES = "SHA256SUMS", "notes.md"


def notes(tag: str, text: str, version: str = __version__) -> str:
    """Return the section of the changelog `text` for a tag such as `v1.2.3`.

    Raises Failure if the tag, the version of the sources and the newest section differ.
    """
    found = changelog.problems(text, version)
    if tag != f"v{version}":
        found.insert(0, f"the tag is {tag}, but the version of the sources is {version}")
    if not found and changelog.sections(text)[0].name != version:
        found.append(f"{version} has no section with a date")
    if found:
        raise Failure(f"{tag} cannot be released: {'; '.join(found)}", "see docs/release.md")
    return changelog.sections(text)[0].text


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return the lines that `sha256sum --check` reads."""
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    return "".join(sorted(lines)).encode()


def assets(version: str) -> dict[str, bytes]:
    """Return name -> content of the files that are attached to the release of `version`."""
    zipped = (package.PACKAGE / "records-api.zip").read_bytes()
    requirements = (package.SOURCES / "requirements.txt").read_text()
    files = {
        f"records-api-{version}.zip": zipped,
        f"records-api-{version}.cdx.json": sbom.bill(zipped, requirements, version),
        f"records-api-{version}.openapi.yaml": (ROOT / compatibility.DOCUMENT).read_bytes(),
        f"records-api-{version}.html": api_page.content().encode(),
    }
    return files | {SUMS: sums(files)}


def check() -> str:
    """Check version, changelog and compatibility; return what was compared. Raises Failure."""
    if found := changelog.problems(changelog.CHANGELOG.read_text()):
        raise Failure(f"CHANGELOG.md: {'; '.join(found)}", "see docs/release.md")
    return f"{__version__}: {compatibility.check()}"


def _verb() -> None:
    parser = argument_parser(prog="scripts/release", description=__doc__)
    parser.add_argument(
        "tag", nargs="?", help="such as v1.2.3; without it, only the checks of every commit run"
    )
    parser.add_argument("--output", type=Path, default=Path("dist"), help="default: dist")
    arguments = parser.parse_args()
    venvs.run_in("dev", "lib.release")
    if arguments.tag is None:
        with step("version, changelog and API") as line:
            line.note = check()
        return
    venvs.required_runtime()  # without it, the package could not be compared byte for byte
    with step("tag, version and changelog"):
        text = notes(arguments.tag, changelog.CHANGELOG.read_text())
    with step("package, built again") as line:
        line.note = package.check()
    with step("compatibility of the API") as line:
        line.note = compatibility.check()
    with step("files of the release") as line:
        files = assets(__version__)
        arguments.output.mkdir(parents=True, exist_ok=True)
        for name, data in {**files, NOTES: f"{text}\n".encode()}.items():
            (arguments.output / name).write_bytes(data)
        line.note = f"{len(files)} in {shown(arguments.output.resolve())}"


if __name__ == "__main__":
    main(_verb)
