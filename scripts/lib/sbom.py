"""The software bill of materials (SBOM) of the function's package, in CycloneDX 1.6."""

import hashlib
import io
import json
import re
import uuid
import zipfile
from email import message_from_bytes
from typing import Any

from lib.console import Failure

_REQUIREMENT = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[\w.]+)[\s\\]+--hash=sha256:(?P<sha256>\w{64})", re.MULTILINE
)
_SUPPLIER = "Maintainers of the Internal Records API"


def bill(package: bytes, requirements: str, version: str) -> bytes:
    """Return the SBOM of `package`, a zip, as JSON.

    `requirements` are its pinned dependencies; their licenses are read from the package. The same
    package has the same SBOM: it contains no time. Raises Failure if a dependency is not in the
    package.
    """
    digest = hashlib.sha256(package).hexdigest()
    service = {
        "type": "application",
        "bom-ref": f"records-api@{version}",
        "name": "records-api",
        "version": version,
        "supplier": {"name": _SUPPLIER},
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": [{"expression": "Apache-2.0"}],
    }
    archive = zipfile.ZipFile(io.BytesIO(package))
    components = [
        _component(archive, found["name"], found["version"], found["sha256"])
        for found in _REQUIREMENT.finditer(requirements)
    ]
    references = [component["bom-ref"] for component in components]
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {"component": service},
        "components": components,
        "dependencies": [
            {"ref": service["bom-ref"], "dependsOn": references},
            *({"ref": reference} for reference in references),
        ],
    }
    return f"{json.dumps(content, indent=2)}\n".encode()


def _component(archive: zipfile.ZipFile, name: str, version: str, sha256: str) -> dict[str, Any]:
    folder = f"{name.replace('-', '_')}-{version}.dist-info"
    try:
        metadata = message_from_bytes(archive.read(f"{folder}/METADATA"))
    except KeyError:
        raise Failure(
            f"the package does not contain {name} {version}", "run scripts/package"
        ) from None
    expression = metadata.get("License-Expression")
    license_ = {"expression": expression} if expression else {"license": {"name": "see METADATA"}}
    reference = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [license_],
    }
